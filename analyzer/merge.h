/* All writers' records as one stream in the order of time. */
#ifndef RSD_MERGE_H
#define RSD_MERGE_H

#include "trace.h"

struct rsd_stream { /* one writer's records of one kind */
    struct rsd_cursor cursor;
    uint32_t writer; /* place of the writer in the trace */
};

struct rsd_heap_entry {
    uint64_t time;
    uint32_t rank; /* on a tie the smaller comes first */
    uint32_t stream;
};

struct rsd_merge {
    struct rsd_stream *streams;
    size_t stream_count;
    struct rsd_heap_entry *heap; /* the smallest at [0] */
    size_t count;
};

#define RSD_EVENTS (1u << RESIDUE_ALLOC | 1u << RESIDUE_FREE | 1u << RESIDUE_LARGE)

/* `kinds`: a set of 1 << enum residue_kind, without RESIDUE_NODE. */
void rsd_merge_open(struct rsd_merge *merge, struct rsd_trace *trace, struct rsd_source *source, unsigned kinds);
void rsd_merge_close(struct rsd_merge *merge);

/* The stream whose record is next, its record in memory; NULL at the end. Step over the record by rsd_merge_next. */
struct rsd_stream *rsd_merge_top(struct rsd_merge *merge);
void rsd_merge_next(struct rsd_merge *merge);

#endif
