/*
 * What all reports share: which call sites are shown, how a stack is walked, words for the numbers of the format.
 *
 * A walk goes from the leaf to the root. One node may be several frames (inlined functions). In text and flame graphs a
 * run of JavaScript frames without names is one step: their addresses say nothing to a reader, and how many there are
 * depends on which of V8's compilers had come round to them. Frames of the recorder itself at the leaf are left out.
 */
#include "report/report.h"

#include <string.h>

#include "memory.h"
#include "names/lookup.h"
#include "roots.h"

struct blaming {
    struct rsd_report *report;
    enum rsd_by by;
};

static char *label_of(void *context, uint32_t stack) {
    const struct blaming *blaming = context;
    return rsd_blame(blaming->report, stack, blaming->by);
}

static bool find_site(struct rsd_report *report, const char *site) {
    report->only = rsd_groups_find(&report->heap, site);
    if (report->only < report->heap.count)
        return true;
    fprintf(stderr, "residue: there is no call site %s: give a rank from 1 to %zu, or an id\n", site,
            report->heap.count);
    return false;
}

static void name_ledgers(struct rsd_analysis *a, struct rsd_names *names) {
    for (size_t i = 0; i < a->ledger_count; i++)
        rsd_ledger_name_v8(&a->ledgers[i], names, &a->stacks);
    if (!a->ledger_count)
        return;
    a->ledger[0] = a->ledgers[0];
    a->ledger[1] = a->ledgers[a->ledger_count - 1];
}

bool rsd_report_make(struct rsd_report *report, struct rsd_analysis *analysis,
                     const struct rsd_report_options *options) {
    *report = (struct rsd_report){.analysis = analysis, .options = *options, .only = SIZE_MAX};
    report->names = rsd_names_open(&analysis->history, &analysis->stacks,
                                   rsd_lookup_open(&analysis->trace, &analysis->history, &options->places));
    if (options->source_maps)
        rsd_names_use_source_maps(report->names);
    struct blaming blaming = {report, options->by};
    struct rsd_grouping blocks = {options->metric, options->by == RSD_BY_SITE ? NULL : label_of, &blaming};
    struct rsd_grouping ranges = {RSD_METRIC_GROWTH, NULL, NULL};
    rsd_groups_make(&report->heap, &analysis->pairing.heap, &analysis->heap_series, &analysis->pairing.lasting,
                    &analysis->span, &blocks, report->names);
    rsd_groups_make(&report->mappings, &analysis->pairing.mappings, &analysis->mapping_series, NULL, &analysis->span,
                    &ranges, report->names);
    name_ledgers(analysis, report->names);
    rsd_judge(&report->judgement, analysis, &report->heap, &report->mappings, report->names);
    report->top = options->top && options->top < report->heap.count ? options->top : report->heap.count;
    if (options->site && !find_site(report, options->site)) {
        rsd_report_free(report);
        return false;
    }
    size_t detailed = options->site && report->only >= report->top ? report->only + 1 : report->top;
    rsd_groups_detail(&report->heap, detailed, analysis, false);
    rsd_groups_detail(&report->mappings, report->mappings.count, analysis, true);
    return true;
}

void rsd_report_free(struct rsd_report *report) {
    rsd_groups_free(&report->heap);
    rsd_groups_free(&report->mappings);
    rsd_root_free(&report->root);
    rsd_names_close(report->names);
}

/* ---- Stacks ------------------------------------------------------------------------------------------------------ */

static bool of_recorder(const struct rsd_walk *walk, uint32_t node) {
    const struct rsd_stack_node *n = &walk->stacks->nodes[node];
    return n->kind == RESIDUE_NODE_NATIVE && n->has_binary &&
           strcmp(rsd_base_name(walk->history->binaries[n->owner].path), "libresidue.so") == 0;
}

void rsd_walk_begin(struct rsd_walk *walk, struct rsd_report *report, uint32_t stack, bool join_runs) {
    *walk = (struct rsd_walk){.names = report->names,
                              .history = &report->analysis->history,
                              .stacks = &report->analysis->stacks,
                              .node = stack,
                              .join_runs = join_runs && !report->options.internals};
    while (walk->node && of_recorder(walk, walk->node))
        walk->node = walk->stacks->nodes[walk->node].parent;
}

