/* The records of one kind of one writer, one after the other: log, open segment, ring. */
#ifndef RSD_CURSOR_H
#define RSD_CURSOR_H

#include "ahead.h"
#include "read.h"

/* What cursors of one reading share. */
struct rsd_source {
    struct rsd_unpacker *unpacker;
    struct rsd_problems *problems;
    struct rsd_ahead *ahead; /* NULL: nobody else unpacks */
    unsigned jobs;           /* threads that there may be; 0: they have been started, or it was tried */
    uint64_t cutoff;         /* records later than this are left out: the process still ran (UINT64_MAX: none) */
    uint64_t bytes_read;     /* of logs, for the progress bar */
};

enum rsd_place { RSD_IN_LOG, RSD_IN_LIVE, RSD_IN_RING };

struct rsd_cursor {
    struct rsd_writer *writer;
    struct rsd_source *source;
    enum residue_kind kind;
    const uint8_t *record; /* the present record; NULL while its frame is not unpacked */
    const uint8_t *end;    /* of the records in memory */
    uint64_t time;         /* of the present record; before its frame is unpacked, what the frame's header says */
    enum rsd_place place;  /* where the present record lies */
    uint32_t size;         /* of each record; 0: varying */
    size_t next_frame;     /* the frame after the present one */
    struct rsd_frame *frame;
    uint8_t *rows;           /* the unpacked frame */
    struct rsd_order *order; /* the frame behind it, or NULL before the first was ordered */
    uint64_t floor;          /* time of the last record that was given out */
};

/* Stand at the first record. False: there is none. */
bool rsd_cursor_open(struct rsd_cursor *cursor, struct rsd_writer *writer, enum residue_kind kind,
                     struct rsd_source *source);
void rsd_cursor_close(struct rsd_cursor *cursor);
/* Have the present record in memory. False: its frame could not be read; the cursor stands at a later one (look at
 * `time` again), or at the end when `time` is UINT64_MAX. */
bool rsd_cursor_load(struct rsd_cursor *cursor);
/* Step over the frame's or segment's last record. */
bool rsd_cursor_next_block(struct rsd_cursor *cursor);

/* Step to the next record. False: there is none. */
static inline bool rsd_cursor_next(struct rsd_cursor *cursor) {
    const uint8_t *record = cursor->record;
    size_t size = cursor->size ? cursor->size : rsd_record_at(cursor->kind, record, cursor->end);
    cursor->floor = cursor->time;
    record += size;
    if (__builtin_expect(record >= cursor->end, 0))
        return rsd_cursor_next_block(cursor);
    cursor->record = record;
    cursor->time = rsd_time_at(cursor->kind, record);
    return cursor->time <= cursor->source->cutoff;
}

void rsd_source_open(struct rsd_source *source, struct rsd_problems *problems, uint64_t cutoff);
void rsd_source_close(struct rsd_source *source);

#endif
