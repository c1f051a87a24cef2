/*
 * Markdown for an upstream tracker. Somebody who knows nothing of residue reads it, on a public page: so it says what was
 * measured before how, shows no path of the reporter's machine but those inside of packages, none of the program's
 * arguments, and nothing of its environment (which no trace holds).
 */
#include "report/issue.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "report/icicle.h"
#include "report/judgement.h"
#include "report/stack.h"
#include "text.h"

#define TICKS "```"
#define PAGE_WIDTH 100

static void print_title(FILE *out, struct rsd_report *r, const struct rsd_group *group) {
    const struct rsd_named *frame = rsd_culprit(r, group->site.stack);
    char *package = rsd_blame(r, group->site.stack, RSD_BY_PACKAGE);
    char *shown_package = rsd_escape_string(package),
         *function = rsd_escape_string(frame ? frame->function : "native code");
    bool leak = group->trend.verdict == RSD_VERDICT_LEAK;
    fprintf(out, "# %s in `%s` (%s): %s in %s\n\n", leak ? "Native memory leak" : "Native memory that is held",
            function, shown_package, rsd_bytes(group->site.now.live_bytes).text,
            rsd_counted(group->site.now.live_blocks, "block").text);
    free(package);
    free(shown_package);
    free(function);
}

static void print_versions(FILE *out, struct rsd_report *r) {
    const struct rsd_analysis *a = r->analysis;
    const struct rsd_meta *meta = &a->trace.meta;
    fprintf(out, "## Versions\n\n");
    if (a->history.node)
        fprintf(out, "* node %s\n", a->history.node);
    struct rsd_intern seen = {0};
    for (uint32_t i = 0; i < a->history.binary_count; i++) {
        const char *package = rsd_names_package(r->names, i);
        size_t before = seen.count;
        if (!package || rsd_intern(&seen, package, strlen(package)) < before)
            continue;
        char *shown = rsd_escape_string(package);
        fprintf(out, "* %s\n", shown);
        free(shown);
    }
    rsd_intern_free(&seen);
    fprintf(out, "* Linux x86-64, %s, malloc of %s\n", meta->libc ? meta->libc : "unknown libc",
            meta->allocator ? meta->allocator : "an unknown library");
    char *estimates = rsd_estimates(r->analysis);
    fprintf(out, "* measured with residue, %s\n\n", estimates ? estimates : "on every allocation of the process");
    free(estimates);
}

static void print_growth(FILE *out, const struct rsd_report *r, const struct rsd_group *group) {
    const struct rsd_analysis *a = r->analysis;
    const struct rsd_sums *now = &group->site.now, *start = &group->site.start;
    fprintf(out, "## What was measured\n\n");
    fprintf(out, "In %s, %s was allocated here in %s; %s in %s was never freed",
            rsd_seconds(a->window.to_s - a->window.from_s).text, rsd_bytes(now->bytes - start->bytes).text,
            rsd_counted(now->calls - start->calls, "call").text, rsd_bytes(now->live_bytes).text,
            rsd_counted(now->live_blocks, "block").text);
    if (group->size_count && group->size_count <= 4) {
        fprintf(out, " (");
        for (size_t i = 0; i < group->size_count; i++)
            fprintf(out, "%s%s of %s bytes", i ? ", " : "", rsd_count(group->sizes[i].blocks).text,
                    rsd_count(group->sizes[i].bytes).text);
        fprintf(out, ")");
    }
    if (start->live_bytes)
        fprintf(out, ", %s since that time began", rsd_change(rsd_site_growth(&group->site)).text);
    fprintf(out, ".\n");
    char *trend = rsd_trend_text(group);
    if (trend)
        fprintf(out, "\nIts curve: %s.\n", trend);
    free(trend);
    fprintf(
        out,
        "\nAll native memory of the process went from %s to %s in that time; the verdict on the process is \"%s\".\n\n",
        rsd_bytes(a->heap_start.live_bytes).text, rsd_bytes(a->pairing.heap_now.live_bytes).text,
        rsd_cause_name(r->judgement.cause));
}

static void print_reproduction(FILE *out, const struct rsd_report *r) {
    const struct rsd_meta *meta = &r->analysis->trace.meta;
    const char *script = "";
    for (size_t i = 1; i < meta->argc && !*script; i++)
        if (meta->argv[i][0] != '-')
            script = rsd_base_name(meta->argv[i]);
    char *shown = rsd_escape_string(script);
    fprintf(out, "## How to reproduce\n\n(Add here what the program does.)\n\n");
    fprintf(out, TICKS "\nresidue record -- node %s\nresidue report\n" TICKS "\n", *shown ? shown : "SCRIPT");
    free(shown);
}

void rsd_report_issue(struct rsd_report *report, size_t rank, FILE *out) {
    const struct rsd_group *group = &report->heap.list[rank];
    print_title(out, report, group);
    print_growth(out, report, group);
    fprintf(out, "## Where it is allocated\n\n" TICKS "\n");
    rsd_print_stack_redacted(out, report, group->site.stack);
    fprintf(out, TICKS "\n\n");
    print_versions(out, report);
    fprintf(out, "## All native memory by call path (%s)\n\n" TICKS "\n", rsd_metric_name(report->options.metric));
    rsd_report_icicle(report, PAGE_WIDTH, out);
    fprintf(out, TICKS "\n\n");
    print_reproduction(out, report);
}
