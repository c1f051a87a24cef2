/* Traces in which not every allocation is recorded: with what rates samples were taken, and what each stands for. */
#ifndef RSD_SAMPLING_H
#define RSD_SAMPLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "live.h"

#define RSD_RATES (1u << RSD_RATE_BITS)

struct rsd_rate_change { /* from this time on the writer's allocations are sampled with this rate */
    uint64_t time;
    uint32_t writer; /* its number */
    uint32_t rate;   /* place in `rate` */
};

struct rsd_sampling {
    uint64_t rate[RSD_RATES];        /* mean bytes from sample to sample; [0]: 0, every allocation is recorded */
    uint32_t rates;                  /* of them, [0] not counted */
    struct rsd_rate_change *changes; /* by writer and time */
    size_t count, capacity;
    uint64_t since; /* time of the first */
};

/* False: there are more rates than can be kept apart. */
bool rsd_sampling_add(struct rsd_sampling *sampling, uint32_t writer, uint64_t time, uint64_t rate);
void rsd_sampling_sort(struct rsd_sampling *sampling);
/* The changes of one writer; NULL: there are none. */
const struct rsd_rate_change *rsd_sampling_of(const struct rsd_sampling *sampling, uint32_t writer, size_t *count);
/* The place of the rate with which a writer took samples at a time; 0: it recorded all. */
uint32_t rsd_sampling_rate(const struct rsd_sampling *sampling, uint32_t writer, uint64_t time);
/* The largest rate with which any writer took samples up to a time; 0: all was recorded. */
uint64_t rsd_sampling_coarsest(const struct rsd_sampling *sampling, uint64_t time);
/* Whether so many bytes, in small blocks, may be chance at a rate: they are not RSD_SURE times their own standard error. */
#define RSD_SURE 4.0
bool rsd_sampling_is_coarse(uint64_t rate, double bytes);
/* The least and the largest rate. */
void rsd_sampling_range(const struct rsd_sampling *sampling, uint64_t *least, uint64_t *most);
/* "a sample in each 512.0 KiB allocated": how and since when; to be freed. `since` in seconds. */
char *rsd_sampling_text(const struct rsd_sampling *sampling, double since);
void rsd_sampling_free(struct rsd_sampling *sampling);

/* What a recorded block stands for. */
struct rsd_weight {
    uint64_t bytes, blocks;
    double bytes_variance, blocks_variance; /* that it adds to sums of these */
};

struct rsd_weight rsd_weigh_sample(uint64_t rate, const struct rsd_block *block);

static inline struct rsd_weight rsd_weigh(const struct rsd_sampling *sampling, const struct rsd_block *block) {
    if (__builtin_expect(block->rate == 0, 1))
        return (struct rsd_weight){.bytes = rsd_block_size(block), .blocks = 1};
    return rsd_weigh_sample(sampling->rate[block->rate], block);
}

#endif