static void take_run(struct rsd_walk *walk, uint32_t node) {
    walk->left = 0;
    for (; node && rsd_names_is_script(walk->names, node); node = walk->stacks->nodes[node].parent) {
        walk->run++;
        walk->builtins += walk->stacks->nodes[node].kind == RESIDUE_NODE_NATIVE;
    }
    walk->node = node;
}

const struct rsd_named *rsd_walk_next(struct rsd_walk *walk) {
    walk->run = walk->builtins = 0;
    if (walk->left) {
        walk->left--;
        return walk->frames++;
    }
    if (!walk->node)
        return NULL;
    uint32_t node = walk->node;
    const struct rsd_named *first = rsd_names_frames(walk->names, node, &walk->left);
    walk->frames = first + 1;
    walk->left--;
    walk->node = walk->stacks->nodes[node].parent;
    if (walk->join_runs && rsd_names_is_script(walk->names, node))
        take_run(walk, node);
    return first;
}

/* ---- Blame ------------------------------------------------------------------------------------------------------- */

static bool is_node_internal(const char *file) {
    return strncmp(file, "node:", 5) == 0;
}

static void keep_first(char **text, const struct rsd_named *frame) {
    if (!*text)
        *text = rsd_format("%s %s:%d", frame->function, frame->file, frame->line);
}

/* The innermost function of the application's JavaScript; failing that of a package's, failing that of node's own. */
static char *blame_js(struct rsd_report *report, uint32_t stack) {
    struct rsd_walk walk;
    char *found[4] = {NULL};
    rsd_walk_begin(&walk, report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));)
        if (frame->kind == RSD_FRAME_JS && frame->function && frame->file)
            keep_first(&found[is_node_internal(frame->file) ? 2 : frame->package ? 1 : 0], frame);
    found[3] = rsd_strdup("(no JavaScript)");
    char *best = NULL;
    for (int i = 0; i < 4; i++)
        if (!best)
            best = found[i];
        else
            free(found[i]);
    return best;
}

bool rsd_is_foreign(const char *package) {
    return package && strncmp(package, "node@", 5) != 0;
}

/* The innermost package but node itself, by which everything is allocated; failing that the application, if its JavaScript is there; failing that the module. */
static char *blame_package(struct rsd_report *report, uint32_t stack) {
    struct rsd_walk walk;
    bool application = false;
    rsd_walk_begin(&walk, report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        if (rsd_is_foreign(frame->package))
            return rsd_strdup(frame->package);
        application |= frame->kind == RSD_FRAME_JS && frame->file && !is_node_internal(frame->file);
    }
    return application ? rsd_strdup("(the application)") : rsd_blame(report, stack, RSD_BY_MODULE);
}

static char *blame_module(struct rsd_report *report, uint32_t stack) {
    const struct rsd_history *history = &report->analysis->history;
    uint32_t binary = rsd_owner_of(history, &report->analysis->stacks, stack);
    if (binary == RSD_NO_BINARY)
        return rsd_strdup("(the C library)");
    return rsd_is_node(history, binary) ? rsd_format("node %s", history->node)
                                        : rsd_strdup(rsd_base_name(history->binaries[binary].path));
}

char *rsd_blame(struct rsd_report *report, uint32_t stack, enum rsd_by by) {
    if (!stack)
        return rsd_strdup("(no stack)");
    return by == RSD_BY_JS        ? blame_js(report, stack)
           : by == RSD_BY_PACKAGE ? blame_package(report, stack)
                                  : blame_module(report, stack);
}

const struct rsd_named *rsd_culprit(struct rsd_report *r, uint32_t stack) {
    const struct rsd_named *named = NULL;
    const char *package = NULL;
    struct rsd_walk walk;
    rsd_walk_begin(&walk, r, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        if (package && (!frame->package || strcmp(frame->package, package) != 0))
            break;
        if (!package && frame->package)
            named = NULL;
        package = frame->package;
        if (frame->function && !walk.run && frame->kind != RSD_FRAME_SEAM && (package || !named))
            named = frame;
    }
    return named;
}

