/*
 * Re-entry: a hook must not be entered from inside a hook of the same thread.
 *
 * Ways in, and what happens:
 *
 *   dlsym -> calloc, while the real functions are looked up   the table leads to a small arena (real.c)
 *   the unwinder                                              busy: counted, not recorded
 *   dlopen of libunwind, pthread_create of the helper         recorded as the tracer's own (`ours`), without a stack
 *   a signal handler that allocates, inside a hook            busy: counted as dropped; outside a hook it is recorded
 *   a TLS destructor, atexit handler, DSO destructor          nothing special: the slot lives until the thread is gone
 *   libc's reallocarray -> realloc, by its symbol             never called: the hook does the multiplication (hooks.c)
 *   the real malloc of another preload -> mmap                recorded as a mapping: it is one
 *   the real free of another preload -> free                  busy is not set during real calls: recorded once each
 *
 * busy is set only while we work, never across the real call, so that what the real function does is seen.
 */
#ifndef RSD_GUARD_H
#define RSD_GUARD_H

#include <errno.h>

#include "thread.h"

/* The calling thread, now busy; or NULL: do not record. */
static inline struct rsd_thread *rsd_enter(void) {
    struct rsd_thread *self = rsd_self;
    if (__builtin_expect(!self, 0) && !(self = rsd_thread_attach()))
        return NULL;
    if (__builtin_expect(self->busy, 0)) {
        self->writer.counter[RESIDUE_COUNTER_DROPPED_REENTRY]++;
        return NULL;
    }
    self->busy = true;
    atomic_signal_fence(memory_order_seq_cst);
    if (__builtin_expect(++self->hooks % RSD_TIMED_HOOKS == 0, 0))
        self->entered = rsd_clock_ticks_unfenced();
    return self;
}

/* What is known to have been slow in this thread: derived rules and full segments. */
static inline uint64_t rsd_slow_ticks(const struct rsd_thread *self) {
    return self->writer.counter[RESIDUE_COUNTER_RULE_TICKS] + self->writer.slow_ticks;
}

static inline void rsd_leave(struct rsd_thread *self) {
    if (__builtin_expect(self->entered != 0 || rsd_slow_ticks(self) != self->slow, 0))
        rsd_thread_note_latency(self);
    atomic_signal_fence(memory_order_seq_cst);
    self->busy = false;
}

/* Between these two, libc works for the recorder on this thread: what it allocates is recorded as the tracer's own, so
 * that whoever frees it later frees a known block. NULL: the thread cannot record now. */
static inline struct rsd_thread *rsd_ours_begin(void) {
    struct rsd_thread *self = rsd_self;
    if ((!self && !(self = rsd_thread_attach())) || self->busy || self->ours)
        return NULL;
    self->ours = true;
    atomic_signal_fence(memory_order_seq_cst);
    return self;
}

static inline void rsd_ours_end(struct rsd_thread *self) {
    atomic_signal_fence(memory_order_seq_cst);
    self->ours = false;
}

#endif
