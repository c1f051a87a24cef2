/*
 * The rules found so far, for all threads: a set-associative table of 2^16 rules of 16 bytes, of fixed size.
 *
 * A reader compares keys, reads the offsets and looks at the key again: if it is still the same, the offsets are its
 * own. A writer first takes the entry by putting a key without a kind there (readers pass over it), then the offsets,
 * then the key. Nobody waits. A writer that never comes back (its thread ended in a signal handler's jump) costs one
 * entry.
 *
 * A full set gives up one of its rules: addresses that come from a guess may be anything, and must not be able to
 * fill the table for good. Code that is unmapped takes its rules along.
 */
#include "cache.h"

#include "../arch/x86_64.h"
#include "../sys.h"

struct rsd_cache_set rsd_cache[RSD_CACHE_SETS];

static bool take(struct rsd_rule *entry, uint64_t seen, uint64_t address) {
    return __atomic_compare_exchange_n(&entry->key, &seen, address, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void fill(struct rsd_rule *entry, const struct rsd_rule *rule) {
    __atomic_store_n(&entry->cfa_offset, rule->cfa_offset, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->fp_offset, rule->fp_offset, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->key, rule->key, __ATOMIC_RELEASE);
}

bool rsd_cache_insert(const struct rsd_rule *rule) {
    uint64_t address = rule->key & RSD_RULE_ADDRESS_MASK;
    struct rsd_cache_set *set = rsd_cache_set(address);
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++) {
        uint64_t seen = __atomic_load_n(&set->way[i].key, __ATOMIC_RELAXED);
        if ((seen & RSD_RULE_ADDRESS_MASK) == address)
            return true; /* another thread was faster, or is about to be */
        if (!seen && take(&set->way[i], 0, address)) {
            fill(&set->way[i], rule);
            return true;
        }
    }
    struct rsd_rule *victim = &set->way[rsd_arch_ticks() / 64 % RSD_CACHE_WAYS];
    uint64_t seen = __atomic_load_n(&victim->key, __ATOMIC_RELAXED);
    if (seen >> 48 && take(victim, seen, address))
        fill(victim, rule);
    return false;
}

void rsd_cache_prepare(void) {
    rsd_sys_populate(rsd_cache, sizeof rsd_cache);
}

void rsd_cache_forget(uintptr_t start, uintptr_t end) {
    for (unsigned i = 0; i < RSD_CACHE_SETS; i++)
        for (unsigned j = 0; j < RSD_CACHE_WAYS; j++) {
            struct rsd_rule *entry = &rsd_cache[i].way[j];
            uint64_t key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
            uintptr_t pc = (key & RSD_RULE_ADDRESS_MASK) - 1;
            if (key && pc >= start && pc < end)
                __atomic_compare_exchange_n(&entry->key, &key, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
        }
}
