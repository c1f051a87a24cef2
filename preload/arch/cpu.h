/*
 * What is particular to the processor on the recording path: the fenced clock, the raw system call, and a thread
 * without libc.
 *
 * A raw call leaves errno alone and is never a cancellation point, which is why the recorder makes all of its own
 * calls in this way. It returns what the kernel returns: a negative errno on failure.
 */
#ifndef RSD_ARCH_CPU_H
#define RSD_ARCH_CPU_H

#include <stdint.h>
#include <sys/syscall.h>

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

/* What tells threads apart. */
static inline uintptr_t rsd_cpu_thread_pointer(void) {
    uintptr_t pointer;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(pointer));
    return pointer;
}

/* clone: a thread that does work(argument) on a stack of its own, and ends. It has the caller's thread-local variables:
 * the caller must do nothing until *tid is 0 again. */
static inline long rsd_cpu_clone(long flags, void *stack_end, void *tid, void (*work)(void *), void *argument) {
    long result;
    register long r10 __asm__("r10") = (long)tid;
    register uintptr_t r8 __asm__("r8") = rsd_cpu_thread_pointer();
    register void *r9 __asm__("r9") = argument;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "mov %%r9, %%rdi\n\t"
                     "call *%%rbx\n\t"
                     "mov %[exit], %%eax\n\t"
                     "xor %%edi, %%edi\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone), "D"(flags), "S"(stack_end), "d"(tid), "r"(r10), "r"(r8), "r"(r9),
                       "b"(work), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory");
    return result;
}

/* Have a line of the cache soon, and alone, to write to it. A processor that does not know the instruction does nothing. */
static inline void rsd_cpu_prefetch_to_write(const void *line) {
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
}

static inline void rsd_cpu_relax(void) {
    __builtin_ia32_pause();
}

#else
#error "residue's recorder knows x86-64 only"
#endif

#endif
