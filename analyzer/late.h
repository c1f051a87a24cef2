/* Blocks that died in a nursery without records, but were outstanding at a sample of memory. */
#ifndef RSD_LATE_H
#define RSD_LATE_H

#include "pairing.h"

struct rsd_late_sum {
    uint64_t when;   /* time of the sample */
    uint32_t writer; /* place of the writer whose node it is */
    uint32_t node;
    uint64_t blocks, bytes;
};

struct rsd_late {
    struct rsd_late_sum *list; /* of the samples that were asked for */
    size_t count, capacity;
    uint64_t *total; /* bytes of the program, by sample of the history */
};

/* Read the totals of all samples, and the sums of those at `wanted`. */
void rsd_late_read(struct rsd_late *late, struct rsd_trace *trace, struct rsd_source *source,
                   const struct rsd_history *history, const struct rsd_stacks *stacks, const uint64_t *wanted,
                   size_t wanted_count);
void rsd_late_free(struct rsd_late *late);

/* The sample whose sums stand for what was young at a time; 0: none is needed, or there is none. */
uint64_t rsd_late_sample(const struct rsd_history *history, uint64_t time);

/* Add the sums of a sample to the sites, or take them out again. */
void rsd_late_apply(const struct rsd_late *late, struct rsd_pairing *pairing, uint64_t when, bool add);

#endif
