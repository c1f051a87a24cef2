/* All writers' records as one stream in the order of time. */
#ifndef RSD_MERGE_H
#define RSD_MERGE_H

#include "trace.h"

struct rsd_stream { /* one writer's records of one kind */
    struct rsd_cursor cursor;
    uint32_t writer; /* place of the writer in the trace */
};

/* What the order goes by: time << 64 | rank << 32 | number of the stream. */
typedef unsigned __int128 rsd_merge_key;

struct rsd_merge {
    struct rsd_stream *streams;
    size_t stream_count;
    rsd_merge_key *tree; /* [0]: the smallest key; [1] to [leaves - 1]: the loser of each match */
    size_t leaves;       /* a power of two */
};

#define RSD_EVENTS (1u << RESIDUE_ALLOC | 1u << RESIDUE_FREE | 1u << RESIDUE_LARGE)

/* `kinds`: a set of 1 << enum residue_kind, without RESIDUE_NODE. */
void rsd_merge_open(struct rsd_merge *merge, struct rsd_trace *trace, struct rsd_source *source, unsigned kinds);
void rsd_merge_close(struct rsd_merge *merge);

/* Unpack what is needed until the first record is in memory; NULL at the end. */
struct rsd_stream *rsd_merge_load(struct rsd_merge *merge);

/* On a tie what frees goes before what allocates, tagged records go last; a stream whose record is not unpacked yet
 * goes first, because it is not known what it holds. */
static inline uint64_t rsd_merge_rank(const struct rsd_cursor *cursor) {
    if (cursor->kind == RESIDUE_FREE || !cursor->record)
        return 0;
    if (cursor->kind == RESIDUE_ALLOC)
        return 1;
    if (cursor->kind == RESIDUE_OTHER)
        return 2;
    uint64_t where;
    __builtin_memcpy(&where, cursor->record + offsetof(struct residue_large, where), sizeof where);
    return residue_where_api(where) != RESIDUE_API_MUNMAP;
}

/* Give stream `number` its present key, or the last of all when it is at its end, and play its matches again. */
static inline void rsd_merge_replay(struct rsd_merge *merge, uint32_t number, bool more) {
    const struct rsd_cursor *cursor = &merge->streams[number].cursor;
    rsd_merge_key key = (rsd_merge_key)cursor->time << 64 | rsd_merge_rank(cursor) << 32 | number;
    if (!more)
        key = ~(rsd_merge_key)0;
    for (size_t match = (merge->leaves + number) / 2; match; match /= 2) {
        rsd_merge_key other = merge->tree[match];
        bool wins = other < key;
        merge->tree[match] = wins ? key : other;
        key = wins ? other : key;
    }
    merge->tree[0] = key;
}

/* The stream whose record is next, its record in memory; NULL at the end. Step over the record by rsd_merge_next. */
static inline struct rsd_stream *rsd_merge_top(struct rsd_merge *merge) {
    struct rsd_stream *stream = &merge->streams[(uint32_t)merge->tree[0]];
    if (__builtin_expect((uint32_t)merge->tree[0] < merge->stream_count && stream->cursor.record, 1))
        return stream;
    return rsd_merge_load(merge);
}

static inline void rsd_merge_next(struct rsd_merge *merge) {
    uint32_t number = (uint32_t)merge->tree[0];
    rsd_merge_replay(merge, number, rsd_cursor_next(&merge->streams[number].cursor));
}

#endif
