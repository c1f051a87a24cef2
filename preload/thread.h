/*
 * What the recorder keeps for a thread. A slot outlives its thread and passes to another: see thread.c.
 */
#ifndef RSD_THREAD_H
#define RSD_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "log.h"
#include "nursery.h"
#include "stacks.h"
#include "unwind/unwind.h"

/* Why a hook that is entered now must not record. */
enum rsd_busy {
    RSD_IDLE = 0,
    RSD_IN_HOOK, /* a hook of this thread is at work: what arrives is counted as dropped */
    RSD_OURSELVES, /* the recorder calls libc on its own behalf: what arrives is nobody's business */
};

struct rsd_thread {
    volatile uint32_t busy; /* enum rsd_busy; volatile: a signal handler on this thread reads it */
    struct rsd_writer writer;
    struct rsd_nursery nursery;
    struct rsd_trie trie;
    struct rsd_unwinder *unwinder;
    _Atomic uint64_t owner; /* claims << 32 | tid */
};

/* The calling thread's slot, or NULL before its first record. Initial-exec: the library is loaded at program start, and
 * a dynamic TLS access could call malloc. */
extern __thread struct rsd_thread *rsd_self __attribute__((tls_model("initial-exec")));

/* Take over a slot for the calling thread. NULL when there is none, or when the thread is in the middle of this. */
struct rsd_thread *rsd_thread_attach(void);

/* Call `visit` on every slot that there is, whoever has it. */
void rsd_thread_each(void (*visit)(struct rsd_thread *));

/* Calls that could not be recorded because the thread got no slot. */
uint64_t rsd_thread_unrecorded(void);

#endif
