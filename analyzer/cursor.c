/*
 * Cursors: a writer's records of one kind as one sorted stream.
 *
 * The stream is the frames of the log, then the open segment, then (for ALLOC) the ring. A frame is unpacked when its
 * first record is wanted and not before: its header tells the time, which is enough to order it among the other
 * streams. So what lies behind the end of the analysed window is never unpacked, and a writer costs memory only while
 * its records are being merged. Invariant: time >= floor, the time of the record before.
 *
 * While a frame's records are given out the one behind it is unpacked by another thread, if there is one (ahead.c).
 *
 * A frame that turns out unreadable is a lost segment: a problem, and the stream goes on behind it. NODE streams have
 * no times; their `time` is always 0 and the header's first id is in `frame`.
 */
#include "cursor.h"

#include <string.h>

#include "memory.h"

void rsd_source_open(struct rsd_source *source, struct rsd_problems *problems, uint64_t cutoff) {
    *source = (struct rsd_source){
        .unpacker = rsd_unpacker_new(), .problems = problems, .jobs = rsd_ahead_jobs(), .cutoff = cutoff};
}

void rsd_source_close(struct rsd_source *source) {
    rsd_ahead_free(source->ahead);
    rsd_unpacker_free(source->unpacker);
}

/* Stand before a block of rows that are in memory already. */
static bool stand(struct rsd_cursor *cursor, const void *rows, size_t size, enum rsd_place place) {
    if (!size)
        return false;
    cursor->record = rows;
    cursor->end = cursor->record + size;
    cursor->place = place;
    cursor->frame = NULL;
    cursor->time = rsd_time_at(cursor->kind, cursor->record);
    return cursor->time >= cursor->floor && cursor->time <= cursor->source->cutoff;
}

/* No frame of the log is wanted any more. */
static void release(struct rsd_cursor *cursor) {
    if (cursor->order && cursor->order->ordered)
        rsd_ahead_take(cursor->source->ahead, cursor->order);
    if (cursor->order)
        free(cursor->order->rows);
    free(cursor->order);
    cursor->order = NULL;
    free(cursor->rows);
    cursor->rows = NULL;
}

static bool behind_log(struct rsd_cursor *cursor) {
    const struct rsd_writer *writer = cursor->writer;
    const struct rsd_open_segment *open = &writer->open[cursor->kind];
    release(cursor);
    if (cursor->place == RSD_IN_LOG && stand(cursor, open->rows, open->size, RSD_IN_LIVE))
        return true;
    if (cursor->kind == RESIDUE_ALLOC && cursor->place != RSD_IN_RING &&
        stand(cursor, writer->ring, writer->ring_count * sizeof *writer->ring, RSD_IN_RING))
        return true;
    cursor->record = cursor->end = NULL;
    cursor->time = UINT64_MAX;
    return false;
}

static void lose(struct rsd_cursor *cursor, const char *why) {
    struct rsd_frame *frame = cursor->frame;
    if (frame->told)
        return;
    frame->told = true;
    cursor->writer->lost++;
    rsd_problem(cursor->source->problems, cursor->writer->log_name, frame->offset, "segment %u of kind %u lost: %s",
                frame->sequence, frame->kind, why);
}

bool rsd_cursor_next_block(struct rsd_cursor *cursor) {
    const struct rsd_frames *frames = &cursor->writer->frames[cursor->kind];
    cursor->record = cursor->end = NULL;
    while (cursor->place == RSD_IN_LOG && cursor->next_frame < frames->count) {
        cursor->frame = &frames->list[cursor->next_frame++];
        if (cursor->kind == RESIDUE_NODE) {
            cursor->time = 0;
            return true;
        }
        cursor->time = cursor->frame->first;
        if (cursor->time > cursor->source->cutoff)
            break;
        if (cursor->time >= cursor->floor)
            return true;
        lose(cursor, "it goes back in time");
    }
    return behind_log(cursor);
}

/* ---- The frame's rows -------------------------------------------------------------------------------------------- */

static uint8_t *room_for(uint8_t *rows, const struct rsd_frame *frame) {
    return rsd_realloc(rows, frame->raw_size);
}

/* The order's rows become the cursor's, and those that it has done with the order's. */
static bool take_order(struct rsd_cursor *cursor) {
    struct rsd_order *order = cursor->order;
    if (!order || !order->ordered || !rsd_ahead_take(cursor->source->ahead, order) ||
        order->frame.offset != cursor->frame->offset)
        return false;
    uint8_t *rows = order->rows;
    order->rows = cursor->rows;
    cursor->rows = rows;
    return true;
}

/* How many bytes of rows are good. */
static size_t obtain(struct rsd_cursor *cursor, const char **why) {
    struct rsd_source *source = cursor->source;
    source->bytes_read += cursor->frame->packed_size;
    if (take_order(cursor)) {
        *why = cursor->order->why;
        return cursor->order->good;
    }
    cursor->rows = room_for(cursor->rows, cursor->frame);
    return rsd_frame_fetch(source->unpacker, cursor->writer->log, cursor->frame, cursor->rows, why);
}

/* Threads are started for the first order: most traces of a test, and all of a second, have none. */
static struct rsd_ahead *ahead_of(struct rsd_source *source) {
    if (source->jobs)
        source->ahead = rsd_ahead_new(source->jobs);
    source->jobs = 0;
    return source->ahead;
}

static void order_next(struct rsd_cursor *cursor) {
    const struct rsd_frames *frames = &cursor->writer->frames[cursor->kind];
    if (cursor->next_frame >= frames->count || !ahead_of(cursor->source))
        return;
    const struct rsd_frame *next = &frames->list[cursor->next_frame];
    if (!cursor->order)
        cursor->order = rsd_zalloc(1, sizeof *cursor->order);
    cursor->order->log = cursor->writer->log;
    cursor->order->frame = *next;
    cursor->order->rows = room_for(cursor->order->rows, next);
    rsd_ahead_order(cursor->source->ahead, cursor->order);
}

bool rsd_cursor_load(struct rsd_cursor *cursor) {
    if (cursor->record)
        return true;
    const char *why = NULL;
    size_t good = obtain(cursor, &why);
    if (why && good && !cursor->frame->told) {
        cursor->frame->told = true;
        rsd_problem(cursor->source->problems, cursor->writer->log_name, cursor->frame->offset,
                    "byte %zu of segment %u: %s", good, cursor->frame->sequence, why);
    }
    if (!good) {
        lose(cursor, why ? why : "it is empty");
        rsd_cursor_next_block(cursor);
        return false;
    }
    cursor->record = cursor->rows;
    cursor->end = cursor->rows + good;
    order_next(cursor);
    return true;
}

bool rsd_cursor_open(struct rsd_cursor *cursor, struct rsd_writer *writer, enum residue_kind kind,
                     struct rsd_source *source) {
    *cursor =
        (struct rsd_cursor){.writer = writer, .source = source, .kind = kind, .size = (uint32_t)rsd_record_size(kind)};
    return rsd_cursor_next_block(cursor);
}

void rsd_cursor_close(struct rsd_cursor *cursor) {
    release(cursor);
}
