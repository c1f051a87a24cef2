/*
 * What is particular to the processor on the recording path: the fenced clock and the raw system call.
 *
 * A raw call leaves errno alone and is never a cancellation point, which is why the recorder makes all of its own
 * calls in this way. It returns what the kernel returns: a negative errno on failure.
 */
#ifndef RSD_ARCH_CPU_H
#define RSD_ARCH_CPU_H

#include <stdint.h>

#if defined(__x86_64__)

/* Without the fence the counter may be read before a lock is taken or a block is handed over: up to 98 % of hand-offs
 * between threads came out misordered. */
static inline uint64_t rsd_cpu_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

/* For how long something took, where order does not matter. */
static inline uint64_t rsd_cpu_ticks_unfenced(void) {
    return __builtin_ia32_rdtsc();
}

static inline long rsd_syscall6(long number, long a, long b, long c, long d, long e, long f) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static inline void rsd_cpu_relax(void) {
    __builtin_ia32_pause();
}

#else
#error "residue's recorder knows x86-64 only"
#endif

#endif
