/*
 * Slots: which thread writes where.
 *
 * A slot is a writer with its files, a trie, and an unwinder. A thread takes one at its first record and has it until
 * its last instruction: there is no thread-exit hook, because whatever runs last (TLS destructors, libc's own clean-up)
 * still allocates and frees. Instead a thread that needs a slot looks for one whose owner is gone, which the kernel
 * knows: tgkill(pid, tid, 0) fails. So 10,000 threads that follow one another make as many files as lived at once.
 *
 *     owner = claims << 32 | tid         claimed by compare-and-swap; the count makes a reused tid no ambiguity
 *
 * A tid that the kernel has given to a new thread which has no slot yet makes a dead owner look alive: the slot is
 * then taken a little later, by somebody else. If the new thread itself asks, it sees its own tid and knows.
 *
 * To look at every slot would make starting a thread cost as much as there are threads: at most LOOKS are looked at,
 * from a place that moves on.
 *
 * Locks: none. Threads: all.
 */
#include "thread.h"

#include <string.h>
#include <sys/prctl.h>

#include "guard.h"
#include "init.h"
#include "sys.h"

#define SLOTS 65536u
#define LOOKS 32u

__thread struct rsd_thread *rsd_self __attribute__((tls_model("initial-exec")));
static __thread volatile bool attaching __attribute__((tls_model("initial-exec")));

static struct rsd_thread *_Atomic slot[SLOTS]; /* [0, made), some NULL while they are being made */
static _Atomic uint32_t made;
static _Atomic uint32_t look_from;
static _Atomic uint32_t serials;
static _Atomic uint64_t unrecorded;

static bool claim(struct rsd_thread *thread, int tid) {
    uint64_t owner = atomic_load_explicit(&thread->owner, memory_order_acquire);
    int owner_tid = (int)(uint32_t)owner;
    if (owner_tid != tid && rsd_sys_thread_lives(rsd_trace.pid, owner_tid))
        return false;
    uint64_t mine = (((owner >> 32) + 1) << 32) | (uint32_t)tid;
    return atomic_compare_exchange_strong(&thread->owner, &owner, mine);
}

static struct rsd_thread *find_orphan(int tid) {
    uint32_t count = atomic_load(&made);
    uint32_t from = atomic_load_explicit(&look_from, memory_order_relaxed);
    for (uint32_t i = 0; i < count && i < LOOKS; i++) {
        uint32_t at = (from + i) % count;
        struct rsd_thread *thread = atomic_load_explicit(&slot[at], memory_order_acquire);
        if (thread && claim(thread, tid)) {
            atomic_store_explicit(&look_from, at + 1, memory_order_relaxed);
            return thread;
        }
    }
    atomic_store_explicit(&look_from, from + LOOKS, memory_order_relaxed);
    return NULL;
}

/* A slot in memory: the struct, the unwinder, the names. */
static size_t own_size(void) {
    return (sizeof(struct rsd_thread) + 63) & ~(size_t)63;
}

static size_t unwinder_size(void) {
    return (rsd_unwinder_size(rsd_trace.depth) + 63) & ~(size_t)63;
}

static size_t slot_size(void) {
    return own_size() + unwinder_size() + (rsd_names_from_frames() ? rsd_names_size(rsd_trace.depth) : 0);
}

static struct rsd_thread *make_slot(int tid) {
    uint32_t number = atomic_fetch_add(&made, 1);
    if (number >= SLOTS) {
        atomic_fetch_sub(&made, 1);
        return NULL;
    }
    struct rsd_thread *thread = rsd_sys_memory(slot_size());
    if (!thread || !rsd_trie_init(&thread->trie)) {
        rsd_stop(-ENOMEM, "no memory for a thread's state");
        return NULL;
    }
    if (!rsd_writer_open(&thread->writer, number + 1))
        return NULL;
    if (rsd_trace.nursery && !rsd_nursery_init(&thread->nursery, &thread->writer)) {
        rsd_stop(-ENOMEM, "no memory for a thread's nursery");
        return NULL;
    }
    thread->unwinder = (struct rsd_unwinder *)((char *)thread + own_size());
    if (rsd_trace.javascript)
        rsd_names_init(thread, (char *)thread->unwinder + unwinder_size());
    atomic_store(&thread->owner, (uint64_t)1 << 32 | (uint32_t)tid);
    atomic_store_explicit(&slot[number], thread, memory_order_release);
    return thread;
}

