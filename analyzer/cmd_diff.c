/*
 * residue diff: two traces, call site by call site.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "diff.h"
#include "memory.h"

struct options {
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
    bool json;
    enum rsd_per per;
    size_t top;
};

static int compare(char **paths, const struct options *options) {
    struct rsd_opened a, b;
    struct rsd_diff diff;
    if (!rsd_open_report(&a, "diff", paths[0], &options->analysis, &options->report))
        return RSD_FAILED;
    if (!rsd_open_report(&b, "diff", paths[1], &options->analysis, &options->report)) {
        rsd_close_report(&a);
        return RSD_FAILED;
    }
    rsd_diff_make(&diff, &a.report, &b.report, options->per);
    if (options->json)
        rsd_diff_json(&diff, options->top, stdout);
    else
        rsd_diff_text(&diff, options->top, stdout);
    rsd_diff_free(&diff);
    rsd_close_report(&a);
    rsd_close_report(&b);
    return rsd_flush_output();
}

static bool take_option(int option, struct options *options) {
    double number;
    switch (option) {
    case 'j':
        options->json = true;
        return true;
    case 'n':
        if (!rsd_number_argument("diff", "--top", optarg, &number))
            return false;
        options->top = (size_t)number;
        return true;
    case 'p':
        options->per = strcmp(optarg, "minute") == 0 ? RSD_PER_MINUTE
                       : strcmp(optarg, "mark") == 0 ? RSD_PER_MARK
                                                     : RSD_PER_RUN;
        if (options->per != RSD_PER_RUN)
            return true;
        rsd_usage("diff", "--per wants minute or mark, not %s", optarg);
        return false;
    case 'm':
        if (rsd_metric_named(optarg, &options->report.metric))
            return true;
        rsd_usage("diff", "--metric wants %s, not %s", rsd_metric_list(), optarg);
        return false;
    case 'f':
        return rsd_moment_argument("diff", "--from", optarg, &options->analysis.window.has_from,
                                   &options->analysis.window.from, &options->analysis.window.from_mark);
    case 'M':
        options->report.source_maps = true;
        return true;
    default:
        return rsd_places_argument("diff", option, &options->report.places);
    }
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},        {"top", required_argument, NULL, 'n'},
        {"per", required_argument, NULL, 'p'},   {"metric", required_argument, NULL, 'm'},
        {"from", required_argument, NULL, 'f'},  RSD_PLACES_OPTIONS,
        {"source-maps", no_argument, NULL, 'M'}, {NULL, 0, NULL, 0},
    };
    struct options options = {.top = 10, .report.top = 1};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(option, &options))
            return RSD_USAGE;
    if (argc - optind != 2)
        return rsd_usage("diff", "two traces are wanted, %d were given", argc - optind);
    return compare(argv + optind, &options);
}

const struct rsd_command rsd_command_diff = {
    .name = "diff",
    .summary = "compare two traces, as of two versions of a library",
    .help = "usage: residue diff [OPTIONS] A B\n"
            "\n"
            "What became of the leak, and the call sites by how much they changed from A to B. Call sites\n"
            "are matched by the names on their stacks, without versions, addresses and lines; what\n"
            "remains, by modules and JavaScript functions alone, and is marked `moved`.\n"
            "\n"
            "  --top N         show N call sites; 0: all (default: 10)\n"
            "  --per minute    divide by the length of each window: for runs of different lengths\n"
            "  --per mark      divide by the number of marks in each window: for runs of different work\n"
            "  --metric WHAT   growth (default), outstanding, peak, temporary, allocated or calls\n"
            "  --from MOMENT   start of both windows (default: the end of each warm-up)\n"
            "  --source-maps   as in `residue report`\n"
            "  --json          one JSON object\n" RSD_PLACES_HELP,
    .run = run,
};
