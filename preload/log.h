/*
 * A writer of the trace: one thread's records on their way to disk. See log.c for how, FORMAT.md for the bytes.
 */
#ifndef RSD_LOG_H
#define RSD_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "clock.h"
#include "frame.h"
#include "residue/format.h"

#define RSD_PATH_SIZE 1024u /* a path stands on the stack of a thread that may have 16 KiB of it */

/* An open segment, mirrored from the live header so that the hot path touches one cache line of ours. */
struct rsd_segment {
    _Atomic uint64_t *commit; /* in the live header */
    unsigned char *bytes;
    uint32_t capacity;
    uint32_t used;
    uint32_t sequence;
    uint32_t records;
};

struct rsd_writer {
    struct rsd_segment segment[RESIDUE_KINDS];
    uint64_t last_tick; /* of any timed record: times within a writer are unique */
    uint64_t *counter;  /* in the live header, indexed by enum residue_counter */
    struct residue_live_header *live;
    uint64_t last_free;  /* time of the last FREE record, and of the last LARGE one: streams stay sorted even where a */
    uint64_t last_large; /* signal handler recorded something between a time that was taken and its record */
    uint64_t last_node;  /* ids of nodes count from 1 */
    uint64_t first_node; /* id of the first node of the open NODE segment */
    uint64_t slow_ticks; /* that its thread has spent on full segments */
    uint32_t number;
    atomic_flag sealing;                       /* held by whoever seals its full segments */
    _Atomic uint32_t waiting;                  /* kinds of which a full segment waits to be sealed, a bit each */
    _Atomic bool queued;                       /* by sealer.c */
    struct rsd_writer *next_queued;            /* the same */
    struct rsd_content content[RESIDUE_KINDS]; /* of the full segments that wait */
};

/* Decide where the live files stand; once, after the trace directory was made. */
void rsd_log_init(void);

/* How meta.json calls that place: "file", "shm", "private", and the directory for "shm" (else NULL). */
const char *rsd_log_live_kind(void);
const char *rsd_log_live_directory(void);

/* Make the files of writer `number`. False when that failed: recording has been stopped then. */
bool rsd_writer_open(struct rsd_writer *writer, uint32_t number);

/* The process has no use for the writer any more: unmap its live part. */
void rsd_writer_release(struct rsd_writer *writer);

/* Put private memory in the place of its live part, with empty segments, for a hook that may go on writing there. */
void rsd_writer_isolate(struct rsd_writer *writer);

/* Go on in an empty segment; the full one is sealed soon. False when that failed: recording has been stopped then. */
bool rsd_writer_seal(struct rsd_writer *writer, enum residue_kind kind);

/* Compress the full segments into the log and empty them; on any thread. A negative errno when that failed: they stay as
 * they are; -EBUSY: another thread is at it. */
long rsd_writer_seal_waiting(struct rsd_writer *writer);

/* Room for a ring of so many entries, and the ring is of that capacity then. False: as it was. */
bool rsd_writer_grow_ring(struct rsd_writer *writer, uint32_t entries);

/* Where the live part is private memory, write it out for the reader. At exit. */
void rsd_writer_save_private(struct rsd_writer *writer);

/* A time for a record, greater than all that this writer gave before. */
static inline uint64_t rsd_writer_tick(struct rsd_writer *writer) {
    uint64_t now = rsd_clock_ticks();
    if (now <= writer->last_tick)
        now = writer->last_tick + 1;
    writer->last_tick = now;
    return now;
}

/* Room for a record of `size` bytes, or NULL when recording has stopped. */
static inline void *rsd_writer_reserve(struct rsd_writer *writer, enum residue_kind kind, uint32_t size) {
    struct rsd_segment *segment = &writer->segment[kind];
    if (__builtin_expect(segment->used + size > segment->capacity, 0) && !rsd_writer_seal(writer, kind))
        return NULL;
    return segment->bytes + segment->used;
}

/* What was written into the room last reserved is now part of the trace: one store, so that a kill falls on one side. */
static inline void rsd_writer_commit(struct rsd_writer *writer, enum residue_kind kind, uint32_t size) {
    struct rsd_segment *segment = &writer->segment[kind];
    segment->used += size;
    segment->records++;
    atomic_store_explicit(segment->commit, residue_commit(segment->sequence, segment->used), memory_order_release);
}

/* Append an ALLOC record, unless recording has stopped. */
static inline void rsd_writer_put_alloc(struct rsd_writer *writer, const struct residue_alloc *record) {
    struct residue_alloc *room = rsd_writer_reserve(writer, RESIDUE_ALLOC, sizeof *room);
    if (!room)
        return;
    *room = *record;
    rsd_writer_commit(writer, RESIDUE_ALLOC, sizeof *room);
}

/* Append a tagged record: `head` (of head_size bytes, tag set) followed by up to two strings. Time and size are
 * filled in here; the time is now, or where RSD_SAME_TIME stands that of the writer's record before. False when recording
 * has stopped. */
#define RSD_SAME_TIME 1u /* of many records in a row: they take up a third less */
bool rsd_writer_tagged(struct rsd_writer *writer, struct residue_tagged *head, size_t head_size, const void *first,
                       size_t first_size, const void *second, size_t second_size);

#endif
