/*
 * The sealer: a thread that compresses full segments and appends them to the logs, so that no hook waits for a disk, or for
 * a thread of its own to be scheduled (sys.c).
 *
 * It starts with the helper, and as it does, has all signals blocked and descriptors of its own. It is no nicer than the
 * program: whoever fills two segments before one is sealed has to wait for it, or to do its work. But it is woken in the
 * middle of a hook, and where all processors are busy it must not take that one: it is a batch thread (sched(7)).
 *
 *     queue   a stack of writers of which a segment is full: pushed by the thread that filled it, taken whole by the sealer
 *     rings   counts the pushes: what the sealer sleeps on
 *
 * A writer is in the queue once (`queued`). The sealer takes it out before it looks for what is full, so that what becomes
 * full later brings it in again. It may find nothing: its thread was faster. What it cannot write it leaves: the writer's
 * thread tries again when it needs the room, and says so if that fails.
 */
#include "sealer.h"

#include <linux/futex.h>
#include <sys/prctl.h>

#include "init.h"
#include "sys.h"

static _Atomic bool running;
static struct rsd_writer *_Atomic queue;
static _Atomic uint32_t rings;

static void push(struct rsd_writer *writer) {
    struct rsd_writer *first = atomic_load_explicit(&queue, memory_order_relaxed);
    do
        writer->next_queued = first;
    while (!atomic_compare_exchange_weak_explicit(&queue, &first, writer, memory_order_release, memory_order_relaxed));
}

static void ring(void) {
    atomic_fetch_add(&rings, 1);
    RSD_SYSCALL(futex, &rings, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

bool rsd_sealer_take(struct rsd_writer *writer) {
    if (!atomic_load(&running))
        return false;
    if (atomic_exchange(&writer->queued, true))
        return true;
    push(writer);
    ring();
    return true;
}

void rsd_sealer_end(void) {
    if (atomic_load(&running))
        ring();
}

static void seal_queued(void) {
    struct rsd_writer *next, *writer = atomic_exchange_explicit(&queue, NULL, memory_order_acquire);
    for (; writer; writer = next) {
        next = writer->next_queued;
        atomic_store(&writer->queued, false);
        rsd_writer_seal_waiting(writer);
    }
}

void *rsd_sealer_run(void *unused) {
    rsd_sys_leave_descriptors();
    RSD_SYSCALL(prctl, PR_SET_NAME, "residue-log", 0, 0, 0, 0);
    rsd_sys_be_batch();
    atomic_store(&running, true);
    while (rsd_alive()) {
        uint32_t seen = atomic_load(&rings);
        seal_queued();
        RSD_SYSCALL(futex, &rings, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0);
    }
    atomic_store(&running, false);
    return unused;
}

void rsd_sealer_after_fork(void) {
    atomic_store(&running, false);
    atomic_store(&queue, NULL);
    atomic_store(&rings, 0);
}
