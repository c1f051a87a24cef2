/*
 * A set of addresses that all threads share, without a lock. See addresses.c.
 */
#ifndef RSD_ADDRESSES_H
#define RSD_ADDRESSES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

#define RSD_REGION_BITS 30u /* bytes of address space that one bitmap stands for: a gigabyte */
#define RSD_REGIONS (1u << (RESIDUE_ADDRESS_BITS - RSD_REGION_BITS))

struct rsd_addresses {
    _Atomic(_Atomic uint64_t *) region[RSD_REGIONS]; /* a bit for each 8 bytes; NULL: none of its addresses was added */
};

enum rsd_added { RSD_ADDED, RSD_WAS_THERE, RSD_NO_ROOM };

enum rsd_added rsd_addresses_add(struct rsd_addresses *set, const void *address);

/* Take an address out; false: it was not there. */
bool rsd_addresses_take(struct rsd_addresses *set, const void *address);

/* Take all out; nobody else has the set. */
void rsd_addresses_clear(struct rsd_addresses *set);

/* The word with the address's bit, and the bit. NULL: the set has nothing near it. */
static inline _Atomic uint64_t *rsd_addresses_word(struct rsd_addresses *set, const void *address, uint64_t *bit) {
    uintptr_t at = (uintptr_t)address;
    if (__builtin_expect(at > RESIDUE_ADDRESS_MASK, 0))
        return NULL;
    _Atomic uint64_t *map = atomic_load_explicit(&set->region[at >> RSD_REGION_BITS], memory_order_acquire);
    *bit = (uint64_t)1 << (at >> 3 & 63);
    return map ? map + ((at & (((uintptr_t)1 << RSD_REGION_BITS) - 1)) >> 9) : NULL;
}

static inline bool rsd_addresses_has(struct rsd_addresses *set, const void *address) {
    uint64_t bit;
    _Atomic uint64_t *word = rsd_addresses_word(set, address, &bit);
    return word && atomic_load_explicit(word, memory_order_acquire) & bit;
}

#endif
