/*
 * residue flame: folded stacks.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report/icicle.h"
#include "report/report.h"

#define TEXT_WIDTH 100 /* columns: what a page of a bug tracker shows without scrolling */

/* A trace in which nothing grew is no empty picture: show what is outstanding, or what was allocated. */
static enum rsd_metric metric_with_values(const struct rsd_pairing *pairing) {
    bool grew = false;
    for (size_t i = 0; i < pairing->heap.count; i++)
        grew |= rsd_site_growth(&pairing->heap.list[i]) > 0;
    if (grew)
        return RSD_METRIC_GROWTH;
    enum rsd_metric metric = pairing->heap_now.live_bytes ? RSD_METRIC_OUTSTANDING : RSD_METRIC_ALLOCATED;
    fprintf(stderr, "residue flame: no call site grew: this is what %s\n",
            metric == RSD_METRIC_OUTSTANDING ? "is outstanding" : "was allocated");
    return metric;
}

static int flame(const char *path, bool chosen, bool text, struct rsd_report_options *shown) {
    struct rsd_analysis_options options = {0};
    struct rsd_analysis analysis;
    struct rsd_report report;
    char *why = NULL;
    if (!rsd_analyse(&analysis, path, &options, &why)) {
        fprintf(stderr, "residue flame: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    if (!chosen)
        shown->metric = metric_with_values(&analysis.pairing);
    rsd_report_make(&report, &analysis, shown);
    if (text)
        rsd_report_icicle(&report, TEXT_WIDTH, stdout);
    else
        rsd_report_flame(&report, stdout);
    rsd_report_free(&report);
    rsd_analysis_free(&analysis);
    return rsd_flush_output();
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"metric", required_argument, NULL, 'm'},
                                          {"text", no_argument, NULL, 't'},
                                          {"source-maps", no_argument, NULL, 'M'},
                                          RSD_PLACES_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    struct rsd_report_options shown = {.top = 1};
    bool chosen = false, text = false;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (option == 't')
            text = true;
        else if (option == 'M')
            shown.source_maps = true;
        else if (option == 'm' && !(chosen = rsd_metric_named(optarg, &shown.metric)))
            return rsd_usage("flame", "--metric wants %s, not %s", rsd_metric_list(), optarg);
        else if (option != 'm' && !rsd_places_argument("flame", option, &shown.places))
            return RSD_USAGE;
    char *path = rsd_trace_argument("flame", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = flame(path, chosen, text, &shown);
    free(path);
    return status;
}

const struct rsd_command rsd_command_flame = {
    .name = "flame",
    .summary = "write folded stacks for a flame graph, or draw one as text",
    .help = "usage: residue flame [--text] [--metric METRIC] [--source-maps] [TRACE]\n"
            "\n"
            "Writes one line per stack, root first: frames parted by semicolons, a space, a number.\n"
            "FlameGraph's flamegraph.pl, inferno and speedscope read it.\n"
            "\n"
            "  --text           draw it in plain characters instead, 100 columns wide\n"
            "  --metric METRIC  growth (default), outstanding, peak, allocated: bytes; temporary, calls:\n"
            "                   numbers\n"
            "  --source-maps    as in `residue report`\n" RSD_PLACES_HELP "\n"
            "The window is that of `residue report`. What shrank is left out. Where nothing grew and no\n"
            "metric is chosen, it is what is outstanding, and stderr says so.\n",
    .run = run,
};
