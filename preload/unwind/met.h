/*
 * A stack that was met before, and is met again: the short way, which most allocations take.
 *
 * A stack that came twice has a place of its own, one of eight neighbouring ones that its leaf's registers lead to: a leaf in
 * operator new, or in V8's allocation of maps, has many callers, and a request to a server makes a hundred stacks. If the leaf
 * is the same and every word that led outward from there is what it was, it is the same stack (again.c says why), and next to
 * nothing is written: stores wait behind those with which malloc itself has just missed the cache. All else is in unwind.c.
 */
#ifndef RSD_MET_H
#define RSD_MET_H

#include "unwinder.h"

extern uint32_t rsd_unwind_generation __attribute__((visibility("hidden"))); /* changes when code is unmapped */

/* Multiply and fold, as for the rules (cache.h). */
static inline uint32_t rsd_unwind_hash(uint64_t key) {
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

#define RSD_LEAF_PLACES 8u
#define RSD_LEAVES_BITS 6u
_Static_assert(RSD_STACK_BEFORE == RSD_LEAF_PLACES << RSD_LEAVES_BITS, "every place has its leaves");

/* The first of the places for a leaf. */
static inline uint32_t rsd_unwind_place(const struct rsd_registers *leaf) {
    return rsd_unwind_hash(leaf->pc ^ leaf->sp << 13) / (UINT32_C(1) << (32 - RSD_LEAVES_BITS)) * RSD_LEAF_PLACES;
}

/* The calling thread's stack, outward from `from`, if it is one that has a place and all of it holds; else NULL. */
static inline const struct rsd_again *rsd_unwind_met(struct rsd_unwinder *u, const struct rsd_registers *from) {
    if (__builtin_expect(__atomic_load_n(&rsd_unwind_generation, __ATOMIC_ACQUIRE) != u->generation ||
                             !rsd_bounds_at_home(&u->bounds, from->sp),
                         0))
        return NULL;
    uint32_t place = rsd_unwind_place(from), end = place + RSD_LEAF_PLACES;
    while (!rsd_again_holds(&u->again[place], from))
        if (++place == end)
            return NULL;
    u->before = place;
    return &u->again[place];
}

static inline void rsd_unwind_count_met(const struct rsd_again *met, uint64_t *counter) {
    counter[RESIDUE_COUNTER_FRAMES_KEPT] += met->depth;
    counter[RESIDUE_COUNTER_STACK_ROOT + met->end]++;
}

#endif
