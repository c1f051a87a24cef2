/*
 * The report as one JSON object. Its shape is a contract with other programs, and stands in JSON.md: keys are never renamed,
 * fields that are not known are null.
 *
 * Call sites are written one by one, so that a report of all sites of a large trace does not stand in memory as a tree.
 * Strings from the trace are made valid UTF-8 first (what is none becomes \xNN); the library escapes the rest.
 */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "diff.h"
#include "intern.h"
#include "judge/hints.h"
#include "memory.h"
#include "report/judgement.h"
#include "report/report.h"
#include "residue/version.h"
#include "text.h"
#include "workers.h"

#define MAPPINGS_MOST 50 /* call sites of mappings: V8's heap alone has hundreds, of a few ranges each */

static json_t *text_of(const char *text) {
    if (!text)
        return json_null();
    char *valid = rsd_utf8(text, strlen(text));
    json_t *value = json_string(valid);
    free(valid);
    return value;
}

static json_t *integer(uint64_t value) {
    return json_integer((json_int_t)value);
}

/* Three decimals are enough for seconds, and the same text on every machine. */
static json_t *seconds(double value) {
    return json_real(round(value * 1e3) / 1e3);
}

static void set(json_t *object, const char *key, json_t *value) {
    json_object_set_new(object, key, value ? value : json_null());
}

/* ---- The parts --------------------------------------------------------------------------------------------------- */

static json_t *process_of(const struct rsd_analysis *a) {
    const struct rsd_meta *meta = &a->trace.meta;
    json_t *process = json_object(), *argv = json_array();
    int value;
    enum rsd_end end = rsd_analysis_end(a, &value);
    for (size_t i = 0; i < meta->argc; i++)
        json_array_append_new(argv, text_of(meta->argv[i]));
    set(process, "pid", json_integer(meta->pid));
    set(process, "forked_from", meta->forked_from ? json_integer(meta->forked_from) : NULL);
    set(process, "argv", argv);
    set(process, "exe", text_of(meta->exe));
    set(process, "node", text_of(a->history.node));
    set(process, "libc", text_of(meta->libc));
    set(process, "allocator", text_of(meta->allocator));
    set(process, "duration_s", seconds(rsd_history_seconds(&a->history, a->history.last)));
    set(process, "end", json_string(rsd_end_name(end)));
    set(process, "exit_status", end == RSD_END_EXIT && value >= 0 ? json_integer(value) : NULL);
    set(process, "signal", end == RSD_END_SIGNAL ? json_integer(value) : NULL);
    return process;
}

static json_t *window_of(const struct rsd_analysis *a) {
    json_t *window = json_object();
    set(window, "from_s", seconds(a->window.from_s));
    set(window, "to_s", seconds(a->window.to_s));
    set(window, "why", text_of(a->window.why));
    return window;
}

static json_t *marks_of(const struct rsd_analysis *a) {
    json_t *marks = json_array();
    for (size_t i = 0; i < a->history.barrier_count; i++) {
        const struct rsd_barrier *barrier = &a->history.barriers[i];
        if (barrier->reason != RESIDUE_BARRIER_MARK)
            continue;
        json_t *mark = json_object();
        set(mark, "name", text_of(barrier->name));
        set(mark, "t_s", seconds(rsd_history_seconds(&a->history, barrier->time)));
        json_array_append_new(marks, mark);
    }
    return marks;
}

static json_t *timeline_of(const struct rsd_analysis *a) {
    json_t *timeline = json_array();
    for (size_t i = 0; i < a->point_count; i++) {
        json_t *point = json_object();
        set(point, "t_s", seconds(rsd_history_seconds(&a->history, a->timeline[i].time)));
        set(point, "rss_bytes", integer(a->timeline[i].rss_bytes));
        set(point, "live_bytes", integer(a->timeline[i].live_bytes));
        json_array_append_new(timeline, point);
    }
    return timeline;
}

