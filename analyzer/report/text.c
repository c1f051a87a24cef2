/*
 * The report for people: within the width that layout.c knows, no colour, readable in a log viewer.
 *
 * First screen: what process, how long, how it ended, the verdict, memory at both ends of the window, and whether the
 * figures are exact. Then memory over time and the ledger (judgement.c), and the call sites of the malloc family by growth, each with sums, block sizes, ages and its stack, leaf
 * first. Then mappings, in a table of their own and short: V8's heap is one, and must not outrank a leak. Where they are what
 * leaks they come first.
 */
#include <inttypes.h>
#include <string.h>

#include "judge/hints.h"
#include "memory.h"
#include "report/judgement.h"
#include "report/layout.h"
#include "report/stack.h"
#include "text.h"

#define EXACT_SIZES 4 /* more distinct sizes than these are shown in ranges */
#define MAPPING_ROWS 5
#define HINTS_SHOWN 3
#define SITES_LEAST 3 /* shown even if they have next to nothing */

/* ---- The head ---------------------------------------------------------------------------------------------------- */

static char *append(char *text, char *more) {
    char *longer = rsd_format("%s%s%s", text, *text ? ", " : "", more);
    free(text);
    free(more);
    return longer;
}

static void print_process(FILE *out, const struct rsd_analysis *a) {
    const struct rsd_meta *meta = &a->trace.meta;
    rsd_take_field(out, "program", rsd_command_line(meta));
    rsd_take_field(out, "process",
                   rsd_format("pid %" PRId64 "%s%s, %s, malloc from %s", meta->pid, a->history.node ? ", node " : "",
                              a->history.node ? a->history.node : "", meta->libc ? meta->libc : "unknown libc",
                              meta->allocator ? meta->allocator : "an unknown library"));
}

static void print_parent(FILE *out, const struct rsd_meta *meta) {
    if (!meta->forked_from)
        return;
    bool traced = meta->parent_trace && *meta->parent_trace;
    rsd_take_field(out, "forked",
                   rsd_format("from pid %" PRId64 "%s%s; what it had from there is not in the figures",
                              meta->forked_from, traced ? ", " : "", traced ? meta->parent_trace : ""));
}

static char *end_text(const struct rsd_analysis *a) {
    int value;
    enum rsd_end end = rsd_analysis_end(a, &value);
    switch (end) {
    case RSD_END_RUNNING:
        return rsd_strdup(a->trace.meta.cutoff ? "still running when it was packed"
                                               : "still running: figures are as of now");
    case RSD_END_SIGNAL:
        return rsd_format("ended by signal %d (%s)", value, strsignal(value));
    case RSD_END_EXIT:
        return value < 0 ? rsd_strdup("ended in order") : rsd_format("exit status %d", value);
    case RSD_END_UNKNOWN:
        break;
    }
    return rsd_strdup("end not recorded: a signal, or the trace was cut");
}

static void print_time(FILE *out, const struct rsd_analysis *a) {
    double lasted = rsd_history_seconds(&a->history, a->history.last);
    char *end = end_text(a);
    rsd_take_field(out, "time",
                   rsd_format("started %s, %s, %s",
                              a->trace.meta.started_at ? a->trace.meta.started_at : "at an unknown time",
                              rsd_seconds(lasted).text, end));
    free(end);
    rsd_take_field(out, "window", rsd_format("%.1f s to %.1f s: %s", a->window.from_s, a->window.to_s, a->window.why));
}

#define MARKS_SHOWN 6

static void print_marks(FILE *out, const struct rsd_history *history) {
    char *text = rsd_strdup("");
    size_t marks = 0;
    for (size_t i = 0; i < history->barrier_count; i++)
        if (history->barriers[i].reason == RESIDUE_BARRIER_MARK && marks++ < MARKS_SHOWN)
            text = append(text, rsd_format("%s at %.1f s", history->barriers[i].name,
                                           rsd_history_seconds(history, history->barriers[i].time)));
    if (marks > MARKS_SHOWN)
        text = append(text, rsd_format("%zu in all", marks));
    if (marks)
        rsd_field(out, "marks", text);
    free(text);
}

