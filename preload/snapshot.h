/*
 * Marks that are set when memory runs short (RESIDUE_SNAPSHOT_AT). See snapshot.c.
 */
#ifndef RSD_SNAPSHOT_H
#define RSD_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"

/* What is watched for. Before the first hook returns. */
void rsd_snapshot_init(const struct rsd_config *config);

/* Find V8's statistics, if they are wanted; from the constructor. */
void rsd_snapshot_find_heap(void);

/* Look at RSS, and set a mark if it is time; from the helper, ten times a second. */
void rsd_snapshot_poll(void);

extern _Atomic bool rsd_snapshot_heap_asked;
void rsd_snapshot_read_heap(void);

/* Where the event loop waits, V8 may be asked how full its heap is. */
static inline void rsd_snapshot_look_at_heap(void) {
    if (__builtin_expect(atomic_load_explicit(&rsd_snapshot_heap_asked, memory_order_relaxed), 0))
        rsd_snapshot_read_heap();
}

#endif