/* How samples were taken; null when every allocation is recorded. */
static json_t *sampling_of(const struct rsd_analysis *a) {
    const struct rsd_sampling *s = &a->history.sampling;
    if (!s->count)
        return json_null();
    uint64_t least, most;
    json_t *sampling = json_object();
    rsd_sampling_range(s, &least, &most);
    set(sampling, "bytes", integer(least));
    set(sampling, "bytes_at_last", integer(most));
    set(sampling, "since_s", seconds(rsd_history_seconds(&a->history, s->since)));
    return sampling;
}

/* What malloc kept, at each sample of all mappings. */
static json_t *retained_of(const struct rsd_analysis *a) {
    json_t *list = json_array();
    for (size_t i = 0; i < a->ledger_count; i++) {
        json_t *point = json_object();
        set(point, "t_s", seconds(rsd_history_seconds(&a->history, a->ledgers[i].time)));
        set(point, "retained_bytes", integer(a->ledgers[i].row[RSD_LEDGER_RETAINED]));
        json_array_append_new(list, point);
    }
    return list;
}

static json_t *frame_of(const struct rsd_named *frame) {
    static const char *const kind[] = {"native", "js", "builtin", "seam"};
    json_t *object = json_object();
    const char *source = rsd_source_name(frame->source);
    set(object, "function", text_of(frame->function));
    set(object, "module", text_of(frame->module));
    set(object, "offset", frame->module ? integer(frame->offset) : NULL);
    set(object, "file", text_of(frame->file));
    set(object, "line", frame->line ? json_integer(frame->line) : NULL);
    set(object, "kind", json_string(kind[frame->kind]));
    set(object, "source", source ? json_string(source) : NULL);
    set(object, "inlined", json_boolean(frame->inlined));
    return object;
}

static json_t *stack_of(struct rsd_report *r, uint32_t stack) {
    json_t *frames = json_array();
    struct rsd_walk walk;
    rsd_walk_begin(&walk, r, stack, false);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));)
        json_array_append_new(frames, frame_of(frame));
    return frames;
}

/* The frames that were written so far, as text: the stacks of thirty thousand call sites have two million frames, of which
 * a hundredth are different ones. Equal names are one string (names.c). */
struct frame_texts {
    struct rsd_intern frames;
    char **text; /* by number in `frames` */
    size_t count, capacity;
};

#define FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(12))

static char *dump(json_t *value) {
    char *text = json_dumps(value, FLAGS);
    json_decref(value);
    return text;
}

static const char *text_of_frame(struct frame_texts *texts, const struct rsd_named *frame) {
    const uint64_t key[] = {(uintptr_t)frame->function, (uintptr_t)frame->module, (uintptr_t)frame->file, frame->offset,
                            (uint64_t)(uint32_t)frame->line << 32 | (uint64_t)frame->kind << 16 |
                                (uint64_t)frame->source << 8 | frame->inlined};
    uint32_t number = rsd_intern(&texts->frames, key, sizeof key);
    if (number == texts->count) {
        RSD_ROOM(texts->text, texts->count, texts->capacity);
        texts->text[texts->count++] = dump(frame_of(frame));
    }
    return texts->text[number];
}

static void free_texts(struct frame_texts *texts) {
    for (size_t i = 0; i < texts->count; i++)
        free(texts->text[i]);
    free(texts->text);
    rsd_intern_free(&texts->frames);
}

static void write_stack(FILE *out, struct rsd_report *r, struct frame_texts *texts, uint32_t stack) {
    struct rsd_walk walk;
    const char *before = "[";
    rsd_walk_begin(&walk, r, stack, false);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk)); before = ",") {
        fputs(before, out);
        fputs(text_of_frame(texts, frame), out);
    }
    fputs(*before == '[' ? "[]" : "]", out);
}

