/*
 * A full segment as a frame of the log. See frame.c for how, FORMAT.md 2.2 for the bytes.
 */
#ifndef RSD_FRAME_H
#define RSD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

#define RSD_SEGMENT_MOST 65536u /* bytes of records */

/* What a frame is made of. */
struct rsd_content {
    const unsigned char *bytes; /* records in rows */
    uint32_t used;              /* bytes of them */
    uint32_t records;
    uint32_t sequence;
    uint64_t first_node, last_node; /* ids, of a segment of nodes */
};

struct rsd_compressor;

/* One that nobody else uses until it is given back. NULL: *error is -ENOMEM, or -EBUSY while others use all that there may be. */
struct rsd_compressor *rsd_compressor_take(long *error);
void rsd_compressor_give(struct rsd_compressor *c);

/* The frame, header first, in memory of the compressor's; its size in bytes, or 0 when zstd refused. */
size_t rsd_frame_build(struct rsd_compressor *c, enum residue_kind kind, const struct rsd_content *content,
                       const unsigned char **frame);

/* In a child made by fork() (fork.c). */
void rsd_compressors_after_fork(void);

#endif
