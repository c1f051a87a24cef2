/*
 * The analysis of one trace: open, read the history, build the stacks, choose the window, then one pass over all events
 * in the order of time.
 *
 * The pass stops at moments: where recording is switched on (what was outstanding is forgotten), the start of the window (sums are copied), the end of each of its slices (for the curves of
 * the call sites), each memory sample (for the timeline), and the samples of all mappings (for the ledgers). What happened
 * at the very time of a moment is before it. Behind the end of the window nothing is read: frames whose header says a later
 * time are never unpacked.
 *
 * There is a second pass where the curve of native memory, which only the first can know, moves the start of the window.
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

enum moment_kind { FORGET, START, SLICE, SAMPLE, LEDGER };

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

/* The start of the window, which may lie before anything was recorded. */
static uint64_t start_of(const struct rsd_analysis *a) {
    return a->window.from > a->history.origin ? a->window.from : a->history.origin;
}

static void plan(struct moments *m, const struct rsd_analysis *a) {
    const struct rsd_window *window = &a->window;
    uint64_t from = start_of(a);
    uint64_t length = window->to > from ? window->to - from : 0;
    size_t most = a->history.barrier_count + 1 + RSD_SLICES + a->smaps.count + a->history.sample_count;
    *m = (struct moments){.list = rsd_alloc(most * sizeof *m->list)};
    for (size_t i = 0; i < a->history.barrier_count; i++)
        if (a->history.barriers[i].reason == RESIDUE_BARRIER_START && a->history.barriers[i].time < window->to)
            add_moment(m, a->history.barriers[i].time, FORGET, 0);
    add_moment(m, window->from, START, 0);
    for (uint32_t i = 1; i <= RSD_SLICES; i++)
        add_moment(m, from + rsd_history_part(length, i, RSD_SLICES), SLICE, i);
    m->list[m->count - 1].time = window->to; /* the last slice's */
    for (size_t i = 0; i < a->history.sample_count && a->history.samples[i].time <= window->to; i++)
        add_moment(m, a->history.samples[i].time, SAMPLE, (uint32_t)i);
    for (uint32_t i = 0; i < a->smaps.count; i++)
        add_moment(m, a->smaps.sample[i].time, LEDGER, i);
    qsort(m->list, m->count, sizeof *m->list, by_time);
}

static void note_slice(struct rsd_analysis *a, uint32_t slice) {
    rsd_series_note(&a->heap_series, &a->pairing.heap, slice);
    rsd_series_note(&a->mapping_series, &a->pairing.mappings, slice);
}

static void copy_sums(struct rsd_sites *sites) {
    for (size_t i = 0; i < sites->count; i++) {
        struct rsd_sums *now = &sites->list[i].now;
        now->kept_variance = now->live_variance;
        sites->list[i].start = *now;
    }
}

static void take_start(struct rsd_analysis *a) {
    uint64_t young = rsd_late_sample(&a->history, a->window.from);
    rsd_late_apply(&a->late, &a->pairing, young, true);
    rsd_pairing_count_ranges(&a->pairing);
    copy_sums(&a->pairing.heap);
    copy_sums(&a->pairing.mappings);
    a->pairing.heap_now.kept_variance = a->pairing.heap_now.live_variance;
    a->heap_start = a->pairing.heap_now;
    a->mappings_start = a->pairing.mappings_now;
    note_slice(a, 0);
    rsd_late_apply(&a->late, &a->pairing, young, false);
}

static void take_slice(struct rsd_analysis *a, const struct moment *moment) {
    uint64_t young = rsd_late_sample(&a->history, moment->time);
    rsd_late_apply(&a->late, &a->pairing, young, true);
    note_slice(a, moment->index);
    rsd_late_apply(&a->late, &a->pairing, young, false);
}

static void take_point(struct rsd_analysis *a, uint32_t number) {
    const struct rsd_sample *sample = &a->history.samples[number];
    uint64_t young = a->late.total ? a->late.total[number] : 0;
    a->timeline[a->point_count++] = (struct rsd_point){
        sample->time, sample->rss_bytes, a->pairing.heap_now.live_bytes + young, a->pairing.mappings_now.live_bytes};
}

static void take(struct rsd_analysis *a, const struct moment *moment) {
    switch (moment->kind) {
    case FORGET:
        rsd_pairing_forget(&a->pairing, moment->time);
        break;
    case START:
        take_start(a);
        break;
    case SLICE:
        take_slice(a, moment);
        break;
    case SAMPLE:
        take_point(a, moment->index);
        break;
    case LEDGER:
        rsd_ledger_make(&a->ledgers[moment->index], &a->smaps.sample[moment->index], &a->pairing, &a->trace,
                        &a->history);
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

static void read_late(struct rsd_analysis *a, const struct moments *m) {
    uint64_t wanted[1 + RSD_SLICES];
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].kind == START || m->list[i].kind == SLICE)
            wanted[count++] = rsd_late_sample(&a->history, m->list[i].time);
    rsd_late_read(&a->late, &a->trace, &a->source, &a->history, &a->stacks, wanted, count);
}

