/*
 * The live set: address -> block.
 *
 * This is the analyzer's one big table: it is touched by every event and its size is what analysis costs in memory. A
 * block takes 24 bytes; tables are open-addressed with linear probing and between 3/8 and 3/4 full, so 32 to 64 bytes
 * per block. While a table grows, the old and the new one stand side by side; so there are RSD_SHARDS tables by hash,
 * which grow one after the other, and the peak stays within 64 bytes per block and one shard. They are few, so that a
 * shard of a large trace fills huge pages: with small pages every event would miss the TLB.
 *
 * Removal moves the blocks behind the hole back (no tombstones): a trace is mostly allocations that are freed again,
 * and probe lengths must not depend on how many there were.
 *
 * The address is 48 bits and the size 48 bits (no larger block can be allocated in a 48-bit address space), which is
 * how both fit in 12 bytes.
 */
#include "live.h"

#include <string.h>

#include "memory.h"

#define FIRST_CAPACITY 4096

static inline struct rsd_shard *shard_of(struct rsd_live *live, uint64_t hash) {
    return &live->shard[hash >> 60];
}
static void put(struct rsd_shard *shard, const struct rsd_block *block) {
    size_t i = rsd_live_home(rsd_live_hash(rsd_block_address(block)), shard->mask);
    while (shard->blocks[i].key)
        i = (i + 1) & shard->mask;
    shard->blocks[i] = *block;
}

static void free_blocks(struct rsd_shard *shard) {
    if (shard->blocks)
        rsd_table_free(shard->blocks, shard->mask + 1, sizeof *shard->blocks);
}

static void grow(struct rsd_shard *shard) {
    struct rsd_shard old = *shard;
    size_t capacity = old.blocks ? (old.mask + 1) * 2 : FIRST_CAPACITY;
    shard->blocks = rsd_table(capacity, sizeof *shard->blocks);
    shard->mask = capacity - 1;
    for (size_t i = 0; old.blocks && i <= old.mask; i++)
        if (old.blocks[i].key)
            put(shard, &old.blocks[i]);
    free_blocks(&old);
}

bool rsd_live_add(struct rsd_live *live, const struct rsd_block *block, struct rsd_block *old) {
    uint64_t address = rsd_block_address(block), hash = rsd_live_hash(address);
    struct rsd_shard *shard = shard_of(live, hash);
    if (!shard->blocks || shard->count * 4 >= (shard->mask + 1) * 3)
        grow(shard);
    size_t i = rsd_live_home(hash, shard->mask);
    for (; shard->blocks[i].key; i = (i + 1) & shard->mask)
        if (rsd_block_address(&shard->blocks[i]) == address) {
            *old = shard->blocks[i];
            shard->blocks[i] = *block;
            return true;
        }
    shard->blocks[i] = *block;
    shard->count++;
    live->count++;
    return false;
}

/* Fill the hole at `hole`: a block behind it moves in unless its home lies between the hole and itself. */
static void close_hole(struct rsd_shard *shard, size_t hole) {
    struct rsd_block *blocks = shard->blocks;
    size_t mask = shard->mask;
    for (size_t i = (hole + 1) & mask; blocks[i].key; i = (i + 1) & mask) {
        size_t home = rsd_live_home(rsd_live_hash(rsd_block_address(&blocks[i])), mask);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            blocks[hole] = blocks[i];
            hole = i;
        }
    }
    blocks[hole].key = 0;
}

bool rsd_live_remove(struct rsd_live *live, uint64_t address, struct rsd_block *old) {
    uint64_t hash = rsd_live_hash(address);
    struct rsd_shard *shard = shard_of(live, hash);
    if (!shard->blocks)
        return false;
    for (size_t i = rsd_live_home(hash, shard->mask); shard->blocks[i].key; i = (i + 1) & shard->mask)
        if (rsd_block_address(&shard->blocks[i]) == address) {
            *old = shard->blocks[i];
            close_hole(shard, i);
            shard->count--;
            live->count--;
            return true;
        }
    return false;
}

void rsd_live_each(const struct rsd_live *live, void (*visit)(void *context, const struct rsd_block *block),
                   void *context) {
    for (size_t s = 0; s < RSD_SHARDS; s++)
        for (size_t i = 0; live->shard[s].blocks && i <= live->shard[s].mask; i++)
            if (live->shard[s].blocks[i].key)
                visit(context, &live->shard[s].blocks[i]);
}

void rsd_live_free(struct rsd_live *live) {
    for (size_t s = 0; s < RSD_SHARDS; s++)
        free_blocks(&live->shard[s]);
    memset(live, 0, sizeof *live);
}
