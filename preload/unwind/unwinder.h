/*
 * One thread's unwinder, laid out in the memory that the caller gives.
 */
#ifndef RSD_UNWINDER_H
#define RSD_UNWINDER_H

#include <stdint.h>

#include "again.h"
#include "bounds.h"
#include "derive.h"
#include "unwind.h"

#define RSD_LEAVES 256u
#define RSD_STACKS_MET 1024u
#define RSD_STACKS_MISSED 256u
#define RSD_STACKS_FIRST 16u /* places that are used at first */

/* Of so many stacks one may be missed before there are more places (unwind.c): in most threads, of which a program has dozens,
 * and, up to RSD_STACKS_MANY places, in one that runs JavaScript, for which everything waits. */
#define RSD_MISSED_OF 4u
#define RSD_MISSED_OF_JS 16u
#define RSD_STACKS_MANY 128u

struct rsd_unwinder {
    struct rsd_bounds bounds;
    uint32_t generation; /* of the code that `again` and `jit` were found in; 0: none yet */
    uint32_t limit;      /* frames */
    uint32_t before;     /* place of the stack before */
    bool twice; /* the stack in RSD_STACK_BEFORE was met for the second time, and is to get a place of its own */
    uint32_t considered;     /* stacks that were put into `met`, or might have been */
    uint32_t hand;           /* counts places that were looked at for such a stack */
    uint32_t places;         /* that may be taken: a power of two, up to RSD_STACK_BEFORE */
    uint32_t misses;         /* stacks that came again when they had lost their place, or got none */
    uint32_t missed_of;      /* RSD_MISSED_OF or RSD_MISSED_OF_JS: the caller's to set */
    uint64_t stacks;         /* that had reached their root when `misses` were 0 */
    struct rsd_jit jit[2];   /* V8 has two: its code range, and a copy of its builtins. The one met last comes first. */
    struct rsd_fresh *fresh; /* limit + 1: leaf first */
    char *rest;              /* room for the frames of places that have none yet, or too little */
    uint64_t *counter;
    struct rsd_stack stack;
    uint16_t leaf[RSD_LEAVES]; /* by hash of a leaf: 1 + the place that was taken last for such a stack; 0: none */
    uint16_t
        older[RSD_STACK_BEFORE];  /* by place: 1 + the one taken before it, for a leaf with the same hash; 0: none */
    uint32_t met[RSD_STACKS_MET]; /* stacks that were met, hashed, by that hash */
    uint32_t missed[RSD_STACKS_MISSED]; /* stacks that lost their place, or got none, in the same way */
    struct rsd_again again[RSD_STACKS]; /* those that were not taken yet are memory that was not touched */
};

/* Forget the stacks before, so that the next one is unwound from leaf to root. */
static inline void rsd_unwinder_drop(struct rsd_unwinder *unwinder) {
    unwinder->again[RSD_STACK_BEFORE].depth = 0;
    for (uint32_t i = 0; i < unwinder->places; i++)
        unwinder->again[i].depth = 0;
}

#endif