static void merge_events(struct rsd_analysis *a, bool quiet) {
    struct rsd_progress progress;
    struct rsd_merge merge;
    struct moments moments;
    plan(&moments, a);
    if (a->history.late)
        read_late(a, &moments);
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
    rsd_pairing_end(&a->pairing);
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

/* Processor time at an instant, between two samples in proportion; 0: not known. */
static double cpu_at(const struct rsd_history *history, double time) {
    const struct rsd_sample *s = history->samples;
    size_t after = 0;
    while (after < history->sample_count && (double)s[after].time < time)
        after++;
    if (after == 0 || after == history->sample_count)
        return history->sample_count ? (double)s[after ? after - 1 : 0].cpu_ns : 0;
    double part = (time - (double)s[after - 1].time) / (double)(s[after].time - s[after - 1].time);
    return (double)s[after - 1].cpu_ns + part * ((double)s[after].cpu_ns - (double)s[after - 1].cpu_ns);
}

static void measure_work(struct rsd_analysis *a) {
    double from = (double)start_of(a), length = (double)a->window.to - from;
    double first = cpu_at(&a->history, from), all = cpu_at(&a->history, from + length) - first;
    a->span = rsd_span_even(a->window.to_s - a->window.from_s);
    for (int i = 0; i < RSD_LEVELS && all > 0; i++)
        a->span.work[i] = (cpu_at(&a->history, from + length * i / RSD_SLICES) - first) / all;
}

/* A mark has its sample just before it: that one counts as of the window, too. */
#define BEFORE_WINDOW_S 0.25

static uint64_t first_sample_from(const struct rsd_analysis *a) {
    const struct rsd_barrier *on = rsd_history_switch(&a->history, a->window.from);
    uint64_t before = (uint64_t)(BEFORE_WINDOW_S * a->history.rate), least = on ? on->time : 0;
    return a->window.from > before + least ? a->window.from - before : least;
}

static void pass(struct rsd_analysis *a, bool quiet) {
    rsd_pairing_open(&a->pairing, &a->stacks, a->trace.writer_count, start_of(a), a->window.to);
    a->pairing.forked = a->trace.meta.forked_from != 0;
    if (a->history.sampling.count)
        rsd_pairing_sample(&a->pairing, &a->history.sampling, &a->trace, a->window.from, a->window.to, a->history.rate);
    rsd_smaps_read(&a->smaps, &a->trace, &a->source, first_sample_from(a), a->window.to);
    merge_events(a, quiet);
    a->ledger_count = a->smaps.count;
    if (a->ledger_count) {
        a->ledger[0] = a->ledgers[0];
        a->ledger[1] = a->ledgers[a->ledger_count - 1];
    }
}

static void forget_pass(struct rsd_analysis *a) {
    for (size_t i = 0; i < a->ledger_count; i++)
        rsd_ledger_free(&a->ledgers[i]);
    rsd_smaps_free(&a->smaps);
    rsd_series_free(&a->heap_series);
    rsd_series_free(&a->mapping_series);
    rsd_late_free(&a->late);
    rsd_pairing_close(&a->pairing);
    a->point_count = 0;
    a->events = 0;
}

/* The start of the window moves to where native memory has warmed up, if that is not where it begins already. */
static bool native_memory_warms_up(struct rsd_analysis *a) {
    struct rsd_curve_point *curve = rsd_alloc(a->point_count * sizeof *curve);
    for (size_t i = 0; i < a->point_count; i++)
        curve[i] = (struct rsd_curve_point){a->timeline[i].time, (double)a->timeline[i].live_bytes};
    bool moved = rsd_window_follow(&a->window, &a->history, curve, a->point_count);
    free(curve);
    return moved;
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
    if (options->window.has_from && options->window.from > analysis->window.to_s) {
        *why = rsd_format("%s: --from %g is after the window's end, at %.1f s", path, options->window.from,
                          analysis->window.to_s);
        rsd_analysis_free(analysis);
        return false;
    }
    rsd_stacks_read(&analysis->stacks, trace, &analysis->history, &analysis->source);
    analysis->timeline = rsd_zalloc(analysis->history.sample_count, sizeof *analysis->timeline);
    pass(analysis, options->quiet);
    if (native_memory_warms_up(analysis)) {
        forget_pass(analysis);
        pass(analysis, options->quiet);
    }
    measure_work(analysis);
    if (analysis->history.counts)
        rsd_counts_add(analysis);
    return true;
}

void rsd_analysis_free(struct rsd_analysis *analysis) {
    forget_pass(analysis);
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
