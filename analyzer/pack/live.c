/*
 * The live file of a process that still runs changes while it is copied: a copy byte by byte would be torn. read.c knows
 * how to take a state out of it that holds together, so a pack gets a live file made of that state: the open segments
 * that the log does not have, the ring's entries that count, the counters. Whoever reads it finds just these.
 */
#include "pack/live.h"

#include <string.h>

#include "memory.h"
#include "write.h"

static size_t place_segment(struct residue_segment *segment, const struct rsd_open_segment *open, size_t at) {
    if (!open->sequence)
        return at;
    *segment = (struct residue_segment){.commit = residue_commit(open->sequence, (uint32_t)open->size),
                                        .offset = (uint32_t)at,
                                        .capacity = open->size ? (uint32_t)open->size : 8};
    return at + segment->capacity;
}

static size_t place_ring(struct residue_ring *ring, size_t entries, size_t at) {
    if (entries)
        *ring = (struct residue_ring){.offset = (uint32_t)at, .capacity = (uint32_t)entries, .head = entries};
    return at + entries * sizeof(struct residue_alloc);
}

uint8_t *rsd_live_image(const struct rsd_writer *writer, const struct rsd_meta *meta, size_t *size) {
    struct residue_live_header header;
    rsd_live_header(&header, writer, meta);
    size_t at = sizeof header;
    for (int kind = 0; kind < RESIDUE_KINDS; kind++)
        at = place_segment(&header.segment[kind], &writer->open[kind], at);
    at = place_ring(&header.ring, writer->ring_count, at);
    uint8_t *image = rsd_zalloc(at, 1);
    memcpy(image, &header, sizeof header);
    for (int kind = 0; kind < RESIDUE_KINDS; kind++)
        if (writer->open[kind].size)
            memcpy(image + header.segment[kind].offset, writer->open[kind].rows, writer->open[kind].size);
    if (writer->ring_count)
        memcpy(image + header.ring.offset, writer->ring, writer->ring_count * sizeof *writer->ring);
    *size = at;
    return image;
}
