/*
 * residue flame: folded stacks.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "diff.h"
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

struct options {
    bool chosen, text, diff; /* `chosen`: the metric is */
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
};

static bool analyse(struct rsd_opened *opened, char **paths, size_t count, struct options *options) {
    char *why = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!rsd_analyse(&opened[i].analysis, paths[i], &options->analysis, &why)) {
            fprintf(stderr, "residue flame: %s\n", why);
            free(why);
            while (i)
                rsd_close_report(&opened[--i]);
            return false;
        }
        if (!options->chosen)
            options->report.metric = count == 1 ? metric_with_values(&opened[i].analysis.pairing) : RSD_METRIC_GROWTH;
        rsd_note_metric("flame", &opened[i].analysis, options->report.metric);
        rsd_report_make(&opened[i].report, &opened[i].analysis, &options->report);
    }
    return true;
}

static void write_flame(struct rsd_report *const *reports, size_t count, const struct options *options) {
    struct rsd_match match = {0};
    if (options->diff)
        rsd_diff_make(&match, reports, count, &(struct rsd_per){.kind = RSD_PER_RUN});
    if (options->diff && options->text)
        rsd_diff_icicle(&match, TEXT_WIDTH, stdout);
    else if (options->diff)
        rsd_diff_flame(&match, stdout);
    else if (options->text)
        rsd_report_icicle(reports[0], TEXT_WIDTH, stdout);
    else
        rsd_reports_flame(reports, count, stdout);
    rsd_match_free(&match);
}

static int flame(char **paths, size_t count, struct options *options) {
    struct rsd_opened opened[RSD_TRACES_MOST];
    struct rsd_report *reports[RSD_TRACES_MOST];
    if (!analyse(opened, paths, count, options))
        return RSD_FAILED;
    for (size_t i = 0; i < count; i++)
        reports[i] = &opened[i].report;
    write_flame(reports, count, options);
    while (count)
        rsd_close_report(&opened[--count]);
    return rsd_flush_output();
}

static bool take_option(int option, struct options *options) {
    switch (option) {
    case 't':
        return options->text = true;
    case 'd':
        return options->diff = true;
    case 'm':
        return options->chosen = rsd_metric_argument("flame", optarg, &options->report.metric);
    case 'M':
        return options->report.source_maps = true;
    default:
        return rsd_window_argument("flame", option, &options->analysis.window, &options->report.places);
    }
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"metric", required_argument, NULL, 'm'},
                                          {"text", no_argument, NULL, 't'},
                                          {"diff", no_argument, NULL, 'd'},
                                          {"source-maps", no_argument, NULL, 'M'},
                                          RSD_WINDOW_OPTIONS,
                                          RSD_PLACES_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    struct options options = {.report.top = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(option, &options))
            return RSD_USAGE;
    size_t count = (size_t)(argc - optind);
    if (options.diff && count != 2)
        return rsd_usage("flame", "--diff wants two traces, %zu given", count);
    if (count > RSD_TRACES_MOST || (options.text && !options.diff && count > 1))
        return rsd_usage("flame", "%s", options.text ? "--text draws one trace, or --diff two" : "too many traces");
    if (count)
        return flame(argv + optind, count, &options);
    char *path = rsd_trace_argument("flame", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = flame(&path, 1, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_flame = {
    .name = "flame",
    .summary = "write folded stacks for a flame graph, or draw one as text",
    .help = "usage: residue flame [OPTIONS] [TRACE...]\n"
            "       residue flame --diff [OPTIONS] A B\n"
            "\n"
            "Writes one line per stack, root first: frames parted by semicolons, a space, a\n"
            "number. FlameGraph's flamegraph.pl, inferno and speedscope read it. Several\n"
            "traces, as of the workers of a service, are added up.\n"
            "\n"
            "  --text           draw it in plain characters instead, 100 columns wide\n"
            "  --diff           two traces: a line per stack that is in either, with a number\n"
            "                   of each, as difffolded.pl writes it; frames are named as\n"
            "                   `residue diff` matches them\n"
            "  --metric METRIC  growth (default), outstanding, peak, allocated: bytes;\n"
            "                   temporary, calls: numbers\n" RSD_WINDOW_HELP
            "  --source-maps    as in `residue report`\n" RSD_PLACES_HELP "\n"
            "What shrank is left out. Where nothing grew and no metric is chosen, it is what\n"
            "is outstanding, and stderr says so.\n",
    .run = run,
};