/* ---- Words ------------------------------------------------------------------------------------------------------- */

char *rsd_command_line(const struct rsd_meta *meta) {
    char *line = rsd_strdup(meta->argc ? meta->argv[0] : meta->exe ? meta->exe : "(unknown program)");
    for (size_t i = 1; i < meta->argc; i++) {
        char *longer = rsd_format("%s %s", line, meta->argv[i]);
        free(line);
        line = longer;
    }
    return line;
}

const char *rsd_end_name(enum rsd_end end) {
    static const char *const name[] = {"unknown", "exit", "signal", "running"};
    return name[end];
}

const char *rsd_source_name(enum residue_source source) {
    static const char *const name[] = {NULL, "cfi", "fp", "code", "scan", "libunwind"};
    return name[source];
}

const char *rsd_end_text(unsigned end) {
    switch (end) {
    case RESIDUE_END_ROOT:
        return NULL;
    case RESIDUE_END_DEPTH:
        return "the depth limit is reached (RESIDUE_DEPTH)";
    case RESIDUE_END_NO_RULE:
        return "no way is known to step out of this code";
    case RESIDUE_END_BOUNDS:
        return "the next frame would lie outside of the thread's stack";
    case RESIDUE_END_BAD_PC:
        return "the next return address is no code";
    case RESIDUE_END_FOREIGN:
        return "this code runs on memory that is not the thread's stack";
    case RESIDUE_END_EARLY:
        return "the recorder was not ready to walk stacks yet";
    default:
        return "the rest is in a part of the trace that is lost";
    }
}

/* ---- The recorder's counters ------------------------------------------------------------------------------------- */

static bool is_maximum(size_t counter) {
    return counter == RESIDUE_COUNTER_LATENCY_MAX || counter == RESIDUE_COUNTER_SEAL_MAX ||
           counter == RESIDUE_COUNTER_SMAPS_MAX;
}

void rsd_recorder_sums(const struct rsd_trace *trace, struct rsd_recorder_sums *sums) {
    *sums = (struct rsd_recorder_sums){0};
    uint64_t *total = sums->counter;
    for (size_t i = 0; i < trace->writer_count; i++)
        for (size_t k = 0; k < RESIDUE_COUNTER_SLOTS; k++) {
            uint64_t value = trace->writers[i].counter[k];
            if (!is_maximum(k))
                total[k] += value;
            else if (value > total[k])
                total[k] = value;
        }
    sums->dropped = total[RESIDUE_COUNTER_DROPPED_REENTRY] + total[RESIDUE_COUNTER_DROPPED_ADDRESS] +
                    total[RESIDUE_COUNTER_DROPPED_NO_SLOT];
    for (size_t k = RESIDUE_COUNTER_STACK_ROOT; k <= RESIDUE_COUNTER_STACK_EARLY; k++)
        sums->stacks += total[k];
    sums->complete = total[RESIDUE_COUNTER_STACK_ROOT];
}

char *rsd_estimates(const struct rsd_analysis *analysis) {
    const struct rsd_history *history = &analysis->history;
    if (!history->sampling.count)
        return NULL;
    char *how = rsd_sampling_text(&history->sampling, rsd_history_seconds(history, history->sampling.since));
    char *text = rsd_format("figures are estimates from samples: %s", how);
    free(how);
    return text;
}

struct rsd_short rsd_error_text(double error, bool bytes) {
    struct rsd_short text = {""};
    uint64_t whole = (uint64_t)(error + 0.5);
    if (whole)
        snprintf(text.text, sizeof text.text, " ± %.40s", bytes ? rsd_bytes(whole).text : rsd_count(whole).text);
    return text;
}

double rsd_peak_s(const struct rsd_report *report) {
    const struct rsd_window *window = &report->analysis->window;
    return window->from_s + (window->to_s - window->from_s) * report->heap.peak / RSD_SLICES;
}
