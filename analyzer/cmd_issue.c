/*
 * residue issue: a call site as a bug report.
 */
#include <stdio.h>

#include "command.h"
#include "memory.h"
#include "report/issue.h"

static int issue(const char *path, const struct rsd_analysis_options *analysis,
                 const struct rsd_report_options *report) {
    struct rsd_opened opened;
    if (!rsd_open_report(&opened, "issue", path, analysis, report))
        return RSD_FAILED;
    rsd_report_issue(&opened.report, opened.report.only, stdout);
    rsd_close_report(&opened);
    return rsd_flush_output();
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"site", required_argument, NULL, 's'},
                                          {"source-maps", no_argument, NULL, 'M'},
                                          RSD_WINDOW_OPTIONS,
                                          RSD_PLACES_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    struct rsd_analysis_options analysis = {0};
    struct rsd_report_options report = {.top = 1, .site = "1"};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (option == 's')
            report.site = optarg;
        else if (option == 'M')
            report.source_maps = true;
        else if (!rsd_window_argument("issue", option, &analysis.window, &report.places))
            return RSD_USAGE;
    char *path = rsd_trace_argument("issue", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = issue(path, &analysis, &report);
    free(path);
    return status;
}

const struct rsd_command rsd_command_issue = {
    .name = "issue",
    .summary = "write a call site as Markdown for a bug tracker",
    .help = "usage: residue issue [OPTIONS] [TRACE]\n"
            "\n"
            "Markdown for the tracker of the library: what grew and how fast, its stack with\n"
            "the JavaScript that queued it, versions of node and of packages, a flame graph\n"
            "in plain characters. Paths are cut to those inside of packages; arguments of the\n"
            "program and its environment are left out. Read it before you publish it.\n"
            "\n"
            "  --site SITE      the call site, by rank or id as in `residue report` (default:\n"
            "                   1)\n" RSD_WINDOW_HELP "  --source-maps    as in `residue report`\n" RSD_PLACES_HELP,
    .run = run,
};
