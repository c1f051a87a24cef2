/*
 * Commands on several traces: diff and merge take the same options and differ in what they make of the traces.
 *
 * All traces are in memory at once, each as large as `residue report` of it needs.
 */
#include "several.h"

#include <string.h>

#include "command.h"

struct options {
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
    struct rsd_per per;
    bool json;
    size_t top;
};

static int compare(const struct rsd_several *how, struct rsd_opened *opened, size_t count,
                   const struct options *options) {
    struct rsd_report *side[RSD_TRACES_MOST];
    struct rsd_match match;
    if (!rsd_divisible(how->command, opened, count, &options->per))
        return RSD_FAILED;
    for (size_t i = 0; i < count; i++)
        side[i] = &opened[i].report;
    how->make(&match, side, count, &options->per);
    (options->json ? how->json : how->text)(&match, options->top, stdout);
    rsd_match_free(&match);
    return rsd_flush_output();
}

static bool take_option(const char *command, int option, struct options *options) {
    double number;
    switch (option) {
    case 'j':
        options->json = true;
        return true;
    case 'n':
        if (!rsd_number_argument(command, "--top", optarg, &number))
            return false;
        options->top = (size_t)number;
        return true;
    case 'p':
        return rsd_per_argument(command, optarg, &options->per);
    case 'm':
        return rsd_metric_argument(command, optarg, &options->report.metric);
    case 'M':
        options->report.source_maps = true;
        return true;
    default:
        return rsd_window_argument(command, option, &options->analysis.window, &options->report.places);
    }
}

int rsd_several_run(const struct rsd_several *how, int argc, char **argv) {
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},
        {"top", required_argument, NULL, 'n'},
        {"per", required_argument, NULL, 'p'},
        {"metric", required_argument, NULL, 'm'},
        {"source-maps", no_argument, NULL, 'M'},
        RSD_WINDOW_OPTIONS,
        RSD_PLACES_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct options options = {.top = 10, .report.top = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(how->command, option, &options))
            return RSD_USAGE;
    size_t count = (size_t)(argc - optind);
    if (count < 2 || count > RSD_TRACES_MOST)
        return rsd_usage(how->command, "2 to %d traces are wanted, %zu given", RSD_TRACES_MOST, count);
    struct rsd_opened *opened =
        rsd_open_reports(how->command, argv + optind, count, &options.analysis, &options.report);
    if (!opened)
        return RSD_FAILED;
    int status = compare(how, opened, count, &options);
    rsd_close_reports(opened, count);
    return status;
}