/* The stack that queued the work, or made the thread: what stands beyond the first seam of the joined stack. */
static void write_origin(FILE *out, struct rsd_report *r, struct frame_texts *texts, uint32_t stack) {
    static const char *const kind[] = {[RESIDUE_ORIGIN_ASYNC_WORK] = "async-work",
                                       [RESIDUE_ORIGIN_THREADSAFE_FUNCTION] = "threadsafe-function",
                                       [RESIDUE_ORIGIN_UV_WORK] = "uv-work",
                                       [RESIDUE_ORIGIN_THREAD] = "thread"};
    const struct rsd_stack_node *nodes = r->analysis->stacks.nodes;
    while (stack && nodes[stack].kind != RESIDUE_NODE_ORIGIN)
        stack = nodes[stack].parent;
    const char *name = stack && nodes[stack].owner < sizeof kind / sizeof *kind ? kind[nodes[stack].owner] : NULL;
    fprintf(out, "{\"kind\":%s%s%s,\"stack\":", name ? "\"" : "", name ? name : "null", name ? "\"" : "");
    write_stack(out, r, texts, nodes[stack].parent);
    fputc('}', out);
}

/* The package that a call site is blamed on: the first one that its stack enters, but node itself. */
static json_t *package_of(struct rsd_report *r, uint32_t stack) {
    struct rsd_walk walk;
    rsd_walk_begin(&walk, r, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));)
        if (rsd_is_foreign(frame->package))
            return text_of(frame->package);
    return json_null();
}

static json_t *ages_of(const struct rsd_group *group) {
    if (!group->detailed)
        return json_null();
    json_t *ages = json_object();
    set(ages, "p10", seconds(group->age_p10));
    set(ages, "p50", seconds(group->age_p50));
    set(ages, "p90", seconds(group->age_p90));
    return ages;
}

static json_t *sizes_of(const struct rsd_group *group) {
    json_t *sizes = json_array();
    for (size_t i = 0; i < group->size_count; i++) {
        json_t *size = json_object();
        set(size, "bytes", integer(group->sizes[i].bytes));
        set(size, "blocks", integer(group->sizes[i].blocks));
        json_array_append_new(sizes, size);
    }
    return sizes;
}

static json_t *hints_of(struct rsd_report *r, const struct rsd_group *group) {
    json_t *hints = json_array();
    char *hint;
    for (size_t i = 0; rsd_deserves_hints(group) && (hint = rsd_hint(group, r->names, &r->analysis->stacks, i)); i++) {
        json_array_append_new(hints, text_of(hint));
        free(hint);
    }
    return hints;
}

/* All but its stack and origin. */
static json_t *site_of(struct rsd_report *r, const struct rsd_group *group, size_t rank) {
    const struct rsd_sums *now = &group->site.now, *start = &group->site.start;
    json_t *site = json_object();
    char id[20];
    snprintf(id, sizeof id, "%016" PRIx64, group->id);
    set(site, "id", json_string(id));
    set(site, "rank", integer(rank + 1));
    set(site, "verdict", json_string(rsd_verdict_name(group->trend.verdict)));
    set(site, "label", text_of(group->label));
    set(site, "value", json_integer(group->value));
    set(site, "standard_error", r->analysis->history.sampling.count ? seconds(group->error) : NULL);
    set(site, "package", package_of(r, group->site.stack));
    set(site, "outstanding_bytes", integer(now->live_bytes));
    set(site, "outstanding_blocks", integer(now->live_blocks));
    set(site, "growth_bytes", json_integer(rsd_site_growth(&group->site)));
    set(site, "lasting_growth_bytes",
        group->lasts ? json_integer((json_int_t)(group->lasts->level[RSD_SLICES] - group->lasts->level[0])) : NULL);
    set(site, "growth_blocks", json_integer((json_int_t)(now->live_blocks - start->live_blocks)));
    set(site, "slope_bytes_per_s", group->level ? seconds(group->trend.rate) : NULL);
    set(site, "allocated_bytes", integer(now->bytes - start->bytes));
    set(site, "allocated_calls", integer(now->calls - start->calls));
    set(site, "temporary_calls",
        r->analysis->history.temporaries ? integer(now->temporaries - start->temporaries) : NULL);
    set(site, "sizes", sizes_of(group));
    set(site, "age_s", ages_of(group));
    set(site, "hints", hints_of(r, group));
    return site;
}

