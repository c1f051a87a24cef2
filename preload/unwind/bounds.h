/*
 * Which stack memory may be read.
 */
#ifndef RSD_BOUNDS_H
#define RSD_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "../arch/x86_64.h"

#define RSD_ELSEWHERE 8u /* foreign stacks remembered per thread */

struct rsd_bounds {
    uintptr_t low; /* the window: the words from low up to last may be read */
    uintptr_t last;
    uintptr_t home_low; /* the thread's own stack, as far down as it has been seen */
    uintptr_t home_high;
    bool foreign; /* the stack being unwound is, or was at its leaf, not the thread's own */
    uint32_t next_elsewhere;
    struct {
        uintptr_t low, high;
    } elsewhere[RSD_ELSEWHERE];
};

/* For the calling thread. */
void rsd_bounds_init(struct rsd_bounds *bounds);

/* Set the window for a frame at `sp` that is not known to be on the thread's own stack. False: nothing can be read. */
bool rsd_bounds_locate(struct rsd_bounds *bounds, uintptr_t sp);

/* On a foreign stack, try to widen the window so that it holds the word at `address`. */
bool rsd_bounds_reach(struct rsd_bounds *bounds, uintptr_t address);

/* Has the calling thread so many bytes of stack left? */
bool rsd_bounds_room(size_t bytes);

/* Is `sp` on the part of the thread's own stack that has been seen? */
static inline bool rsd_bounds_at_home(const struct rsd_bounds *bounds, uintptr_t sp) {
    return sp - bounds->home_low < bounds->home_high - bounds->home_low;
}

/* Begin a stack at `sp`. */
static inline bool rsd_bounds_begin(struct rsd_bounds *bounds, uintptr_t sp) {
    bounds->foreign = false;
    if (__builtin_expect(!rsd_bounds_at_home(bounds, sp), 0))
        return rsd_bounds_locate(bounds, sp);
    bounds->low = sp;
    bounds->last = bounds->home_high - RSD_WORD;
    return true;
}

/* May the word at `address` be read? */
static inline bool rsd_bounds_hold(struct rsd_bounds *bounds, uintptr_t address) {
    if (__builtin_expect(address - bounds->low <= bounds->last - bounds->low, 1))
        return !(address & (RSD_WORD - 1));
    return rsd_bounds_reach(bounds, address);
}

static inline uintptr_t rsd_word_at(uintptr_t address) {
    return *(const uintptr_t *)address;
}

#endif
