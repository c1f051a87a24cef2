/*
 * The recorder's way to the operating system: every system call that it makes itself stands here. Nothing sets errno,
 * nothing passes through a hook. Results are the kernel's: negative errno on failure.
 */
#ifndef RSD_SYS_H
#define RSD_SYS_H

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>

#include "arch/cpu.h"

#define RSD_SYSCALL(name, a, b, c, d, e, f)                                                                            \
    rsd_syscall6(SYS_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#define RSD_ESRCH 3
#define RSD_EINTR 4

static inline bool rsd_sys_failed(const void *mapping) {
    return (uintptr_t)mapping > (uintptr_t)-4096;
}

/* Zeroed private memory, or NULL. The recorder's only allocator. Kept out of core dumps, and by that flag the kernel does
 * not join it to the program's own mappings: process.c tells the two apart in smaps. */
static inline void *rsd_sys_memory(size_t size) {
    void *p = (void *)RSD_SYSCALL(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (rsd_sys_failed(p))
        return NULL;
    RSD_SYSCALL(madvise, p, size, MADV_DONTDUMP, 0, 0, 0);
    return p;
}

/* Memory that is used here and there only. */
static inline void rsd_sys_small_pages(void *start, size_t size) {
    RSD_SYSCALL(madvise, start, size, MADV_NOHUGEPAGE, 0, 0, 0);
}

/* What is in it is not needed any more: its pages go back, and it reads as zeros. */
static inline void rsd_sys_discard(void *start, size_t size) {
    RSD_SYSCALL(madvise, start, size, MADV_DONTNEED, 0, 0, 0);
}

/* Memory that will be used all over, here and there, and read before it is written: page by page the kernel would map its zeros
 * first and then a page of our own, which takes twice the time (2.6 us; so 1.3). Before Linux 5.14 it still does. */
static inline void rsd_sys_populate(void *start, size_t size) {
    uintptr_t from = (uintptr_t)start & ~(uintptr_t)4095;
    RSD_SYSCALL(madvise, from, (uintptr_t)start + size - from, 23 /* MADV_POPULATE_WRITE */, 0, 0, 0);
}

/* NULL and a negative errno when it fails. Of a file with nothing in it no more is read than what is touched: the kernel would
 * make and clear 128 KiB around the first page. */
static inline void *rsd_sys_map_file(int fd, size_t size, long *error) {
    void *p = (void *)RSD_SYSCALL(mmap, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!rsd_sys_failed(p)) {
        RSD_SYSCALL(madvise, p, size, MADV_RANDOM, 0, 0, 0);
        return p;
    }
    *error = (long)(intptr_t)p;
    return NULL;
}

/* Zeroed private memory in the place of what is mapped there. */
static inline void rsd_sys_replace_by_memory(void *start, size_t size) {
    RSD_SYSCALL(mmap, start, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static inline void rsd_sys_unmap(void *start, size_t size) {
    RSD_SYSCALL(munmap, start, size, 0, 0, 0, 0);
}

static inline long rsd_sys_wipe_on_fork(void *start, size_t size) {
    return RSD_SYSCALL(madvise, start, size, MADV_WIPEONFORK, 0, 0, 0);
}

static inline int rsd_sys_open(const char *path, int flags, int mode) {
    long fd;
    do
        fd = RSD_SYSCALL(openat, AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY, mode, 0, 0);
    while (fd == -RSD_EINTR);
    return (int)fd;
}

static inline void rsd_sys_close(int fd) {
    RSD_SYSCALL(close, fd, 0, 0, 0, 0, 0);
}

static inline long rsd_sys_read(int fd, void *bytes, size_t size) {
    long got;
    do
        got = RSD_SYSCALL(read, fd, bytes, size, 0, 0, 0);
    while (got == -RSD_EINTR);
    return got;
}

/* All of it, or a negative errno; a short write is followed up. */
static inline long rsd_sys_write_all(int fd, const void *bytes, size_t size) {
    const char *p = bytes;
    while (size > 0) {
        long put = RSD_SYSCALL(write, fd, p, size, 0, 0, 0);
        if (put == -RSD_EINTR)
            continue;
        if (put < 0)
            return put;
        p += put;
        size -= (size_t)put;
    }
    return 0;
}

static inline long rsd_sys_size(int fd) {
    return RSD_SYSCALL(lseek, fd, 0, SEEK_END, 0, 0, 0);
}

/* The user that an open file belongs to, or a negative errno. */
static inline long rsd_sys_owner(int fd) {
    struct stat status;
    long error = RSD_SYSCALL(fstat, fd, &status, 0, 0, 0, 0);
    return error < 0 ? error : (long)status.st_uid;
}

static inline long rsd_sys_user(void) {
    return RSD_SYSCALL(geteuid, 0, 0, 0, 0, 0, 0);
}

static inline long rsd_sys_truncate(int fd, uint64_t size) {
    return RSD_SYSCALL(ftruncate, fd, size, 0, 0, 0, 0);
}

/* Make the file `size` bytes long with its blocks reserved, so that a store into a mapping of it cannot fail. */
static inline long rsd_sys_reserve(int fd, size_t size) {
    return RSD_SYSCALL(fallocate, fd, 0, 0, size, 0, 0);
}

static inline long rsd_sys_statfs(const char *path, struct statfs *out) {
    return RSD_SYSCALL(statfs, path, out, 0, 0, 0, 0);
}

static inline long rsd_sys_mkdir(const char *path, int mode) {
    return RSD_SYSCALL(mkdir, path, mode, 0, 0, 0, 0);
}

static inline long rsd_sys_rmdir(const char *path) {
    return RSD_SYSCALL(rmdir, path, 0, 0, 0, 0, 0);
}

static inline long rsd_sys_unlink(const char *path) {
    return RSD_SYSCALL(unlink, path, 0, 0, 0, 0, 0);
}

static inline long rsd_sys_readlink(const char *path, char *out, size_t size) {
    return RSD_SYSCALL(readlink, path, out, size, 0, 0, 0);
}

static inline long rsd_sys_getcwd(char *out, size_t size) {
    return RSD_SYSCALL(getcwd, out, size, 0, 0, 0, 0);
}

static inline int rsd_sys_pid(void) {
    return (int)RSD_SYSCALL(getpid, 0, 0, 0, 0, 0, 0);
}

static inline int rsd_sys_parent_pid(void) {
    return (int)RSD_SYSCALL(getppid, 0, 0, 0, 0, 0, 0);
}

static inline int rsd_sys_tid(void) {
    return (int)RSD_SYSCALL(gettid, 0, 0, 0, 0, 0, 0);
}

/* All of them, for the calling thread, also those that libc keeps for itself (a cancellation); but SIGSYS, by which a
 * seccomp filter tells the program's handler of a call that it forbids, and kills where that is blocked. Returns what was
 * blocked before. */
static inline uint64_t rsd_sys_block_signals(void) {
    uint64_t all = ~(UINT64_C(1) << (SIGSYS - 1)), before = 0;
    RSD_SYSCALL(rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all, 0, 0);
    return before;
}

static inline void rsd_sys_restore_signals(uint64_t before) {
    RSD_SYSCALL(rt_sigprocmask, SIG_SETMASK, &before, 0, sizeof before, 0, 0);
}

/* Whether a thread of this process may still exist. Only one answer says that it does not: a filter may forbid to ask. */
static inline bool rsd_sys_thread_lives(int pid, int tid) {
    return RSD_SYSCALL(tgkill, pid, tid, 0, 0, 0, 0) != -RSD_ESRCH;
}

static inline void rsd_sys_yield(void) {
    RSD_SYSCALL(sched_yield, 0, 0, 0, 0, 0, 0);
}

static inline void rsd_sys_sleep_ns(uint64_t ns) {
    struct timespec time = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    RSD_SYSCALL(nanosleep, &time, 0, 0, 0, 0, 0);
}

static inline uint64_t rsd_sys_clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* What work(argument) opens, it opens in a table of descriptors that the program has nothing to do with (sys.c). It must
 * begin with opening, and returns a negative errno when that fails; no signal handler comes in between. Returns what work
 * returns. */
long rsd_sys_apart(long (*work)(void *), void *argument);

/* In a child made by fork(): threads that were at work for others are not there. */
void rsd_sys_after_fork(void);

/* From now on this thread has an empty table of its own. False: this kernel cannot. */
bool rsd_sys_leave_descriptors(void);

/* From now on this thread takes no processor from one that runs when it wakes up: it waits for a free one, or for its turn. */
void rsd_sys_be_batch(void);

/* Set a flag that another thread may have set, after it is done; for as long as a program that ends can be kept waiting, since
 * that thread needs a processor that may be the caller's. False: it was not done by then. */
bool rsd_sys_take_flag(atomic_flag *flag);

/* Write to the program's standard error, also from a thread with a table of its own. */
void rsd_sys_say(const void *text, size_t size);

/* Whether a file may grow to `size` bytes. One that grows beyond RLIMIT_FSIZE raises SIGXFSZ, which kills. */
bool rsd_sys_file_may_grow(uint64_t size);

/* The whole of a small file of /proc or /sys, zero-terminated; bytes read, or a negative errno. */
long rsd_sys_slurp(const char *path, char *out, size_t size);

#endif
