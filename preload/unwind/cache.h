/*
 * The rules found so far, for all threads.
 */
#ifndef RSD_CACHE_H
#define RSD_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "rule.h"

#define RSD_CACHE_SETS 8192u
#define RSD_CACHE_SETS_FIRST 512u
#define RSD_CACHE_WAYS 8u

struct rsd_cache_set {
    _Alignas(128) struct rsd_rule way[RSD_CACHE_WAYS];
};
extern struct rsd_cache_set rsd_cache[RSD_CACHE_SETS] __attribute__((visibility("hidden")));
extern uint32_t rsd_cache_mask __attribute__((visibility("hidden"))); /* sets in use - 1 */

/* Returns false when the rule had to displace another. */
bool rsd_cache_insert(const struct rsd_rule *rule);

/* A rule that is not where it is looked for may stand where it stood when fewer sets were in use: then *rule is it, and it is
 * put in its place. */
bool rsd_cache_find_moved(uintptr_t address, struct rsd_rule *rule);

/* Remove the rules of [start, end). */
void rsd_cache_forget(uintptr_t start, uintptr_t end);

static inline struct rsd_cache_set *rsd_cache_set(uintptr_t address, uint32_t mask) {
    return &rsd_cache[address * UINT64_C(0x9e3779b97f4a7c15) >> (64 - 13) & mask];
}
_Static_assert(RSD_CACHE_SETS == 1u << 13, "the hash gives thirteen bits");

static inline uint32_t rsd_cache_mask_now(void) {
    return __atomic_load_n(&rsd_cache_mask, __ATOMIC_RELAXED);
}

static inline bool rsd_cache_find_in(const struct rsd_cache_set *set, uintptr_t address, struct rsd_rule *rule) {
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++) {
        uint64_t key = __atomic_load_n(&set->way[i].key, __ATOMIC_ACQUIRE);
        if ((key & RSD_RULE_ADDRESS_MASK) != address)
            continue;
        rule->key = key;
        rule->cfa_offset = __atomic_load_n(&set->way[i].cfa_offset, __ATOMIC_RELAXED);
        rule->fp_offset = __atomic_load_n(&set->way[i].fp_offset, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__builtin_expect(__atomic_load_n(&set->way[i].key, __ATOMIC_RELAXED) == key && rsd_rule_cfa(rule), 1))
            return true;
    }
    return false;
}

static inline bool rsd_cache_find(uintptr_t address, struct rsd_rule *rule) {
    return rsd_cache_find_in(rsd_cache_set(address, rsd_cache_mask_now()), address, rule);
}

#endif
