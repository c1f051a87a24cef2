/*
 * The rules found so far, for all threads: a set-associative table of at most 2^16 rules of 16 bytes.
 *
 * A reader compares keys, reads the offsets and looks at the key again: if it is still the same, the offsets are its
 * own. A writer first takes the entry by putting a key without a kind there (readers pass over it), then the offsets,
 * then the key. Nobody waits. A writer that never comes back (its thread ended in a signal handler's jump) costs one
 * entry.
 *
 * Few sets are in use at first, for each new page of memory costs a program's start a microsecond. When one is full, twice as
 * many are (their pages come at once: rules lie all over them), and a rule has its place by one more bit of its hash:
 *
 *     place = hash mod sets in use    =>    it stands there, or where it would have stood when fewer were in use
 *
 * It is moved when it is next asked for, or its place. When all are in use a full set gives up one of its rules: addresses
 * that come from a guess may be anything, and must not be able to fill the table for good. Code that is unmapped takes its
 * rules along.
 */
#include "cache.h"

#include "../arch/x86_64.h"
#include "../sys.h"

struct rsd_cache_set rsd_cache[RSD_CACHE_SETS];
uint32_t rsd_cache_mask = RSD_CACHE_SETS_FIRST - 1;

static bool take(struct rsd_rule *entry, uint64_t seen, uint64_t address) {
    return __atomic_compare_exchange_n(&entry->key, &seen, address, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void fill(struct rsd_rule *entry, const struct rsd_rule *rule) {
    __atomic_store_n(&entry->cfa_offset, rule->cfa_offset, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->fp_offset, rule->fp_offset, __ATOMIC_RELEASE);
    __atomic_store_n(&entry->key, rule->key, __ATOMIC_RELEASE);
}

static bool insert_into(struct rsd_cache_set *set, const struct rsd_rule *rule) {
    uint64_t address = rule->key & RSD_RULE_ADDRESS_MASK;
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++) {
        uint64_t seen = __atomic_load_n(&set->way[i].key, __ATOMIC_RELAXED);
        if ((seen & RSD_RULE_ADDRESS_MASK) == address)
            return true; /* another thread was faster, or is about to be */
        if (!seen && take(&set->way[i], 0, address)) {
            fill(&set->way[i], rule);
            return true;
        }
    }
    return false;
}

static void remove_from(struct rsd_cache_set *set, uintptr_t start, uintptr_t end) {
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++) {
        struct rsd_rule *entry = &set->way[i];
        uint64_t key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED);
        uintptr_t pc = (key & RSD_RULE_ADDRESS_MASK) - 1;
        if (key && pc >= start && pc < end)
            __atomic_compare_exchange_n(&entry->key, &key, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    }
}

/* Move a rule to `home`. It is taken meanwhile: who forgets it finds it here or there. */
static bool move(struct rsd_rule *entry, struct rsd_cache_set *home) {
    struct rsd_rule rule = {.key = __atomic_load_n(&entry->key, __ATOMIC_RELAXED)};
    uint64_t address = rule.key & RSD_RULE_ADDRESS_MASK, taken = address;
    if (!(rule.key >> 48) || !take(entry, rule.key, address))
        return false;
    rule.cfa_offset = __atomic_load_n(&entry->cfa_offset, __ATOMIC_RELAXED);
    rule.fp_offset = __atomic_load_n(&entry->fp_offset, __ATOMIC_RELAXED);
    insert_into(home, &rule);
    if (!__atomic_compare_exchange_n(&entry->key, &taken, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        remove_from(home, address - 1, address);
    return true;
}

/* What has its place elsewhere by now goes there. False: nothing has. */
static bool make_room(struct rsd_cache_set *set, uint32_t mask) {
    bool moved = false;
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++) {
        uintptr_t address = __atomic_load_n(&set->way[i].key, __ATOMIC_RELAXED) & RSD_RULE_ADDRESS_MASK;
        struct rsd_cache_set *home = rsd_cache_set(address, mask);
        moved |= home != set && move(&set->way[i], home);
    }
    return moved;
}

static bool displace(struct rsd_cache_set *set, const struct rsd_rule *rule) {
    struct rsd_rule *victim = &set->way[rsd_cpu_ticks_unfenced() / 64 % RSD_CACHE_WAYS];
    uint64_t seen = __atomic_load_n(&victim->key, __ATOMIC_RELAXED);
    if (seen >> 48 && take(victim, seen, rule->key & RSD_RULE_ADDRESS_MASK))
        fill(victim, rule);
    return false;
}

bool rsd_cache_insert(const struct rsd_rule *rule) {
    uint32_t mask = rsd_cache_mask_now();
    for (;;) {
        struct rsd_cache_set *set = rsd_cache_set(rule->key & RSD_RULE_ADDRESS_MASK, mask);
        if (insert_into(set, rule))
            return true;
        if (make_room(set, mask))
            continue;
        if (mask == RSD_CACHE_SETS - 1)
            return displace(set, rule);
        if (__atomic_compare_exchange_n(&rsd_cache_mask, &mask, mask * 2 + 1, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) { /* else it is what another thread has made of it */
            rsd_sys_populate(&rsd_cache[mask + 1], (mask + 1) * sizeof *rsd_cache);
            mask = mask * 2 + 1;
        }
    }
}

bool rsd_cache_find_moved(uintptr_t address, struct rsd_rule *rule) {
    uint32_t now = rsd_cache_mask_now();
    struct rsd_cache_set *home = rsd_cache_set(address, now);
    for (uint32_t mask = now / 2; mask >= RSD_CACHE_SETS_FIRST - 1; mask /= 2) {
        struct rsd_cache_set *set = rsd_cache_set(address, mask);
        if (set != home && rsd_cache_find_in(set, address, rule)) {
            make_room(set, now);
            return true;
        }
    }
    return false;
}

void rsd_cache_forget(uintptr_t start, uintptr_t end) {
    for (uint32_t i = 0; i <= rsd_cache_mask_now(); i++)
        remove_from(&rsd_cache[i], start, end);
}
