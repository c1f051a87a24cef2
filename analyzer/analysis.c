/*
 * The analysis of one trace: open, read the history, build the stacks, choose the window, then one pass over all events
 * in the order of time.
 *
 * The pass stops at moments: each memory sample (for the timeline), the start of the window (sums are copied) and its
 * end. What happened at the very time of a moment is before it. Behind the end of the window nothing is read: frames
 * whose header says a later time are never unpacked.
 *
 * Blocks that died in the nursery are in no event; counts.c adds their sums in a pass of its own, up to the same two
 * moments.
 */
#include "analysis.h"

#include <string.h>

#include "counts.h"
#include "memory.h"
#include "progress.h"

#define AHEAD 4

/* ---- Moments ----------------------------------------------------------------------------------------------------- */

static void take_point(struct rsd_analysis *a, const struct rsd_sample *sample) {
    a->timeline[a->point_count++] = (struct rsd_point){sample->time, sample->rss_bytes, a->pairing.heap_now.live_bytes,
                                                       a->pairing.mappings_now.live_bytes};
}

static void copy_sums(struct rsd_sites *sites) {
    for (size_t i = 0; i < sites->count; i++)
        sites->list[i].start = sites->list[i].now;
}

static void take_start(struct rsd_analysis *a) {
    rsd_pairing_count_ranges(&a->pairing);
    copy_sums(&a->pairing.heap);
    copy_sums(&a->pairing.mappings);
    a->heap_start = a->pairing.heap_now;
    a->mappings_start = a->pairing.mappings_now;
}

struct moments {
    size_t sample; /* the next one */
    bool started;
};

static uint64_t next_moment(const struct rsd_analysis *a, const struct moments *m) {
    uint64_t next = a->window.to;
    if (m->sample < a->history.sample_count && a->history.samples[m->sample].time < next)
        next = a->history.samples[m->sample].time;
    return !m->started && a->window.from < next ? a->window.from : next;
}

/* Do what is due before an event of this time; returns the moment after that, or false at the window's end. */
static bool pass_moments(struct rsd_analysis *a, struct moments *m, uint64_t time, uint64_t *next) {
    while (time > *next) {
        if (!m->started && *next == a->window.from) {
            take_start(a);
            m->started = true;
        } else if (m->sample < a->history.sample_count && *next == a->history.samples[m->sample].time) {
            take_point(a, &a->history.samples[m->sample++]);
        } else {
            return false;
        }
        *next = next_moment(a, m);
    }
    return true;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

/* Step over the record. The one AHEAD places behind it in its stream will be wanted some events later, and with it its
 * place in the live set: the one memory access of the pass that misses the caches. */
static inline void step(struct rsd_analysis *a, struct rsd_merge *merge, const struct rsd_cursor *cursor) {
    rsd_merge_next(merge);
    if ((size_t)(cursor->end - cursor->record) <= AHEAD * cursor->size)
        return;
    uint64_t where;
    memcpy(&where, cursor->record + AHEAD * cursor->size + sizeof cursor->time, sizeof where);
    rsd_live_prefetch(&a->pairing.live, residue_where_address(where));
}

static void merge_events(struct rsd_analysis *a, bool quiet) {
    struct moments moments = {.started = a->window.from == 0};
    struct rsd_progress progress;
    struct rsd_merge merge;
    uint64_t next = next_moment(a, &moments);
    rsd_progress_begin(&progress, a->trace.log_bytes, quiet);
    rsd_merge_open(&merge, &a->trace, &a->source, RSD_EVENTS);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); step(a, &merge, &stream->cursor)) {
        if (__builtin_expect(stream->cursor.time > next, 0) && !pass_moments(a, &moments, stream->cursor.time, &next))
            break;
        rsd_pairing_apply(&a->pairing, stream);
        if ((++a->events & 0xffff) == 0)
            rsd_progress_at(&progress, a->source.bytes_read);
    }
    pass_moments(a, &moments, UINT64_MAX, &next);
    rsd_merge_close(&merge);
    rsd_progress_end(&progress);
    rsd_pairing_count_ranges(&a->pairing);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

bool rsd_analyse_outline(struct rsd_analysis *analysis, const char *path, char **why) {
    memset(analysis, 0, sizeof *analysis);
    if (!rsd_trace_open(&analysis->trace, path, why))
        return false;
    rsd_source_open(&analysis->source, &analysis->trace.problems, analysis->trace.cutoff);
    rsd_history_read(&analysis->history, &analysis->trace, &analysis->source);
    return true;
}

bool rsd_analyse(struct rsd_analysis *analysis, const char *path, const struct rsd_analysis_options *options,
                 char **why) {
    if (!rsd_analyse_outline(analysis, path, why))
        return false;
    struct rsd_trace *trace = &analysis->trace;
    rsd_stacks_read(&analysis->stacks, trace, &analysis->history, &analysis->source);
    rsd_window_choose(&analysis->window, &options->window, &analysis->history, trace->running);
    rsd_pairing_open(&analysis->pairing, &analysis->stacks, trace->writer_count);
    analysis->timeline = rsd_zalloc(analysis->history.sample_count, sizeof *analysis->timeline);
    merge_events(analysis, options->quiet);
    if (analysis->history.counts)
        rsd_counts_add(analysis);
    return true;
}

void rsd_analysis_free(struct rsd_analysis *analysis) {
    rsd_pairing_close(&analysis->pairing);
    rsd_stacks_free(&analysis->stacks);
    rsd_history_free(&analysis->history);
    rsd_source_close(&analysis->source);
    rsd_trace_close(&analysis->trace);
    free(analysis->window.why);
    free(analysis->timeline);
}

enum rsd_end rsd_analysis_end(const struct rsd_analysis *analysis, int *value) {
    const struct rsd_meta *meta = &analysis->trace.meta;
    *value = meta->status_found ? meta->status_value : -1;
    if (meta->status_found)
        return meta->status;
    if (analysis->trace.running)
        return RSD_END_RUNNING;
    return analysis->history.ended ? RSD_END_EXIT : RSD_END_UNKNOWN;
}
