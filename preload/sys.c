/*
 * The system calls that are more than one call. Everything else is inline in sys.h.
 *
 * What the recorder opens has a number for as long as it is open, and the program may close any number: a daemon that
 * closes all from 3 to 1023 does, with other threads at work. Then its next file gets that number, and our next write
 * would go into it. So in a program with several threads a descriptor is opened, used and closed in a table of its own,
 * that of a thread which is made for it, and waited for:
 *
 *     block signals; clone with the flags of pthread_create, which sandboxes let through
 *         in the new thread: close_range(0, ~0, CLOSE_RANGE_UNSHARE)     an empty table (Linux 5.9; else the shared one)
 *                            open, write or map, close
 *     wait until the kernel says that it is gone
 *
 * It takes 40 us of processor time, and 90 until it is done, beside the 170 to 250 us of compressing a segment. A program
 * with one thread does nothing while we do something, and needs this only when it has no descriptor left: the limit counts
 * for each table. What such a thread has to say goes to the program's standard error all the same (pidfd_getfd).
 *
 * Any thread may enter, from inside a hook. The state here is the stacks: a thread holds one for as long as it waits, and
 * waits for nothing else.
 */
#include "sys.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>

#define RSD_EMFILE 24
#define STACKS 16u             /* that many threads write at a time; the next waits for one of them */
#define STACK_SIZE (64u << 10) /* a handler of SIGSYS may come, with all registers */
#define WAIT_NS 1000000u       /* for a flag, */
#define WAITS 200u             /* so often */
#define APART_FLAGS                                                                                                    \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS |                 \
     CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* ---- descriptors ---- */

static _Thread_local bool is_apart; /* this thread has a table of its own, or one that works for it */
static _Thread_local bool at_work;  /* one works for it, whatever table it has: what it does it does itself */

bool rsd_sys_leave_descriptors(void) {
    is_apart = RSD_SYSCALL(close_range, 0, ~0u, CLOSE_RANGE_UNSHARE, 0, 0, 0) == 0;
    return is_apart;
}

void rsd_sys_be_batch(void) {
    static const struct sched_param none;
    if (RSD_SYSCALL(sched_getscheduler, 0, 0, 0, 0, 0, 0) == SCHED_OTHER)
        RSD_SYSCALL(sched_setscheduler, 0, SCHED_BATCH, &none, 0, 0, 0);
}

struct job {
    long (*work)(void *);
    void *argument;
    long result;
};

/* The thread that waits has the same thread-local variables. */
static void run_job(void *p) {
    struct job *job = p;
    rsd_sys_leave_descriptors();
    at_work = true;
    job->result = job->work(job->argument);
    is_apart = at_work = false;
}

/* Stacks that are used again and again: fresh pages would double the cost. */
static struct stack {
    _Atomic bool taken;
    char *memory;
} stacks[STACKS];

static struct stack *take_stack(void) {
    for (unsigned i = 0;; i = (i + 1) % STACKS) {
        if (!atomic_exchange_explicit(&stacks[i].taken, true, memory_order_acquire))
            return &stacks[i];
        if (i + 1 == STACKS)
            rsd_sys_yield();
    }
}

void rsd_sys_after_fork(void) {
    for (unsigned i = 0; i < STACKS; i++)
        atomic_store_explicit(&stacks[i].taken, false, memory_order_relaxed);
}

static bool clone_and_wait(const struct stack *stack, struct job *job) {
    _Atomic int tid = 0;
    bool made = rsd_cpu_clone(APART_FLAGS, stack->memory + STACK_SIZE, &tid, run_job, job) > 0;
    for (int running; made && (running = atomic_load(&tid)) != 0;)
        RSD_SYSCALL(futex, &tid, FUTEX_WAIT, running, 0, 0, 0);
    return made;
}

/* False: no thread could be made. */
static bool run_in_thread(struct job *job) {
    struct stack *stack = take_stack();
    if (!stack->memory)
        stack->memory = rsd_sys_memory(STACK_SIZE);
    bool made = stack->memory && clone_and_wait(stack, job);
    atomic_store_explicit(&stack->taken, false, memory_order_release);
    return made;
}

long rsd_sys_apart(long (*work)(void *), void *argument) {
    struct job job = {work, argument, -RSD_EMFILE};
    uint64_t signals = rsd_sys_block_signals();
    bool here = is_apart || at_work;
    if (here || __libc_single_threaded)
        job.result = work(argument);
    if (!here && job.result == -RSD_EMFILE && !run_in_thread(&job) && !__libc_single_threaded)
        job.result = work(argument);
    rsd_sys_restore_signals(signals);
    return job.result;
}

void rsd_sys_say(const void *text, size_t size) {
    if (!is_apart) {
        rsd_sys_write_all(2, text, size);
        return;
    }
    int process = (int)RSD_SYSCALL(pidfd_open, rsd_sys_pid(), 0, 0, 0, 0, 0);
    int theirs = (int)RSD_SYSCALL(pidfd_getfd, process, 2, 0, 0, 0, 0);
    if (theirs >= 0) {
        rsd_sys_write_all(theirs, text, size);
        rsd_sys_close(theirs);
    }
    if (process >= 0)
        rsd_sys_close(process);
}

/* ---- files ---- */

struct slurp {
    const char *path;
    char *out;
    size_t size;
};

static long slurp(void *p) {
    const struct slurp *s = p;
    int fd = rsd_sys_open(s->path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    size_t used = 0;
    long got = 0;
    while (used + 1 < s->size && (got = rsd_sys_read(fd, s->out + used, s->size - 1 - used)) > 0)
        used += (size_t)got;
    rsd_sys_close(fd);
    s->out[used] = '\0';
    return got < 0 ? got : (long)used;
}

long rsd_sys_slurp(const char *path, char *out, size_t size) {
    return rsd_sys_apart(slurp, &(struct slurp){path, out, size});
}

bool rsd_sys_file_may_grow(uint64_t size) {
    struct rlimit limit;
    return RSD_SYSCALL(prlimit64, 0, RLIMIT_FSIZE, 0, &limit, 0, 0) < 0 || size <= limit.rlim_cur;
}

bool rsd_sys_take_flag(atomic_flag *flag) {
    for (unsigned i = 0; atomic_flag_test_and_set(flag); i++) {
        if (i == WAITS)
            return false;
        rsd_sys_sleep_ns(WAIT_NS);
    }
    return true;
}
