/*
 * The k-way merge.
 *
 * "Time is in ticks. Within a writer no two records of the kinds ALLOC, FREE and LARGE have the same time. Between
 * writers, when two records have the same time, the free comes first."
 *
 * Three streams per writer, and a tournament over them: a tree whose inner nodes keep the loser of each match. When the
 * winner moves on to its next record only its own matches, from its leaf to the root, are played again: log2(streams)
 * compares of one 128-bit key each, without a branch that could be mispredicted. (A binary heap compares twice per
 * level and guesses each time; the difference was a fifth of the whole analysis.)
 *
 * A stream whose frame is not unpacked yet takes part with the time from the frame's header; it is unpacked when it
 * comes to the top. Equal times go by rank (rsd_merge_rank), then by writer, then by kind, so that the order is the
 * same each time. A stream at its end has the key with all bits set, which no record has: no stream has the number 2^32
 * - 1.
 */
#include "merge.h"

#include "memory.h"

static void add_stream(struct rsd_merge *merge, struct rsd_writer *writer, uint32_t place, enum residue_kind kind,
                       struct rsd_source *source) {
    struct rsd_stream *stream = &merge->streams[merge->stream_count];
    stream->writer = place;
    if (rsd_cursor_open(&stream->cursor, writer, kind, source))
        merge->stream_count++;
    else
        rsd_cursor_close(&stream->cursor);
}

/* The winner of the matches at and below a node, its losers noted on the way. */
static rsd_merge_key play(struct rsd_merge *merge, size_t node) {
    if (node >= merge->leaves) {
        size_t number = node - merge->leaves;
        if (number >= merge->stream_count)
            return ~(rsd_merge_key)0;
        const struct rsd_cursor *cursor = &merge->streams[number].cursor;
        return (rsd_merge_key)cursor->time << 64 | rsd_merge_rank(cursor) << 32 | number;
    }
    rsd_merge_key a = play(merge, 2 * node), b = play(merge, 2 * node + 1);
    merge->tree[node] = a < b ? b : a;
    return a < b ? a : b;
}

void rsd_merge_open(struct rsd_merge *merge, struct rsd_trace *trace, struct rsd_source *source, unsigned kinds) {
    *merge = (struct rsd_merge){.streams = rsd_zalloc(trace->writer_count * RESIDUE_KINDS + 1, sizeof *merge->streams),
                                .leaves = 1};
    for (size_t i = 0; i < trace->writer_count; i++)
        for (int kind = 0; kind < RESIDUE_KINDS; kind++)
            if (kinds & 1u << kind)
                add_stream(merge, &trace->writers[i], (uint32_t)i, (enum residue_kind)kind, source);
    while (merge->leaves < merge->stream_count)
        merge->leaves *= 2;
    merge->tree = rsd_zalloc(merge->leaves, sizeof *merge->tree);
    merge->tree[0] = play(merge, 1);
}

void rsd_merge_close(struct rsd_merge *merge) {
    for (size_t i = 0; i < merge->stream_count; i++)
        rsd_cursor_close(&merge->streams[i].cursor);
    free(merge->streams);
    free(merge->tree);
}

struct rsd_stream *rsd_merge_load(struct rsd_merge *merge) {
    while (merge->tree[0] != ~(rsd_merge_key)0) {
        uint32_t number = (uint32_t)merge->tree[0];
        struct rsd_stream *stream = &merge->streams[number];
        if (stream->cursor.record)
            return stream;
        bool loaded = rsd_cursor_load(&stream->cursor);
        rsd_merge_replay(merge, number, loaded || stream->cursor.time != UINT64_MAX);
    }
    return NULL;
}
