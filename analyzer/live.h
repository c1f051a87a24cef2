/* The blocks of the malloc family that are outstanding. */
#ifndef RSD_LIVE_H
#define RSD_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSD_RATE_BITS 5
#define RSD_SITE_MOST (UINT32_MAX >> RSD_RATE_BITS)

struct rsd_block {
    uint64_t key;  /* address << 16 | size >> 32; 0 for a free slot */
    uint64_t time; /* of the allocation */
    uint32_t size_low;
    uint32_t site : 32 - RSD_RATE_BITS;
    uint32_t rate : RSD_RATE_BITS; /* with which it was sampled: a place in struct rsd_sampling; 0: not by chance */
};

struct rsd_shard {
    struct rsd_block *blocks;
    size_t mask; /* capacity - 1, or 0 before the first block */
    size_t count;
};

#define RSD_SHARDS 16

struct rsd_live {
    struct rsd_shard shard[RSD_SHARDS];
    size_t count;
};

static inline uint64_t rsd_block_size(const struct rsd_block *block) {
    return (block->key & 0xffff) << 32 | block->size_low;
}
static inline uint64_t rsd_block_address(const struct rsd_block *block) {
    return block->key >> 16;
}

static inline uint64_t rsd_live_hash(uint64_t address) {
    return (address >> 3) * 0x9e3779b97f4a7c15u;
}
static inline size_t rsd_live_home(uint64_t hash, size_t mask) {
    return hash >> 24 & mask;
}

/* Have the place of an address in the cache soon. Inlined by force: gcc 12 drops a call of it as one without effect. */
static inline __attribute__((always_inline)) void rsd_live_prefetch(const struct rsd_live *live, uint64_t address) {
    uint64_t hash = rsd_live_hash(address);
    const struct rsd_shard *shard = &live->shard[hash >> 60];
    uintptr_t home = (uintptr_t)shard->blocks + rsd_live_home(hash, shard->mask) * sizeof *shard->blocks;
    __builtin_prefetch((const void *)home);
    __builtin_prefetch((const void *)(home + 64)); /* what is not at home is behind it */
}

#define RSD_BLOCK_MOST ((UINT64_C(1) << 48) - 1)

/* A block of at most RSD_BLOCK_MOST bytes; only a damaged trace says more. */
static inline struct rsd_block rsd_block_make(uint64_t address, uint64_t size, uint64_t time, uint32_t site) {
    if (__builtin_expect(size > RSD_BLOCK_MOST, 0))
        size = RSD_BLOCK_MOST;
    return (struct rsd_block){address << 16 | size >> 32, time, (uint32_t)size, site & RSD_SITE_MOST, 0};
}

/* Add a block; when one lies at its address already, it is taken out into *old and true returned. Address not 0. */
bool rsd_live_add(struct rsd_live *live, const struct rsd_block *block, struct rsd_block *old);
/* Take out the block at an address into *old. False: there is none. */
bool rsd_live_remove(struct rsd_live *live, uint64_t address, struct rsd_block *old);
void rsd_live_each(const struct rsd_live *live, void (*visit)(void *context, const struct rsd_block *block),
                   void *context);
void rsd_live_free(struct rsd_live *live);

#endif
