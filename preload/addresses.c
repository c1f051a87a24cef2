/*
 * A set of addresses, as a bitmap of the address space.
 *
 * One bit stands for 8 bytes, the least alignment that any malloc gives, so that no two live blocks share a bit: the set is
 * exact. Nothing is moved or given back but by a child after a fork, hence no lock, no overflow and no tombstones:
 *
 *     region[address / 1 GiB]  ->  16 MiB of bits, mapped when the first address of the region is added
 *
 * To look an address up costs two loads, the second from a page that the kernel shares among all that were never
 * written. Resident are the pages in which there ever was an address: 4 KiB for each 256 KiB of heap, at worst 1.6 % of
 * it. Huge pages are refused, or the first address would cost 2 MiB.
 *
 * Any thread, from inside any hook. An address belongs to one thread at a time: it is added by who allocated the block and
 * taken out by who frees it, before anybody else can get it. Neighbours share a word, hence the atomic operations.
 */
#include "addresses.h"

#include "sys.h"

#define MAP_SIZE ((size_t)1 << (RSD_REGION_BITS - 6)) /* 8 bytes a bit, 8 bits a byte */

/* Two threads may make the same map: the second one's is dropped. */
static bool make_map(struct rsd_addresses *set, const void *address) {
    _Atomic(_Atomic uint64_t *) *region = &set->region[(uintptr_t)address >> RSD_REGION_BITS];
    _Atomic uint64_t *none = NULL, *map = rsd_sys_memory(MAP_SIZE);
    if (!map)
        return false;
    rsd_sys_small_pages(map, MAP_SIZE);
    if (!atomic_compare_exchange_strong_explicit(region, &none, map, memory_order_acq_rel, memory_order_acquire))
        rsd_sys_unmap((void *)(uintptr_t)map, MAP_SIZE);
    return true;
}

enum rsd_added rsd_addresses_add(struct rsd_addresses *set, const void *address) {
    uint64_t bit;
    _Atomic uint64_t *word = rsd_addresses_word(set, address, &bit);
    if (!word) {
        if ((uintptr_t)address > RESIDUE_ADDRESS_MASK || !make_map(set, address))
            return RSD_NO_ROOM;
        word = rsd_addresses_word(set, address, &bit);
    }
    if (atomic_load_explicit(word, memory_order_acquire) & bit)
        return RSD_WAS_THERE;
    return atomic_fetch_or_explicit(word, bit, memory_order_acq_rel) & bit ? RSD_WAS_THERE : RSD_ADDED;
}

bool rsd_addresses_take(struct rsd_addresses *set, const void *address) {
    uint64_t bit;
    _Atomic uint64_t *word = rsd_addresses_word(set, address, &bit);
    return word && atomic_load_explicit(word, memory_order_acquire) & bit &&
           atomic_fetch_and_explicit(word, ~bit, memory_order_acq_rel) & bit;
}

void rsd_addresses_clear(struct rsd_addresses *set) {
    for (size_t i = 0; i < RSD_REGIONS; i++) {
        _Atomic uint64_t *map = atomic_load_explicit(&set->region[i], memory_order_relaxed);
        if (map) {
            rsd_sys_unmap((void *)(uintptr_t)map, MAP_SIZE);
            atomic_store_explicit(&set->region[i], NULL, memory_order_relaxed);
        }
    }
}