static json_t *mapping_of(struct rsd_report *r, const struct rsd_group *group) {
    json_t *mapping = json_object();
    set(mapping, "verdict", json_string(rsd_verdict_name(group->trend.verdict)));
    set(mapping, "outstanding_bytes", integer(group->site.now.live_bytes));
    set(mapping, "ranges", integer(group->site.now.live_blocks));
    set(mapping, "growth_bytes", json_integer(rsd_site_growth(&group->site)));
    set(mapping, "stack", stack_of(r, group->site.stack));
    return mapping;
}

/* Leaks first, then by growth. */
static json_t *mappings_of(struct rsd_report *r) {
    json_t *mappings = json_array();
    for (size_t i = 0; i < r->mappings.count && i < MAPPINGS_MOST; i++)
        json_array_append_new(mappings, mapping_of(r, &r->mappings.list[i]));
    return mappings;
}

static json_t *module_of(struct rsd_report *r, uint32_t number) {
    const struct rsd_binary *binary = &r->analysis->history.binaries[number];
    json_t *module = json_object();
    char *id = rsd_zalloc(2 * binary->build_id_size + 1, 1);
    for (size_t i = 0; i < binary->build_id_size; i++)
        sprintf(id + 2 * i, "%02x", binary->build_id[i]);
    set(module, "path", text_of(binary->path));
    set(module, "build_id", binary->build_id_size ? json_string(id) : NULL);
    set(module, "package", text_of(rsd_names_package(r->names, number)));
    free(id);
    return module;
}

static json_t *recorder_of(const struct rsd_analysis *a) {
    json_t *recorder = json_object(), *frames = json_object();
    struct rsd_recorder_sums sums;
    rsd_recorder_sums(&a->trace, &sums);
    set(frames, "cfi", integer(sums.counter[RESIDUE_COUNTER_FRAMES_CFI]));
    set(frames, "fp", integer(sums.counter[RESIDUE_COUNTER_FRAMES_FP]));
    set(frames, "code", integer(sums.counter[RESIDUE_COUNTER_FRAMES_CODE]));
    set(frames, "scan", integer(sums.counter[RESIDUE_COUNTER_FRAMES_SCAN]));
    set(frames, "libunwind", integer(sums.counter[RESIDUE_COUNTER_FRAMES_LIBUNWIND]));
    set(recorder, "events", integer(a->events));
    set(recorder, "dropped", integer(sums.dropped));
    set(recorder, "anomalies", integer(rsd_pairing_anomalies(&a->pairing)));
    set(recorder, "lost_segments", integer(rsd_trace_lost(&a->trace)));
    set(recorder, "problems", integer(a->trace.problems.total));
    set(recorder, "frames", frames);
    set(recorder, "stacks_complete", sums.stacks ? json_real((double)sums.complete / (double)sums.stacks) : NULL);
    return recorder;
}

/* Which part of the growth of RSS call sites of native memory stand for. Null where RSS did not grow. */
static json_t *explained(const struct rsd_report *r) {
    const struct rsd_analysis *a = r->analysis;
    double grown = (double)a->pairing.heap_now.live_bytes - (double)a->heap_start.live_bytes;
    return r->judgement.rss_growth > 0 ? seconds(grown / (double)r->judgement.rss_growth) : json_null();
}

