/*
 * Re-entry: a hook must not be entered from inside a hook of the same thread.
 *
 * Ways in, and what happens:
 *
 *   dlsym -> calloc, while the real functions are looked up   the table leads to a small arena (real.c)
 *   the unwinder, libunwind, dlopen of libunwind              busy: counted, not recorded
 *   pthread_create of the helper -> calloc for its TLS        RSD_OURSELVES: neither counted nor recorded
 *   a signal handler that allocates, inside a hook            busy: counted as dropped; outside a hook it is recorded
 *   a TLS destructor, atexit handler, DSO destructor          nothing special: the slot lives until the thread is gone
 *   the real realloc or reallocarray -> malloc                libc's inner calls do not pass through the symbols
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
        if (self->busy == RSD_IN_HOOK)
            self->writer.counter[RESIDUE_COUNTER_DROPPED_REENTRY]++;
        return NULL;
    }
    self->busy = RSD_IN_HOOK;
    atomic_signal_fence(memory_order_seq_cst);
    return self;
}

static inline void rsd_leave(struct rsd_thread *self) {
    atomic_signal_fence(memory_order_seq_cst);
    self->busy = RSD_IDLE;
}

#endif
