/*
 * The helper: one thread that samples memory, and must never be noticed.
 *
 * - It starts with the program's first own thread. A program with one thread keeps one: some calls (unshare of a user
 *   namespace, setns) are refused to a process with two, and libc works without atomic operations as long as there is
 *   one. Such a program is sampled at its start, at its end, and when it seals a segment.
 * - All signals are blocked in it but SIGSYS, so that none meant for the program is delivered here.
 * - It has a descriptor table of its own, empty at first (close_range with CLOSE_RANGE_UNSHARE, Linux 5.9): what it opens
 *   has no number in the program's, and what the program closes is closed.
 * - It is nicer than the program by ten, and a batch thread (sched(7)): where all processors are busy, an event loop is not
 *   held up by a thread that has slept and is therefore next.
 * - Ten times a second it looks whether somebody asks for a mark (control.c): one failed open, 2 us.
 * - /proc/self/statm each second: about 10 us. smaps holds the lock that mmap waits for, 44 ms at 10,000 mappings, and so
 *   it is read at intervals of at least SHARE times what it cost last (in time of the processor: a busy machine is no
 *   reason to look away); else each second at first, every ten in the end. The first time is half a second after the start:
 *   a program that is done sooner is sampled when it ends.
 *
 * The thread's own allocations (its TLS) are recorded as the tracer's (guard.h).
 */
#include "helper.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "control.h"
#include "guard.h"
#include "init.h"
#include "process.h"
#include "real.h"
#include "sample.h"
#include "sealer.h"
#include "snapshot.h"
#include "sys.h"

#define SECOND_NS 1000000000u
#define TURNS 10u /* a second: how soon a mark is answered */
#define MAPPINGS_FIRST_NS (SECOND_NS / 2)
#define MAPPINGS_MOST_NS (10u * (uint64_t)SECOND_NS)
#define MAPPINGS_PART 20u /* of the time that the process has been recorded */
#define TALLIES_EVERY 30u /* seconds: what a kill may cost of the counts of calls */
#define SHARE 500u
#define SLOW_NS 50000000u /* reading smaps on the program's own thread must cost less than this */
#define NICER 10 /* a tenth of an equal's share: a mark is still answered soon on a machine that has nothing to spare */
#define STACK_SIZE (256u << 10)

static atomic_flag started = ATOMIC_FLAG_INIT;
static _Atomic bool running;
static atomic_flag writing = ATOMIC_FLAG_INIT; /* tallies */
static _Atomic uint64_t mappings_cost_ns;

static void sample_mappings(void) {
    atomic_store_explicit(&mappings_cost_ns, rsd_process_sample_mappings(), memory_order_relaxed);
}

static void write_tallies_of(struct rsd_thread *thread) {
    rsd_nursery_write_tallies(&thread->nursery, &thread->writer);
}

/* At exit the helper may be half way through. */
static void write_tallies(void) {
    if (!rsd_sys_take_flag(&writing))
        return;
    rsd_thread_each(write_tallies_of);
    atomic_flag_clear(&writing);
}

/* Often at first, for the ledgers of a short run are drawn from few samples; then less and less. */
static uint64_t mappings_interval(uint64_t now) {
    uint64_t least = SHARE * atomic_load_explicit(&mappings_cost_ns, memory_order_relaxed);
    uint64_t wanted = (now - rsd_trace.start.monotonic_ns) / MAPPINGS_PART;
    wanted = wanted < SECOND_NS ? SECOND_NS : wanted > MAPPINGS_MOST_NS ? MAPPINGS_MOST_NS : wanted;
    return least > wanted ? least : wanted;
}

/* A symbol that is not there makes the loader keep a message. */
static void name_runtime(void) {
    struct rsd_thread *self = rsd_ours_begin();
    if (!self)
        return;
    rsd_process_name_runtime();
    rsd_process_say_javascript();
    rsd_forget_loader_error();
    rsd_ours_end(self);
}

static void each_second(unsigned seconds) {
    rsd_process_sample();
    if (seconds % TALLIES_EVERY == 0)
        write_tallies();
}

static void sample_mappings_if_due(uint64_t *next) {
    uint64_t now = rsd_sys_clock_ns(CLOCK_MONOTONIC);
    if (now < *next || rsd_sample_over_size())
        return;
    sample_mappings();
    *next = now + mappings_interval(now);
}

/* The system call counts niceness from 20, downwards. */
static void give_way(void) {
    long now = RSD_SYSCALL(getpriority, PRIO_PROCESS, 0, 0, 0, 0, 0);
    if (now > 0)
        RSD_SYSCALL(setpriority, PRIO_PROCESS, 0, 20 - now + NICER, 0, 0, 0);
}

static void *run(void *unused) {
    rsd_sys_leave_descriptors();
    RSD_SYSCALL(prctl, PR_SET_NAME, "residue", 0, 0, 0, 0);
    rsd_sys_be_batch();
    give_way();
    atomic_store(&running, true);
    name_runtime();
    uint64_t next_mappings = rsd_trace.start.monotonic_ns + MAPPINGS_FIRST_NS;
    for (unsigned turn = 0; rsd_alive(); turn++) {
        if (turn % TURNS == 0)
            each_second(turn / TURNS + 1);
        sample_mappings_if_due(&next_mappings);
        rsd_control_poll();
        rsd_snapshot_poll();
        rsd_sys_sleep_ns(SECOND_NS / TURNS);
    }
    return unused;
}

static int create(void *(*run_thread)(void *)) {
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSYS); /* the answer to a call of the thread's own (sys.h) */
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = rsd_real.pthread_create(&thread, &attributes, run_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return error;
}

bool rsd_helper_runs(void) {
    return atomic_load_explicit(&running, memory_order_relaxed);
}

void rsd_helper_after_fork(void) {
    atomic_flag_clear(&started);
    atomic_flag_clear(&writing);
    atomic_store(&running, false);
}

void rsd_helper_start(void) {
    if (atomic_flag_test_and_set(&started))
        return;
    struct rsd_thread *self = rsd_ours_begin();
    int before = errno;
    if (!self || create(run) != 0)
        atomic_flag_clear(&started); /* the next thread that the program makes tries again */
    else
        create(rsd_sealer_run); /* without it each thread seals its own segments */
    if (self)
        rsd_ours_end(self);
    errno = before;
}

void rsd_helper_sample_memory(void) {
    rsd_process_sample();
    write_tallies();
}

static long sample_all(void *unused) {
    (void)unused;
    rsd_helper_sample_memory();
    if (atomic_load_explicit(&mappings_cost_ns, memory_order_relaxed) < SLOW_NS)
        sample_mappings();
    return 0;
}

/* All by one thread, where it takes one to open files. */
void rsd_helper_sample_all(void) {
    int before = errno;
    rsd_sys_apart(sample_all, NULL);
    errno = before;
}
