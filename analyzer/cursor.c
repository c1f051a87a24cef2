/*
 * Cursors: a writer's records of one kind as one sorted stream.
 *
 * The stream is the frames of the log, then the open segment, then (for ALLOC) the ring. A frame is unpacked when its
 * first record is wanted and not before: its header tells the time, which is enough to order it among the other
 * streams. So what lies behind the end of the analysed window is never unpacked, and a writer costs memory only while
 * its records are being merged. Invariant: time >= floor, the time of the record before.
 *
 * A frame that turns out unreadable is a lost segment: a problem, and the stream goes on behind it. NODE streams have
 * no times; their `time` is always 0 and the header's first id is in `frame`.
 */
#include "cursor.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"

void rsd_source_open(struct rsd_source *source, struct rsd_problems *problems, uint64_t cutoff) {
    *source = (struct rsd_source){.unpacker = rsd_unpacker_new(), .problems = problems, .cutoff = cutoff};
}

void rsd_source_close(struct rsd_source *source) {
    rsd_unpacker_free(source->unpacker);
    free(source->packed);
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

static bool behind_log(struct rsd_cursor *cursor) {
    const struct rsd_writer *writer = cursor->writer;
    const struct rsd_open_segment *open = &writer->open[cursor->kind];
    free(cursor->rows);
    cursor->rows = NULL;
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

static const char *fetch(struct rsd_cursor *cursor) {
    const struct rsd_frame *frame = cursor->frame;
    struct rsd_source *source = cursor->source;
    if (frame->packed_size > source->capacity) {
        source->capacity = frame->packed_size;
        source->packed = rsd_realloc(source->packed, source->capacity);
    }
    for (size_t got = 0; got < frame->packed_size;) {
        ssize_t n = pread(cursor->writer->log, source->packed + got, frame->packed_size - got,
                          (off_t)(frame->offset + RESIDUE_HEADER_SIZE + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return "cannot be read";
        got += (size_t)n;
    }
    source->bytes_read += frame->packed_size;
    cursor->rows = rsd_realloc(cursor->rows, frame->raw_size);
    return rsd_frame_unpack(source->unpacker, frame, source->packed, cursor->rows);
}

static const char *check(struct rsd_cursor *cursor, size_t *good) {
    const struct rsd_frame *frame = cursor->frame;
    const char *why = NULL;
    *good = rsd_rows_check(cursor->kind, cursor->rows, frame->raw_size, cursor->floor, &why);
    if (cursor->kind != RESIDUE_NODE && *good && rsd_time_at(cursor->kind, cursor->rows) != frame->first) {
        *good = 0;
        return "its header has another time";
    }
    return why;
}

bool rsd_cursor_load(struct rsd_cursor *cursor) {
    if (cursor->record)
        return true;
    size_t good = 0;
    const char *why = fetch(cursor);
    if (!why && (why = check(cursor, &good)) && good && !cursor->frame->told) {
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
    return true;
}

bool rsd_cursor_open(struct rsd_cursor *cursor, struct rsd_writer *writer, enum residue_kind kind,
                     struct rsd_source *source) {
    *cursor =
        (struct rsd_cursor){.writer = writer, .source = source, .kind = kind, .size = (uint32_t)rsd_record_size(kind)};
    return rsd_cursor_next_block(cursor);
}

void rsd_cursor_close(struct rsd_cursor *cursor) {
    free(cursor->rows);
    cursor->rows = NULL;
}
