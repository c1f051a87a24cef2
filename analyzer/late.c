/*
 * "LATE: died in the nursery, without records, but were outstanding at `when`, the time of a MEMORY record."
 *
 * At the time of a sample, what records say and these sums together are exact. At any other instant but a barrier some of
 * what was young is missing; the sums of the sample before it stand for that, so that a curve does not end in a step, at
 * the barrier where all is known.
 *
 * There are sums for each sample, thousands of them in a long trace. Their totals are wanted for the timeline; by call site
 * they are kept for the start of the window and its slices alone.
 */
#include "late.h"

#include <stdlib.h>

#include "memory.h"

uint64_t rsd_late_sample(const struct rsd_history *history, uint64_t time) {
    if (time >= history->last)
        return 0;
    for (size_t i = 0; i < history->barrier_count; i++)
        if (history->barriers[i].time == time)
            return 0;
    uint64_t sample = 0;
    for (size_t i = 0; i < history->sample_count && history->samples[i].time <= time; i++)
        sample = history->samples[i].time;
    return sample;
}

/* Their number; sample_count when there is no sample at that time. */
static size_t number_of(const struct rsd_history *history, uint64_t time) {
    size_t low = 0, high = history->sample_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (history->samples[middle].time < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low < history->sample_count && history->samples[low].time == time ? low : history->sample_count;
}

static bool is_wanted(uint64_t when, const uint64_t *wanted, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (wanted[i] == when)
            return true;
    return false;
}

void rsd_late_read(struct rsd_late *late, struct rsd_trace *trace, struct rsd_source *source,
                   const struct rsd_history *history, const struct rsd_stacks *stacks, const uint64_t *wanted,
                   size_t wanted_count) {
    struct rsd_merge merge;
    *late = (struct rsd_late){.total = rsd_zalloc(history->sample_count + 1, sizeof *late->total)};
    rsd_merge_open(&merge, trace, source, 1u << RESIDUE_OTHER);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); rsd_merge_next(&merge)) {
        struct rsd_tagged r;
        const struct rsd_cursor *cursor = &stream->cursor;
        size_t size = rsd_record_at(RESIDUE_OTHER, cursor->record, cursor->end);
        if (rsd_tagged_parse(&r, cursor->record, size) != RSD_TAGGED_OK || r.tag != RESIDUE_TAG_LATE)
            continue;
        size_t place = rsd_trace_place(trace, r.late.writer);
        if (place == trace->writer_count || rsd_stacks_find(stacks, place, r.late.node) == RSD_TRACER_STACK)
            continue;
        late->total[number_of(history, r.late.when)] += r.late.bytes;
        if (!is_wanted(r.late.when, wanted, wanted_count))
            continue;
        RSD_ROOM(late->list, late->count, late->capacity);
        late->list[late->count++] =
            (struct rsd_late_sum){r.late.when, (uint32_t)place, r.late.node, r.late.blocks, r.late.bytes};
    }
    rsd_merge_close(&merge);
}

void rsd_late_free(struct rsd_late *late) {
    free(late->list);
    free(late->total);
    *late = (struct rsd_late){0};
}

void rsd_late_apply(const struct rsd_late *late, struct rsd_pairing *pairing, uint64_t when, bool add) {
    for (size_t i = 0; i < late->count; i++) {
        const struct rsd_late_sum *sum = &late->list[i];
        if (!when || sum->when != when)
            continue;
        uint32_t site = rsd_sites_of(&pairing->heap, sum->writer, sum->node);
        struct rsd_sums *sums[] = {&pairing->heap.list[site].now, &pairing->heap_now};
        for (int k = 0; k < 2; k++) {
            sums[k]->live_bytes += add ? sum->bytes : -sum->bytes;
            sums[k]->live_blocks += add ? sum->blocks : -sum->blocks;
        }
    }
}