static json_t *verdict_of(const struct rsd_report *r) {
    const struct rsd_judgement *j = &r->judgement;
    json_t *verdict = json_object();
    bool leak = j->cause == RSD_CAUSE_LEAK, known = j->cause != RSD_CAUSE_SHORT && j->cause != RSD_CAUSE_NONE;
    const char *unit;
    double units = rsd_units(r, &unit);
    char *text = rsd_headline(r);
    set(verdict, "kind", json_string(rsd_cause_name(j->cause)));
    set(verdict, "text", text_of(text));
    set(verdict, "rss_growth_bytes", json_integer(j->rss_growth));
    set(verdict, "rate_bytes_per_s", known ? seconds(j->rate) : NULL);
    set(verdict, "explained_by_sites", explained(r));
    set(verdict, "bytes", known ? json_integer(j->bytes) : NULL);
    set(verdict, "leaking_sites", leak ? integer(j->leaks) : NULL);
    set(verdict, "of_mappings", leak ? json_boolean(j->by_mappings) : NULL);
    set(verdict, "p", leak ? json_real(j->p) : NULL);
    set(verdict, "late_share", leak ? seconds(j->late) : NULL);
    set(verdict, "late_bytes_per_s", leak ? seconds(j->late_rate) : NULL);
    set(verdict, "since_s", leak && j->since_s > 0 ? seconds(j->since_s) : NULL);
    set(verdict, "more_s", j->more_s > 0 ? seconds(j->more_s) : NULL);
    set(verdict, "units", units > 0 ? seconds(units) : NULL);
    set(verdict, "bytes_per_unit", units > 0 && j->bytes ? seconds((double)j->bytes / units) : NULL);
    set(verdict, "module",
        j->owner == RSD_NO_BINARY ? NULL : text_of(rsd_base_name(r->analysis->history.binaries[j->owner].path)));
    free(text);
    return verdict;
}

static json_t *ledger_of(const struct rsd_report *r, const struct rsd_ledger *ledger) {
    static const char *const key[] = {
#define X(name, key, text) key,
        RSD_LEDGER_ROWS(X)
#undef X
    };
    if (!ledger->time)
        return json_null();
    json_t *object = json_object(), *owners = json_array();
    set(object, "t_s", seconds(rsd_history_seconds(&r->analysis->history, ledger->time)));
    set(object, "rss_bytes", integer(ledger->rss_bytes));
    for (int row = 0; row < RSD_LEDGER_COUNT; row++)
        set(object, key[row], integer(ledger->row[row]));
    set(object, "v8_young", integer(ledger->v8_young));
    set(object, "retained_whole_pages", integer(ledger->whole_free));
    set(object, "retained_further_arenas", integer(ledger->further));
    set(object, "arena_heaps", integer(ledger->heaps));
    for (size_t i = 0; i < ledger->owner_count; i++) {
        json_t *owner = json_object();
        uint32_t binary = ledger->owners[i].binary;
        set(owner, "module",
            binary == RSD_NO_BINARY ? NULL : text_of(rsd_base_name(r->analysis->history.binaries[binary].path)));
        set(owner, "resident_bytes", integer(ledger->owners[i].resident));
        set(owner, "mapped_bytes", integer(ledger->owners[i].mapped));
        json_array_append_new(owners, owner);
    }
    set(object, "owners", owners);
    return object;
}

/* The rows at both ends of the window, which add up to RSS; empty without samples of all mappings. */
static json_t *rows_of(const struct rsd_report *r) {
    static const char *const row[][2] = {
#define X(name, key, text) {key, text},
        RSD_LEDGER_ROWS(X)
#undef X
    };
    const struct rsd_ledger *ledger = r->analysis->ledger;
    json_t *rows = json_array();
    for (int i = 0; i < RSD_LEDGER_COUNT && ledger[1].time; i++) {
        json_t *object = json_object();
        set(object, "id", json_string(row[i][0]));
        set(object, "name", json_string(row[i][1]));
        set(object, "start_bytes", integer(ledger[0].row[i]));
        set(object, "end_bytes", integer(ledger[1].row[i]));
        json_array_append_new(rows, object);
    }
    return rows;
}