static void introduce(struct rsd_thread *thread, int tid) {
    struct residue_thread record = {
        .head.tag = RESIDUE_TAG_THREAD,
        .tid = (uint32_t)tid,
        .serial = atomic_fetch_add(&serials, 1) + 1,
    };
    RSD_SYSCALL(prctl, PR_GET_NAME, record.name, 0, 0, 0, 0);
    rsd_writer_tagged(&thread->writer, &record.head, sizeof record, "", 0, "", 0);
    thread->writer.live->tid = record.tid;
    thread->writer.live->serial = record.serial;
    thread->writer.counter[RESIDUE_COUNTER_THREADS]++;
}

__attribute__((cold, noinline)) struct rsd_thread *rsd_thread_attach(void) {
    if (attaching)
        return NULL;
    attaching = true;
    int tid = rsd_sys_tid();
    struct rsd_thread *thread = rsd_begin_in_child() ? find_orphan(tid) : NULL;
    if (!thread && rsd_alive())
        thread = make_slot(tid);
    if (thread) {
        thread->ours = true;
        introduce(thread, tid);
        rsd_self = thread;
        thread->origin = rsd_born;
        rsd_unwinder_init(thread->unwinder, rsd_trace.depth);
        rsd_names_hand_over(thread);
        thread->ours = false;
    } else
        atomic_fetch_add_explicit(&unrecorded, 1, memory_order_relaxed);
    attaching = false;
    return thread;
}

/* ---- after fork ---- */

bool rsd_thread_is_inside(void) {
    return attaching || (rsd_self && (rsd_self->busy || rsd_self->ours));
}

static void release_slot(struct rsd_thread *thread) {
    rsd_trie_release(&thread->trie);
    rsd_nursery_release(&thread->nursery);
    rsd_writer_release(&thread->writer);
    rsd_sys_unmap(thread, slot_size());
}

static void isolate(struct rsd_thread *thread) {
    rsd_writer_isolate(&thread->writer);
}

static void release_others(struct rsd_thread *thread) {
    if (thread != rsd_self)
        release_slot(thread);
}

/* A signal handler that forks may have come between a hook's look at rsd_self and its first store there. So the slot of the
 * thread that forked stays where it is, out of use, until the child forks again. */
void rsd_threads_after_fork(void) {
    static struct rsd_thread *left_behind;
    if (left_behind)
        release_slot(left_behind);
    left_behind = rsd_self;
    if (left_behind)
        isolate(left_behind);
    rsd_thread_each(release_others);
    memset(slot, 0, atomic_load(&made) * sizeof *slot);
    atomic_store(&made, 0);
    atomic_store(&look_from, 0);
    atomic_store(&serials, 0);
    atomic_store(&unrecorded, 0);
    rsd_self = NULL;
}

void rsd_threads_isolate(void) {
    rsd_thread_each(isolate);
}

void rsd_thread_each(void (*visit)(struct rsd_thread *)) {
    uint32_t count = atomic_load(&made);
    for (uint32_t i = 0; i < count; i++) {
        struct rsd_thread *thread = atomic_load_explicit(&slot[i], memory_order_acquire);
        if (thread)
            visit(thread);
    }
}

__attribute__((cold, noinline)) void rsd_thread_note_latency(struct rsd_thread *self) {
    uint64_t *counter = self->writer.counter, slow = rsd_slow_ticks(self);
    uint64_t took = self->entered ? rsd_clock_ticks_unfenced() - self->entered : slow - self->slow;
    if (self->entered)
        counter[RESIDUE_COUNTER_LATENCY_LOG2 + (took >> 31 ? 31 : 31 - __builtin_clz((uint32_t)took | 1))]++;
    if (took > counter[RESIDUE_COUNTER_LATENCY_MAX])
        counter[RESIDUE_COUNTER_LATENCY_MAX] = took;
    self->entered = 0;
    self->slow = slow;
}

uint64_t rsd_thread_unrecorded(void) {
    return atomic_load_explicit(&unrecorded, memory_order_relaxed);
}
