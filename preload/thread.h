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

struct rsd_thread {
    volatile bool busy; /* a hook is at work; volatile: a signal handler on this thread reads it */
    volatile bool ours; /* what is allocated now, libc allocates on the recorder's behalf */
    uint32_t hooks;
    uint64_t entered;     /* tick at which the present hook began its work, if it is timed; else 0 */
    uint64_t sample_rate; /* of the samples that the slot records now; 0: it records all */
    uint64_t slow;        /* rsd_slow_ticks() when it was last looked at */
    struct rsd_writer writer;
    struct rsd_nursery nursery;
    struct rsd_trie trie;
    struct rsd_names names;
    struct rsd_origin origin; /* of the work that the thread does now */
    struct rsd_unwinder *unwinder;
    _Atomic uint64_t owner; /* claims << 32 | tid */
};

/* The calling thread's slot, or NULL before its first record. Initial-exec: the library is loaded at program start, and
 * a dynamic TLS access could call malloc. */
extern __thread struct rsd_thread *rsd_self __attribute__((tls_model("initial-exec")));

/* Take over a slot for the calling thread. NULL when there is none, or when the thread is in the middle of this. */
struct rsd_thread *rsd_thread_attach(void);

/* Whether the calling thread is inside the recorder, or libc is at work for it. */
bool rsd_thread_is_inside(void);

/* In a child made by fork() (fork.c). There are no slots any more. */
void rsd_threads_after_fork(void);

/* The same, when the calling thread is inside: slots stay, but what is written there is in no trace. */
void rsd_threads_isolate(void);

/* Call `visit` on every slot that there is, whoever has it. */
void rsd_thread_each(void (*visit)(struct rsd_thread *));

/* A clock read costs as much as a tenth of a hook: only every 32nd is timed, and besides those the ones that derived a rule or
 * sealed a segment, which take the time for these themselves. */
#define RSD_TIMED_HOOKS 32u
void rsd_thread_note_latency(struct rsd_thread *self);

/* Calls that could not be recorded because the thread got no slot. */
uint64_t rsd_thread_unrecorded(void);

#endif
