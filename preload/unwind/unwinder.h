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

struct rsd_unwinder {
    struct rsd_bounds bounds;
    uint32_t generation; /* of the code that `again` and `jit` were found in; 0: none yet */
    uint32_t limit;      /* frames */
    uint32_t before;     /* place of the stack before */
    uint32_t wanted; /* the stack in RSD_STACK_BEFORE was met for the second time and belongs to the places from here
                        on; or that number */
    uint32_t turn;   /* counts up: which of a leaf's places is next to be given to another stack */
    struct rsd_jit jit[2];   /* V8 has two: its code range, and a copy of its builtins. The one met last comes first. */
    struct rsd_fresh *fresh; /* limit + 1: leaf first */
    char *rest;              /* room for the frames of places that have none yet, or too little */
    uint64_t *counter;
    struct rsd_stack stack;
    struct rsd_again again[RSD_STACKS];
    uint32_t met[RSD_STACK_BEFORE]; /* the stacks met last for each leaf, hashed */
};

/* Forget the stacks before, so that the next one is unwound from leaf to root. */
static inline void rsd_unwinder_drop(struct rsd_unwinder *unwinder) {
    for (uint32_t i = 0; i < RSD_STACKS; i++)
        unwinder->again[i].depth = 0;
}

#endif
