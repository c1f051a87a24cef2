/*
 * Blocks that died in the nursery are in no event. "COUNTS: u64 calls, u64 bytes, u64 temporaries: cumulative for what
 * died in the nursery", for one node of the writer that the record names, written now and then to the process's log.
 *
 * A record replaces the one before it for the same node, so what is added to a call site is the difference of the two.
 * Several nodes of several writers are one call site, which is why the last record of each is kept. Sums that go back
 * are damage and ignored.
 */
#include "counts.h"

#include "memory.h"

struct tallies {
    struct rsd_intern keys; /* (place of the writer, node) */
    struct residue_counts *last;
    size_t count, capacity;
};

static struct residue_counts *last_of(struct tallies *tallies, uint32_t writer, uint32_t node) {
    uint32_t key[2] = {writer, node};
    uint32_t number = rsd_intern(&tallies->keys, key, sizeof key);
    if (number == tallies->count) {
        RSD_ROOM(tallies->last, tallies->count, tallies->capacity);
        tallies->last[tallies->count++] = (struct residue_counts){.node = node};
    }
    return &tallies->last[number];
}

static void add(struct rsd_sums *sums, const struct residue_counts *counts, const struct residue_counts *last) {
    sums->calls += counts->calls - last->calls;
    sums->bytes += counts->bytes - last->bytes;
    sums->temporaries += counts->temporaries - last->temporaries;
}

static void apply(struct rsd_analysis *a, struct tallies *tallies, uint32_t writer,
                  const struct residue_counts *counts) {
    struct residue_counts *last = last_of(tallies, writer, counts->node);
    if (counts->calls < last->calls || counts->bytes < last->bytes || counts->temporaries < last->temporaries)
        return;
    uint32_t number = rsd_sites_of(&a->pairing.heap, writer, counts->node); /* may move the list */
    struct rsd_site *site = &a->pairing.heap.list[number];
    add(&site->now, counts, last);
    if (site->stack != RSD_TRACER_STACK)
        add(&a->pairing.heap_now, counts, last);
    if (counts->head.time <= a->window.from) {
        add(&site->start, counts, last);
        if (site->stack != RSD_TRACER_STACK)
            add(&a->heap_start, counts, last);
    }
    *last = *counts;
}

void rsd_counts_add(struct rsd_analysis *analysis) {
    struct tallies tallies = {0};
    struct rsd_merge merge;
    rsd_merge_open(&merge, &analysis->trace, &analysis->source, 1u << RESIDUE_OTHER);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); rsd_merge_next(&merge)) {
        struct rsd_tagged r;
        const struct rsd_cursor *cursor = &stream->cursor;
        if (cursor->time > analysis->window.to)
            break;
        size_t size = rsd_record_at(RESIDUE_OTHER, cursor->record, cursor->end);
        if (rsd_tagged_parse(&r, cursor->record, size) != RSD_TAGGED_OK || r.tag != RESIDUE_TAG_COUNTS)
            continue;
        size_t place = rsd_trace_place(&analysis->trace, r.counts.writer);
        if (place < analysis->trace.writer_count)
            apply(analysis, &tallies, (uint32_t)place, &r.counts);
    }
    rsd_merge_close(&merge);
    rsd_intern_free(&tallies.keys);
    free(tallies.last);
}
