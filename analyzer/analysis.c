/*
 * The analysis of one trace: open, read the history, build the stacks, choose the window, then one pass over all events
 * in the order of time.
 *
 * The pass stops at moments: the start of the window (sums are copied), the end of each of its slices (for the curves of
 * the call sites), each memory sample (for the timeline), and the two samples of all mappings (for the ledger; where the
 * ledger is wanted over time, more of them). What happened
 * at the very time of a moment is before it. Behind the end of the window nothing is read: frames whose header says a later
 * time are never unpacked.
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
#define CURVE_MOST 48 /* ledgers over time: each is a walk over all that is outstanding */

/* ---- Moments ----------------------------------------------------------------------------------------------------- */

enum moment_kind { START, SLICE, SAMPLE, LEDGER, CURVE };

struct moment {
    uint64_t time;
    enum moment_kind kind;
    uint32_t index;
};

struct moments {
    struct moment *list; /* by time */
    size_t count, next;
};

static int by_time(const void *first, const void *second) {
    const struct moment *a = first, *b = second;
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void add_moment(struct moments *m, uint64_t time, enum moment_kind kind, uint32_t index) {
    m->list[m->count++] = (struct moment){time, kind, index};
}

static void plan(struct moments *m, const struct rsd_analysis *a) {
    const struct rsd_window *window = &a->window;
    uint64_t from = window->from > a->history.origin ? window->from : a->history.origin;
    uint64_t length = window->to > from ? window->to - from : 0;
    *m = (struct moments){
        .list = rsd_alloc((1 + RSD_SLICES + 2 + a->curve_count + a->history.sample_count) * sizeof *m->list)};
    add_moment(m, window->from, START, 0);
    for (uint32_t i = 1; i <= RSD_SLICES; i++)
        add_moment(m, from + (uint64_t)((double)length * i / RSD_SLICES), SLICE, i);
    m->list[m->count - 1].time = window->to;
    for (size_t i = 0; i < a->history.sample_count && a->history.samples[i].time <= window->to; i++)
        add_moment(m, a->history.samples[i].time, SAMPLE, (uint32_t)i);
    for (uint32_t i = 0; i < 2; i++)
        if (a->smaps[i].time)
            add_moment(m, a->smaps[i].time, LEDGER, i);
    for (uint32_t i = 0; i < a->curve_count; i++)
        add_moment(m, a->curve_smaps[i].time, CURVE, i);
    qsort(m->list, m->count, sizeof *m->list, by_time);
}

static void note_slice(struct rsd_analysis *a, uint32_t slice) {
    rsd_series_note(&a->heap_series, &a->pairing.heap, slice);
    rsd_series_note(&a->mapping_series, &a->pairing.mappings, slice);
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
    note_slice(a, 0);
}

static void take_point(struct rsd_analysis *a, const struct rsd_sample *sample) {
    a->timeline[a->point_count++] = (struct rsd_point){sample->time, sample->rss_bytes, a->pairing.heap_now.live_bytes,
                                                       a->pairing.mappings_now.live_bytes};
}

static void take(struct rsd_analysis *a, const struct moment *moment) {
    switch (moment->kind) {
    case START:
        take_start(a);
        break;
    case SLICE:
        note_slice(a, moment->index);
        break;
    case SAMPLE:
        take_point(a, &a->history.samples[moment->index]);
        break;
    case LEDGER:
        rsd_ledger_make(&a->ledger[moment->index], &a->smaps[moment->index], &a->pairing, &a->trace, &a->history);
        break;
    case CURVE:
        rsd_ledger_make(&a->curve[moment->index], &a->curve_smaps[moment->index], &a->pairing, &a->trace, &a->history);
        break;
    }
}

/* Do what is due before an event of this time; returns the time of the moment after that. */
static uint64_t pass_moments(struct rsd_analysis *a, struct moments *m, uint64_t time) {
    while (m->next < m->count && m->list[m->next].time < time)
        take(a, &m->list[m->next++]);
    return m->next < m->count ? m->list[m->next].time : a->window.to;
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
    struct rsd_progress progress;
    struct rsd_merge merge;
    struct moments moments;
    plan(&moments, a);
    uint64_t next = moments.list[0].time;
    rsd_progress_begin(&progress, a->trace.log_bytes, quiet);
    rsd_merge_open(&merge, &a->trace, &a->source, RSD_EVENTS);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); step(a, &merge, &stream->cursor)) {
        if (__builtin_expect(stream->cursor.time > next, 0)) {
            if (stream->cursor.time > a->window.to)
                break;
            next = pass_moments(a, &moments, stream->cursor.time);
        }
        rsd_pairing_apply(&a->pairing, stream);
        if ((++a->events & 0xffff) == 0)
            rsd_progress_at(&progress, a->source.bytes_read);
    }
    pass_moments(a, &moments, UINT64_MAX);
    free(moments.list);
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
    if (!rsd_window_choose(&analysis->window, &options->window, &analysis->history, trace->running)) {
        *why = rsd_format("%s has no mark of that name (residue report shows its marks)", path);
        rsd_analysis_free(analysis);
        return false;
    }
    rsd_stacks_read(&analysis->stacks, trace, &analysis->history, &analysis->source);
    rsd_pairing_open(&analysis->pairing, &analysis->stacks, trace->writer_count);
    analysis->timeline = rsd_zalloc(analysis->history.sample_count, sizeof *analysis->timeline);
    rsd_smaps_read(analysis->smaps, trace, &analysis->source, analysis->window.from, analysis->window.to);
    if (options->curves)
        analysis->curve_count =
            rsd_smaps_read_some(&analysis->curve_smaps, CURVE_MOST, trace, &analysis->source, analysis->window.to);
    analysis->curve = rsd_zalloc(analysis->curve_count, sizeof *analysis->curve);
    merge_events(analysis, options->quiet);
    if (analysis->history.counts)
        rsd_counts_add(analysis);
    return true;
}

void rsd_analysis_free(struct rsd_analysis *analysis) {
    for (int i = 0; i < 2; i++) {
        rsd_ledger_free(&analysis->ledger[i]);
        rsd_smaps_free(&analysis->smaps[i]);
    }
    for (size_t i = 0; i < analysis->curve_count; i++) {
        rsd_ledger_free(&analysis->curve[i]);
        rsd_smaps_free(&analysis->curve_smaps[i]);
    }
    free(analysis->curve);
    free(analysis->curve_smaps);
    rsd_series_free(&analysis->heap_series);
    rsd_series_free(&analysis->mapping_series);
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
