/*
 * Whole traces: what the commands do with them, all of it, and what must hold of an analysis whatever the files say.
 */
#include <stdlib.h>
#include <string.h>

#include "bundle.h"
#include "dump.h"
#include "export/export.h"
#include "fuzz.h"
#include "report/html.h"
#include "report/icicle.h"
#include "report/issue.h"

/* "Sums may not go below zero whatever the records say", and what is outstanding is the sum over the call sites. */
static void check_sums(const struct rsd_sites *sites, const struct rsd_sums *now, const struct rsd_sums *tracer) {
    uint64_t bytes = tracer->live_bytes, blocks = tracer->live_blocks;
    for (size_t i = 0; i < sites->count; i++) {
        FUZZ_MUST(sites->list[i].now.live_blocks <= sites->list[i].now.calls);
        bytes -= sites->list[i].now.live_bytes;
        blocks -= sites->list[i].now.live_blocks;
    }
    FUZZ_MUST(bytes + now->live_bytes == 0);
    FUZZ_MUST(blocks + now->live_blocks == 0);
}

static void check(const struct rsd_analysis *a) {
    const struct rsd_pairing *p = &a->pairing;
    check_sums(&p->heap, &p->heap_now, &p->tracer_now);
    FUZZ_MUST(p->live.count == p->heap_now.live_blocks + p->tracer_now.live_blocks);
    FUZZ_MUST(a->trace.problems.count <= a->trace.problems.total);
    FUZZ_MUST(a->window.from <= a->window.to || a->window.to == 0 || !a->events);
}

static void report_all(struct rsd_analysis *analysis) {
    struct rsd_report report;
    FILE *out = fuzz_nowhere();
    static const struct rsd_report_options options[] = {
        {.top = 5, .metric = RSD_METRIC_GROWTH},
        {.top = 0, .metric = RSD_METRIC_CALLS, .by = RSD_BY_PACKAGE, .internals = true},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        FUZZ_MUST(rsd_report_make(&report, analysis, &options[i]));
        rsd_report_text(&report, out);
        rsd_report_json(&report, out);
        if (i == 0) {
            struct rsd_report *one[] = {&report};
            rsd_report_flame(&report, out);
            rsd_report_icicle(&report, 100, out);
            rsd_report_html(one, 1, NULL, out);
            rsd_export_pprof(&report, out);
            rsd_export_speedscope(&report, out);
            if (report.heap.count)
                rsd_report_issue(&report, 0, out);
        }
        rsd_report_free(&report);
    }
    rsd_report_stat(analysis, out);
}

static void analyse(const char *folder) {
    static const struct rsd_analysis_options options = {.quiet = true};
    struct rsd_analysis analysis;
    char *why = NULL;
    if (!rsd_analyse(&analysis, folder, &options, &why)) {
        FUZZ_MUST(why);
        free(why);
        return;
    }
    check(&analysis);
    report_all(&analysis);
    rsd_analysis_free(&analysis);
}

static void dump(const char *folder) {
    struct rsd_trace trace;
    struct rsd_source source;
    struct rsd_dump_options options = {.kinds = (1u << RESIDUE_KINDS) - 1};
    char *why = NULL;
    if (!rsd_trace_open(&trace, folder, &why)) {
        free(why);
        return;
    }
    rsd_source_open(&source, &trace.problems, trace.cutoff);
    rsd_dump(&trace, &source, &options, fuzz_nowhere());
    for (size_t i = 0; i < trace.problems.count; i++)
        free(rsd_problem_text(&trace.problems.list[i]));
    rsd_source_close(&source);
    rsd_trace_close(&trace);
}

void fuzz_trace(const uint8_t *data, size_t size) {
    bundle_unpack(data, size);
    char *folder = strdup(fuzz_path("."));
    analyse(folder);
    dump(folder);
    free(folder);
}

/* One file alone: there is no meta.json, so there is no doubt about which trace it belongs to. */
static void one_file(const char *name, const uint8_t *data, size_t size) {
    fuzz_folder();
    fuzz_file(name, data, size);
    char *folder = strdup(fuzz_path("."));
    dump(folder);
    analyse(folder);
    free(folder);
}

void fuzz_log(const uint8_t *data, size_t size) {
    one_file("t1.log", data, size);
}

void fuzz_live(const uint8_t *data, size_t size) {
    one_file("t1.live", data, size);
}