/* When blocks were recorded, where that was not all the time. */
static void print_recorded(FILE *out, const struct rsd_history *history) {
    char *text = rsd_strdup("");
    bool on = true, switched = false;
    double since = 0;
    for (size_t i = 0; i < history->barrier_count; i++) {
        const struct rsd_barrier *barrier = &history->barriers[i];
        double now = rsd_history_seconds(history, barrier->time);
        if (!rsd_barrier_switches(barrier))
            continue;
        switched = true;
        if (on && barrier->reason == RESIDUE_BARRIER_STOP && !*barrier->name)
            text = append(text, rsd_format("%.1f s to %.1f s", since, now));
        on = barrier->reason == RESIDUE_BARRIER_START;
        since = now;
    }
    if (on)
        text = append(text, rsd_format("%.1f s to the end", since));
    if (switched)
        rsd_field(out, "recorded", *text ? text : "nothing: RESIDUE_START=off, and no `residue start` came");
    free(text);
}

/* Was recording off for a part of the window? */
static bool has_gap(const struct rsd_analysis *a) {
    const struct rsd_barrier *at_end = rsd_history_switch(&a->history, a->window.to);
    return at_end &&
           (at_end->reason == RESIDUE_BARRIER_STOP ? at_end->time < a->window.to : at_end->time > a->window.from);
}

/* The samples nearest to the two ends, inside of the window where there is one. */
static void print_rss(FILE *out, const struct rsd_analysis *a) {
    const struct rsd_point *first = NULL, *last = NULL;
    for (size_t i = 0; i < a->point_count; i++) {
        if (!first && a->timeline[i].time >= a->window.from)
            first = &a->timeline[i];
        last = &a->timeline[i];
    }
    if (!first) {
        rsd_field(out, "RSS", "no samples in the window");
        return;
    }
    rsd_take_field(
        out, "RSS",
        rsd_format("%s -> %s (%s) from %.1f s to %.1f s", rsd_bytes(first->rss_bytes).text,
                   rsd_bytes(last->rss_bytes).text, rsd_change((int64_t)(last->rss_bytes - first->rss_bytes)).text,
                   rsd_history_seconds(&a->history, first->time), rsd_history_seconds(&a->history, last->time)));
}

/* When native memory had most; and when the call sites' figures are of, which are known at the ends of slices. */
static void print_peak(FILE *out, const struct rsd_report *r) {
    const struct rsd_analysis *a = r->analysis;
    if (!a->pairing.peak_time)
        return;
    char *when = rsd_format("%s at %.1f s", rsd_bytes(a->pairing.peak_bytes).text,
                            rsd_history_seconds(&a->history, a->pairing.peak_time));
    if (r->options.metric != RSD_METRIC_PEAK)
        rsd_field(out, "native peak", when);
    else
        rsd_take_field(out, "native peak",
                       rsd_format("%s; call sites by what they had at %.1f s, when it was %s", when, rsd_peak_s(r),
                                  rsd_bytes((uint64_t)r->heap.peak_bytes).text));
    free(when);
}

static void print_sums(FILE *out, const struct rsd_report *r) {
    const struct rsd_analysis *a = r->analysis;
    const struct rsd_sums *now = &a->pairing.heap_now, *start = &a->heap_start;
    const struct rsd_site all = {.now = *now, .start = *start};
    rsd_take_field(out, "native live",
                   rsd_format("%s -> %s (%s%s), %s -> %s", rsd_bytes(start->live_bytes).text,
                              rsd_bytes(now->live_bytes).text,
                              rsd_change((int64_t)(now->live_bytes - start->live_bytes)).text,
                              rsd_error_text(rsd_metric_error(&all, RSD_METRIC_GROWTH, 0), true).text,
                              rsd_count(start->live_blocks).text, rsd_counted(now->live_blocks, "block").text));
    print_peak(out, r);
    const struct rsd_sums *maps = &a->pairing.mappings_now, *maps_start = &a->mappings_start;
    rsd_take_field(out, "mapped",
                   rsd_format("%s -> %s (%s) of anonymous memory, not in the above",
                              rsd_bytes(maps_start->live_bytes).text, rsd_bytes(maps->live_bytes).text,
                              rsd_change((int64_t)(maps->live_bytes - maps_start->live_bytes)).text));
    rsd_take_field(out, "allocated",
                   rsd_format("%s in %s", rsd_bytes(now->bytes - start->bytes).text,
                              rsd_counted(now->calls - start->calls, "call").text));
}

