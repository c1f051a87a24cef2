/*
 * What was outstanding when memory was sampled last, and died in a nursery since. See late.c.
 */
#ifndef RSD_LATE_H
#define RSD_LATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rsd_late_sum {
    uint32_t writer; /* whose node; 0: none yet */
    uint32_t node;
    uint64_t blocks, bytes;
};

struct rsd_late {
    atomic_flag taken;
    uint32_t used;
    uint32_t places;          /* a power of two */
    uint64_t time;            /* of the sample */
    struct rsd_late_sum *sum; /* by hash of writer and node; at most half of them are in use */
};

bool rsd_late_init(struct rsd_late *late);
void rsd_late_release(struct rsd_late *late);

/* Where a block of this node may be added that was outstanding at `time`. NULL: nowhere. Else rsd_late_end must follow, with
 * the block's bytes, or without `died` when it did not die after all. */
struct rsd_late_sum *rsd_late_begin(struct rsd_late *late, uint64_t time, uint32_t writer, uint32_t node);
void rsd_late_end(struct rsd_late *late, struct rsd_late_sum *sum, bool died, uint64_t bytes);

/* Write out what there is; from here on sums are of the sample at `time`. Any thread. */
void rsd_late_turn(struct rsd_late *late, uint64_t time);

#endif
