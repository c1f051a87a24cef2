/*
 * The k-way merge.
 *
 * "Time is in ticks. Within a writer no two records of the kinds ALLOC, FREE and LARGE have the same time. Between
 * writers, when two records have the same time, the free comes first."
 *
 * A binary heap of (time, rank, stream), three streams per writer. A stream whose frame is not unpacked yet stands in
 * the heap with the time from the frame's header and the lowest rank; it is unpacked when it comes to the top. Ranks:
 * what frees before what allocates, tagged records last, so that a barrier has everything of its instant before it.
 * Equal ranks go by writer, then by kind, so that the order is the same each time.
 */
#include "merge.h"

#include "memory.h"

static uint32_t rank_of(const struct rsd_cursor *cursor) {
    if (!cursor->record || cursor->kind == RESIDUE_FREE)
        return 0;
    if (cursor->kind == RESIDUE_OTHER)
        return 2;
    uint64_t where;
    __builtin_memcpy(&where, cursor->record + 8, sizeof where);
    return residue_where_api(where) == RESIDUE_API_MUNMAP ? 0 : 1;
}

static inline bool before(const struct rsd_heap_entry *a, const struct rsd_heap_entry *b) {
    if (__builtin_expect(a->time != b->time, 1))
        return a->time < b->time;
    return a->rank != b->rank ? a->rank < b->rank : a->stream < b->stream;
}

static inline void sink(struct rsd_merge *merge, size_t at) {
    struct rsd_heap_entry entry = merge->heap[at];
    for (size_t child; (child = 2 * at + 1) < merge->count; at = child) {
        if (child + 1 < merge->count && before(&merge->heap[child + 1], &merge->heap[child]))
            child++;
        if (!before(&merge->heap[child], &entry))
            break;
        merge->heap[at] = merge->heap[child];
    }
    merge->heap[at] = entry;
}

static void add_stream(struct rsd_merge *merge, struct rsd_writer *writer, uint32_t place, enum residue_kind kind,
                       struct rsd_source *source) {
    struct rsd_stream *stream = &merge->streams[merge->stream_count];
    stream->writer = place;
    if (!rsd_cursor_open(&stream->cursor, writer, kind, source)) {
        rsd_cursor_close(&stream->cursor);
        return;
    }
    merge->heap[merge->count++] = (struct rsd_heap_entry){
        stream->cursor.time, rank_of(&stream->cursor), (uint32_t)merge->stream_count++};
}

void rsd_merge_open(struct rsd_merge *merge, struct rsd_trace *trace, struct rsd_source *source, unsigned kinds) {
    size_t most = trace->writer_count * RESIDUE_KINDS;
    *merge = (struct rsd_merge){.streams = rsd_zalloc(most, sizeof *merge->streams),
                                .heap = rsd_zalloc(most, sizeof *merge->heap)};
    for (size_t i = 0; i < trace->writer_count; i++)
        for (int kind = 0; kind < RESIDUE_KINDS; kind++)
            if (kinds & 1u << kind)
                add_stream(merge, &trace->writers[i], (uint32_t)i, (enum residue_kind)kind, source);
    for (size_t i = merge->count / 2; i-- > 0;)
        sink(merge, i);
}

void rsd_merge_close(struct rsd_merge *merge) {
    for (size_t i = 0; i < merge->stream_count; i++)
        rsd_cursor_close(&merge->streams[i].cursor);
    free(merge->streams);
    free(merge->heap);
}

/* Put the top entry where its stream's present time belongs, or take it out. */
static void replace_top(struct rsd_merge *merge, bool more) {
    struct rsd_heap_entry *top = &merge->heap[0];
    const struct rsd_cursor *cursor = &merge->streams[top->stream].cursor;
    if (more) {
        top->time = cursor->time;
        top->rank = rank_of(cursor);
    } else {
        *top = merge->heap[--merge->count];
    }
    if (merge->count)
        sink(merge, 0);
}

struct rsd_stream *rsd_merge_top(struct rsd_merge *merge) {
    while (merge->count) {
        struct rsd_stream *stream = &merge->streams[merge->heap[0].stream];
        if (__builtin_expect(stream->cursor.record != NULL, 1))
            return stream;
        bool loaded = rsd_cursor_load(&stream->cursor);
        replace_top(merge, loaded || stream->cursor.time != UINT64_MAX);
    }
    return NULL;
}

void rsd_merge_next(struct rsd_merge *merge) {
    struct rsd_cursor *cursor = &merge->streams[merge->heap[0].stream].cursor;
    replace_top(merge, rsd_cursor_next(cursor));
}