static json_t *ledgers_of(const struct rsd_report *r) {
    json_t *ledger = json_object();
    if (!r->analysis->ledger[1].time) {
        json_decref(ledger);
        return json_null();
    }
    set(ledger, "start", ledger_of(r, &r->analysis->ledger[0]));
    set(ledger, "end", ledger_of(r, &r->analysis->ledger[1]));
    return ledger;
}

/* ---- The object -------------------------------------------------------------------------------------------------- */

static void write_value(FILE *out, json_t *value) {
    json_dumpf(value, out, FLAGS);
    json_decref(value);
}

static void member(FILE *out, const char *key, json_t *value) {
    fprintf(out, "%s\"%s\":", strcmp(key, "format") == 0 ? "{" : ",\n ", key);
    write_value(out, value);
}

static void write_site(FILE *out, struct rsd_report *r, struct frame_texts *texts, size_t rank) {
    uint32_t stack = r->heap.list[rank].site.stack;
    char *site = dump(site_of(r, &r->heap.list[rank], rank));
    fprintf(out, "%.*s,\"stack\":", (int)strlen(site) - 1, site);
    write_stack(out, r, texts, stack);
    fputs(",\"origin\":", out);
    write_origin(out, r, texts, stack);
    fputc('}', out);
    free(site);
}

static void write_sites(FILE *out, struct rsd_report *r) {
    struct frame_texts texts = {0};
    size_t from = r->only != SIZE_MAX ? r->only : 0, to = r->only != SIZE_MAX ? r->only + 1 : r->top;
    fprintf(out, ",\n \"sites\":[");
    for (size_t i = from; i < to; i++) {
        fputs(i > from ? ",\n  " : "\n  ", out);
        write_site(out, r, &texts, i);
    }
    fputc(']', out);
    free_texts(&texts);
}

static void write_modules(FILE *out, struct rsd_report *r) {
    fprintf(out, ",\n \"modules\":[");
    for (uint32_t i = 0; i < r->analysis->history.binary_count; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        write_value(out, module_of(r, i));
    }
    fputc(']', out);
}

/* Null where nothing was allocated. The call sites' figures are of the end of a slice, and in sum `sites_bytes`. */
static json_t *peak_of(const struct rsd_report *r) {
    const struct rsd_pairing *pairing = &r->analysis->pairing;
    bool of_sites = r->options.metric == RSD_METRIC_PEAK;
    if (!pairing->peak_time)
        return json_null();
    json_t *peak = json_object();
    set(peak, "t_s", seconds(rsd_history_seconds(&r->analysis->history, pairing->peak_time)));
    set(peak, "bytes", integer(pairing->peak_bytes));
    set(peak, "sites_t_s", of_sites ? seconds(rsd_peak_s(r)) : NULL);
    set(peak, "sites_bytes", of_sites ? integer((uint64_t)r->heap.peak_bytes) : NULL);
    return peak;
}

void rsd_report_json(struct rsd_report *report, FILE *out) {
    struct rsd_analysis *a = report->analysis;
    member(out, "format", json_integer(1));
    member(out, "tool", json_string("residue " RESIDUE_VERSION));
    member(out, "started_at", text_of(a->trace.meta.started_at));
    member(out, "process", process_of(a));
    member(out, "window", window_of(a));
    member(out, "verdict", verdict_of(report));
    member(out, "ledger", rows_of(report));
    member(out, "ledgers", ledgers_of(report));
    member(out, "metric", json_string(rsd_metric_name(report->options.metric)));
    member(out, "peak", peak_of(report));
    member(out, "sampling", sampling_of(a));
    member(out, "marks", marks_of(a));
    member(out, "timeline", timeline_of(a));
    member(out, "retained", retained_of(a));
    write_sites(out, report);
    member(out, "mappings", mappings_of(report));
    write_modules(out, report);
    member(out, "recorder", recorder_of(a));
    fputs("}\n", out);
}

/* ---- Several traces ---------------------------------------------------------------------------------------------- */