/* Everything that makes a figure less than exact is said before the figures are read. */
static void print_doubts(FILE *out, const struct rsd_report *r) {
    const struct rsd_analysis *a = r->analysis;
    uint64_t lost = rsd_trace_lost(&a->trace), odd = rsd_pairing_anomalies(&a->pairing);
    struct rsd_recorder_sums sums;
    rsd_recorder_sums(&a->trace, &sums);
    char *estimates = rsd_estimates(a);
    if (estimates)
        rsd_take_field(out, "ESTIMATES", rsd_format("%s; ± is the standard error, mappings are exact", estimates));
    free(estimates);
    if (a->history.compacted > a->history.origin)
        rsd_take_field(
            out, "compacted",
            rsd_format("blocks that died before %.1f s are in counts alone, and missing in curves before that",
                       rsd_history_seconds(&a->history, a->history.compacted)));
    if (has_gap(a))
        rsd_field(out, "NOT EXACT", "for a part of the window nothing was recorded (residue stop, RESIDUE_START)");
    if (lost)
        rsd_take_field(out, "NOT EXACT", rsd_format("%s segments of the trace are lost", rsd_count(lost).text));
    if (a->history.stop)
        rsd_take_field(out, "NOT EXACT",
                       rsd_format("the recorder stopped at %.1f s: %s",
                                  rsd_history_seconds(&a->history, a->history.stop_time), a->history.stop));
    if (odd)
        rsd_take_field(out, "NOT EXACT",
                       rsd_format("%s records do not pair up (residue stat tells which)", rsd_count(odd).text));
    if (sums.dropped)
        rsd_take_field(out, "NOT EXACT",
                       rsd_format("%s calls were not recorded (residue stat tells why)", rsd_count(sums.dropped).text));
    if (a->history.javascript && strncmp(a->history.javascript, "names and lines", 15) != 0)
        rsd_take_field(out, "JavaScript", rsd_strdup(a->history.javascript));
    if (a->trace.problems.total) {
        char *first = rsd_problem_text(&a->trace.problems.list[0]);
        rsd_take_field(out, a->trace.problems.total == 1 ? "problem" : "problems",
                       a->trace.problems.total == 1
                           ? rsd_strdup(first)
                           : rsd_format("%zu, the first: %s (residue stat shows all)", a->trace.problems.total, first));
        free(first);
    }
}

/* ---- A call site ------------------------------------------------------------------------------------------------- */

static int by_size(const void *first, const void *second) {
    const struct rsd_size *a = first, *b = second;
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

/* Many sizes: one figure for each power of two. */
static size_t join_ranges(struct rsd_size *sizes, size_t count) {
    qsort(sizes, count, sizeof *sizes, by_size);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned octave = sizes[i].bytes ? 63 - (unsigned)__builtin_clzll(sizes[i].bytes) : 0;
        uint64_t from = sizes[i].bytes ? UINT64_C(1) << octave : 0;
        if (kept && sizes[kept - 1].bytes == from)
            sizes[kept - 1].blocks += sizes[i].blocks;
        else
            sizes[kept++] = (struct rsd_size){from, sizes[i].blocks};
    }
    return kept;
}

static void print_sizes(FILE *out, const struct rsd_group *group) {
    char *text = rsd_strdup("");
    if (group->size_count <= EXACT_SIZES) {
        for (size_t i = 0; i < group->size_count; i++)
            text = append(text, rsd_format("%s B x %s", rsd_count(group->sizes[i].bytes).text,
                                           rsd_count(group->sizes[i].blocks).text));
    } else {
        struct rsd_size *ranges = rsd_alloc(group->size_count * sizeof *ranges);
        memcpy(ranges, group->sizes, group->size_count * sizeof *ranges);
        size_t count = join_ranges(ranges, group->size_count);
        for (size_t i = 0; i < count; i++)
            text = append(text,
                          rsd_format("%s.. x %s", rsd_bytes(ranges[i].bytes).text, rsd_count(ranges[i].blocks).text));
        free(ranges);
        text = append(text, rsd_format("%zu sizes in all", group->size_count));
    }
    rsd_take_field(out, "  sizes", text);
}

static void print_ages(FILE *out, const struct rsd_group *group) {
    rsd_take_field(out, "  ages",
                   rsd_format("10 %% below %s, half below %s, 90 %% below %s", rsd_seconds(group->age_p10).text,
                              rsd_seconds(group->age_p50).text, rsd_seconds(group->age_p90).text));
}

static struct rsd_short value_text(const struct rsd_report *r, const struct rsd_group *group) {
    enum rsd_metric metric = r->options.metric;
    if (metric == RSD_METRIC_GROWTH)
        return rsd_change(group->value);
    return rsd_metric_is_bytes(metric)
               ? rsd_bytes((uint64_t)group->value)
               : rsd_counted((uint64_t)group->value, metric == RSD_METRIC_CALLS ? "call" : "block");
}

