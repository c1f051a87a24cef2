/*
 * A stack that was met before, and is met again: the short way, which most allocations take.
 *
 * A stack that came twice has a place of its own, whichever was out of use. If the leaf is the same and every word
 * that led outward from there is what it was, it is the same stack (again.c says why), and next to nothing is
 * written: stores wait behind those with which malloc itself has just missed the cache.
 *
 * A loop goes through its stacks in the same order each time. So the place is looked at first that came after the stack before
 * the last time: it is the right one 5 times of 10 in the worst programs, 9 of 10 in most. If it is not, there are the places
 * of the stacks with that leaf, up to TRIES: a leaf in operator new, or in V8's allocation of maps, has many callers. All else
 * is in unwind.c.
 */
#ifndef RSD_MET_H
#define RSD_MET_H

#include "unwinder.h"

extern uint32_t rsd_unwind_generation __attribute__((visibility("hidden"))); /* changes when code is unmapped */

/* Multiply and fold, as for the rules (cache.h). */
static inline uint32_t rsd_unwind_hash(uint64_t key) {
    return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

#define RSD_MET_TRIES 8u
#define RSD_EXPECTED_LINES 4u /* 72 words */

static inline uint32_t rsd_unwind_leaf(const struct rsd_registers *leaf) {
    return rsd_unwind_hash(leaf->pc ^ leaf->sp << 13) / (UINT32_MAX / RSD_LEAVES + 1);
}

/* The place of the stack with this leaf of which all holds; RSD_STACK_BEFORE: none. */
static inline uint32_t rsd_unwind_search(const struct rsd_unwinder *u, const struct rsd_registers *from) {
    uint32_t next = u->leaf[rsd_unwind_leaf(from)];
    for (uint32_t i = 0; next && i < RSD_MET_TRIES; i++, next = u->older[next - 1])
        if (rsd_again_holds(&u->again[next - 1], from))
            return next - 1;
    return RSD_STACK_BEFORE;
}

/* The calling thread's stack, outward from `from`, if it is one that has a place and all of it holds; else NULL. */
static inline const struct rsd_again *rsd_unwind_met(struct rsd_unwinder *u, const struct rsd_registers *from) {
    if (__builtin_expect(__atomic_load_n(&rsd_unwind_generation, __ATOMIC_ACQUIRE) != u->generation ||
                             !rsd_bounds_at_home(&u->bounds, from->sp),
                         0))
        return NULL;
    struct rsd_again *before = &u->again[u->before];
    uint32_t place = before->follows;
    if (!rsd_again_holds(&u->again[place], from)) {
        place = rsd_unwind_search(u, from);
        if (place == RSD_STACK_BEFORE)
            return NULL;
        before->follows = (uint16_t)place;
    }
    u->before = place;
    if (!u->again[place].used)
        u->again[place].used = true;
    return &u->again[place];
}

/* What is looked at first if the next stack is the one that came next the last time. By then it may have left the cache: a
 * program that handles one request after the other goes through all of it. Returns its place. */
static inline uint32_t rsd_unwind_expect(const struct rsd_unwinder *u) {
    uint32_t place = u->again[u->before].follows;
    const char *next = (const char *)&u->again[place];
    for (unsigned line = 0; line < RSD_EXPECTED_LINES; line++)
        __builtin_prefetch(next + 64 * line);
    return place;
}

static inline void rsd_unwind_count_met(const struct rsd_again *met, uint64_t *counter) {
    counter[RESIDUE_COUNTER_FRAMES_KEPT] += met->depth;
    counter[RESIDUE_COUNTER_STACK_ROOT + met->end]++;
}

#endif