static json_t *side_of(const struct rsd_report *r) {
    json_t *side = json_object();
    set(side, "trace", text_of(r->analysis->trace.path));
    set(side, "process", process_of(r->analysis));
    set(side, "window", window_of(r->analysis));
    set(side, "verdict", verdict_of(r));
    set(side, "sampling", sampling_of(r->analysis));
    return side;
}

static json_t *part_of(const struct rsd_match *match, const struct rsd_row *row, size_t side) {
    const struct rsd_part *part = &row->part[side];
    json_t *object = json_object();
    bool sampled = match->side[side]->analysis->history.sampling.count > 0;
    set(object, "value", seconds(part->value));
    set(object, "standard_error", sampled ? seconds(part->error) : NULL);
    set(object, "outstanding_bytes", integer(part->outstanding));
    set(object, "calls", integer(part->calls));
    set(object, "stack", part->stack ? stack_of(match->side[side], part->stack) : NULL);
    return object;
}

static json_t *row_of(const struct rsd_match *match, const struct rsd_row *row) {
    json_t *object = json_object();
    set(object, "match", json_string(rsd_kinship_name(row->kinship)));
    char key[] = "a";
    for (size_t side = 0; side < match->sides; side++, key[0]++)
        set(object, key, part_of(match, row, side));
    return object;
}

static json_t *difference_of(const struct rsd_match *match, const struct rsd_row *row) {
    json_t *object = row_of(match, row);
    char *kinship = rsd_match_kinship(match, row);
    set(object, "change", json_string(rsd_diff_change(match, row)));
    set(object, "differs", text_of(kinship));
    free(kinship);
    return object;
}

static json_t *worker_row_of(const struct rsd_match *match, const struct rsd_row *row) {
    struct rsd_spread spread = rsd_spread_of(match, row);
    json_t *object = row_of(match, row);
    set(object, "workers", integer(spread.workers));
    set(object, "sum", seconds(spread.sum));
    set(object, "least", seconds(spread.least));
    set(object, "median", seconds(spread.median));
    set(object, "most", seconds(spread.most));
    return object;
}

static void write_match(const struct rsd_match *match, const char *verdict, size_t top, FILE *out,
                        json_t *(*row)(const struct rsd_match *match, const struct rsd_row *row)) {
    size_t count = top && top < match->count ? top : match->count;
    char key[] = "a", total[] = "total_a", error[] = "error_a", matched[] = "matched_a";
    member(out, "format", json_integer(1));
    member(out, "tool", json_string("residue " RESIDUE_VERSION));
    for (size_t side = 0; side < match->sides; side++, key[0]++)
        member(out, key, side_of(match->side[side]));
    member(out, "verdict", json_string(verdict));
    member(out, "metric", json_string(rsd_metric_name(match->metric)));
    member(out, "per", json_string(rsd_per_name(&match->per)));
    for (size_t side = 0; side < match->sides; side++, total[6]++)
        member(out, total, seconds(match->total[side]));
    for (size_t side = 0; side < match->sides; side++, error[6]++)
        member(out, error, seconds(match->error[side]));
    member(out, "matched_share", seconds(match->matched));
    for (size_t side = 0; side < match->sides; side++, matched[8]++)
        member(out, matched, seconds(match->matched_of[side]));
    fprintf(out, ",\n \"sites\":[");
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n  " : "\n  ", out);
        write_value(out, row(match, &match->list[i]));
    }
    fputs("]}\n", out);
}

void rsd_diff_json(const struct rsd_match *match, size_t top, FILE *out) {
    char *verdict = rsd_diff_verdict(match);
    write_match(match, verdict, top, out, difference_of);
    free(verdict);
}

void rsd_workers_json(const struct rsd_match *match, size_t top, FILE *out) {
    char *verdict = rsd_workers_verdict(match);
    write_match(match, verdict, top, out, worker_row_of);
    free(verdict);
}