static void print_head(FILE *out, const struct rsd_report *r, size_t rank) {
    const struct rsd_group *group = &r->heap.list[rank];
    const struct rsd_sums *now = &group->site.now;
    fprintf(out, "\n#%-3zu %s%s, now %s in %s    id %016" PRIx64 "\n", rank + 1, value_text(r, group).text,
            rsd_error_text(group->error, rsd_metric_is_bytes(r->options.metric)).text, rsd_bytes(now->live_bytes).text,
            rsd_counted(now->live_blocks, "block").text, group->id);
    if (group->label)
        rsd_field(out, "  of", group->label);
}

static void print_calls(FILE *out, const struct rsd_report *r, const struct rsd_group *group) {
    const struct rsd_sums *now = &group->site.now, *start = &group->site.start;
    char *temporary =
        r->analysis->history.temporaries
            ? rsd_format(", %s of it temporary", rsd_percent((double)(now->temporaries - start->temporaries),
                                                             (double)(now->calls - start->calls))
                                                     .text)
            : rsd_strdup("");
    rsd_take_field(out, "  allocated",
                   rsd_format("%s in %s%s", rsd_bytes(now->bytes - start->bytes).text,
                              rsd_counted(now->calls - start->calls, "call").text, temporary));
    free(temporary);
}

static void print_hints(FILE *out, const struct rsd_report *r, const struct rsd_group *group) {
    for (size_t i = 0; i < HINTS_SHOWN && rsd_deserves_hints(group); i++) {
        char *hint = rsd_hint(group, r->names, &r->analysis->stacks, i);
        if (hint)
            rsd_take_field(out, "  hint", hint);
    }
}

static void print_group(FILE *out, struct rsd_report *r, size_t rank, bool whole) {
    const struct rsd_group *group = &r->heap.list[rank];
    print_head(out, r, rank);
    print_calls(out, r, group);
    char *trend = rsd_trend_text(group);
    if (trend)
        rsd_take_field(out, "  trend", trend);
    if (group->detailed) {
        print_sizes(out, group);
        print_ages(out, group);
    }
    if (group->label && !whole)
        return;
    print_hints(out, r, group);
    rsd_print_stack(out, r, group->site.stack, whole);
}

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

static const char *const by_title[] = {"CALL SITES", "JAVASCRIPT", "PACKAGES", "MODULES"};

/* How many have anything to show. Unless a number was asked for, those at the end that have less than a hundredth of it
 * are left out: each has forty lines of stack, and what leaks would scroll away above them. */
static size_t worth_showing(const struct rsd_report *r, bool only_heavy) {
    int64_t rising = 0;
    size_t wanted = 0, heavy = 0;
    for (size_t i = 0; i < r->heap.count; i++)
        rising += r->heap.list[i].value > 0 ? r->heap.list[i].value : 0;
    for (size_t i = 0; i < r->top; i++) {
        const struct rsd_group *group = &r->heap.list[i];
        wanted += group->value != 0 || group->site.now.live_bytes != 0;
        if (i < SITES_LEAST || (group->value > 0 && group->value >= rising / 100))
            heavy = i + 1;
    }
    return only_heavy && heavy < wanted ? heavy : wanted;
}

static void print_sites(FILE *out, struct rsd_report *r) {
    int64_t all = 0, shown = 0;
    bool only_heavy = r->options.heavy && r->options.by == RSD_BY_SITE;
    size_t wanted = worth_showing(r, only_heavy);
    for (size_t i = 0; i < r->heap.count; i++) {
        all += r->heap.list[i].value;
        shown += i < wanted ? r->heap.list[i].value : 0;
    }
    fprintf(out, "\n%s BY %s", by_title[r->options.by], rsd_metric_title(r->options.metric));
    if (r->heap.count)
        fprintf(out, "   %zu of %s shown, with %s of it", wanted, rsd_count(r->heap.count).text,
                rsd_percent((double)shown, (double)all).text);
    fputc('\n', out);
    for (size_t i = 0; i < wanted; i++)
        print_group(out, r, i, false);
    if (wanted < worth_showing(r, false))
        fprintf(out, "\n--top 20 shows more of them, --site 1 one with its whole stack.\n");
}

/* The last two parts of a qualified name: "OS::SetPermissions" of "v8::base::OS::SetPermissions". */
static const char *short_name(const char *name) {
    const char *part[2] = {name, name};
    int depth = 0;
    for (const char *at = name; *at; at++) {
        depth += *at == '<' || *at == '(' ? 1 : *at == '>' || *at == ')' ? -1 : 0;
        if (depth == 0 && at[0] == ':' && at[1] == ':') {
            part[0] = part[1];
            part[1] = at + 2;
        }
    }
    return part[0];
}

/* Names from the leaf outward, two lines of them: the leaf alone is a wrapper of mmap and says little. */
static char *chain_of(struct rsd_report *r, uint32_t stack) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        rsd_no_memory();
    struct rsd_walk walk;
    const struct rsd_named *frame;
    size_t column = (size_t)fprintf(out, "     %s", stack ? "" : "no stack was recorded");
    rsd_walk_begin(&walk, r, stack, true);
    for (int lines = 1, first = 1; lines <= 2 && (frame = rsd_walk_next(&walk)); first = 0) {
        char *name = walk.run ? rsd_strdup("[JavaScript]") : rsd_frame_name(frame);
        char *shown = rsd_escape_string(short_name(name));
        bool fits = first || column + 4 + strlen(shown) <= rsd_width();
        if (!fits && ++lines <= 2)
            column = (size_t)fprintf(out, "\n       ") - 1;
        if (lines <= 2)
            column += (size_t)fprintf(out, "%s%.*s", first ? "" : fits ? " <- " : "<- ", (int)rsd_width() - 12, shown);
        free(name);
        free(shown);
    }
    fclose(out);
    return text;
}

struct row { /* of the table of mappings: all call sites whose chain reads the same */
    const char *chain;
    int64_t growth;
    uint64_t bytes, ranges;
};

static int by_growth(const void *first, const void *second) {
    const struct row *a = first, *b = second;
    if (a->growth != b->growth)
        return a->growth > b->growth ? -1 : 1;
    return a->bytes != b->bytes ? (a->bytes > b->bytes ? -1 : 1) : strcmp(a->chain, b->chain);
}

static size_t make_rows(struct rsd_report *r, struct rsd_intern *chains, struct row **rows) {
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < r->mappings.count; i++) {
        const struct rsd_site *site = &r->mappings.list[i].site;
        if (!site->now.live_bytes)
            continue;
        char *chain = chain_of(r, site->stack);
        uint32_t number = rsd_intern(chains, chain, strlen(chain));
        free(chain);
        if (number == count) {
            RSD_ROOM(*rows, count, capacity);
            (*rows)[count++] = (struct row){.chain = chains->list[number].bytes};
        }
        (*rows)[number].growth += rsd_site_growth(site);
        (*rows)[number].bytes += site->now.live_bytes;
        (*rows)[number].ranges += site->now.live_blocks;
    }
    return count;
}

static void print_mappings(FILE *out, struct rsd_report *r) {
    struct rsd_intern chains = {0};
    struct row *rows = NULL;
    size_t count = make_rows(r, &chains, &rows);
    if (count) {
        qsort(rows, count, sizeof *rows, by_growth);
        fprintf(out, "\nMAPPINGS BY GROWTH   anonymous and accessible; reservations do not count\n");
    }
    for (size_t i = 0; i < count && i < MAPPING_ROWS; i++)
        fprintf(out, "  %12s  now %s in %s\n%s\n", rsd_change(rows[i].growth).text, rsd_bytes(rows[i].bytes).text,
                rsd_counted(rows[i].ranges, "range").text, rows[i].chain);
    if (count > MAPPING_ROWS)
        fprintf(out, "  and %zu more\n", count - MAPPING_ROWS);
    free(rows);
    rsd_intern_free(&chains);
}

void rsd_report_text(struct rsd_report *report, FILE *out) {
    char *path = rsd_escape_string(report->analysis->trace.path);
    fprintf(out, "residue report of %s\n\n", path);
    free(path);
    print_process(out, report->analysis);
    print_parent(out, &report->analysis->trace.meta);
    print_time(out, report->analysis);
    print_recorded(out, &report->analysis->history);
    print_marks(out, &report->analysis->history);
    rsd_print_verdict(out, report, report->options.limit);
    print_rss(out, report->analysis);
    print_sums(out, report);
    print_doubts(out, report);
    if (report->only != SIZE_MAX) {
        print_group(out, report, report->only, true);
        return;
    }
    rsd_print_timeline(out, report->analysis);
    rsd_print_ledger(out, report);
    if (report->judgement.by_mappings)
        print_mappings(out, report);
    print_sites(out, report);
    if (!report->judgement.by_mappings)
        print_mappings(out, report);
}
