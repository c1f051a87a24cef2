/*
 * residue issue: a call site as a bug report.
 */
#include <stdio.h>

#include "command.h"
#include "memory.h"
#include "report/issue.h"

static int issue(const char *path, const char *site) {
    struct rsd_analysis_options options = {0};
    struct rsd_analysis analysis;
    struct rsd_report report;
    char *why = NULL;
    int status = RSD_FAILED;
    if (!rsd_analyse(&analysis, path, &options, &why)) {
        fprintf(stderr, "residue issue: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    if (rsd_report_make(&report, &analysis, &(struct rsd_report_options){.top = 1, .site = site})) {
        rsd_report_issue(&report, report.only, stdout);
        rsd_report_free(&report);
        status = rsd_flush_output();
    }
    rsd_analysis_free(&analysis);
    return status;
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"site", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    const char *site = "1";
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (option == 's')
            site = optarg;
        else
            return rsd_usage("issue", "that is no option of it");
    char *path = rsd_trace_argument("issue", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = issue(path, site);
    free(path);
    return status;
}

const struct rsd_command rsd_command_issue = {
    .name = "issue",
    .summary = "write a call site as Markdown for a bug tracker",
    .help = "usage: residue issue [--site SITE] [TRACE]\n"
            "\n"
            "Markdown for the tracker of the library: what grew and how fast, its stack with the\n"
            "JavaScript that queued it, versions of node and of packages, a flame graph in plain\n"
            "characters. Paths are cut to those inside of packages; arguments of the program and its\n"
            "environment are left out. Read it before you publish it.\n"
            "\n"
            "  --site SITE  the call site, by rank or id as in `residue report` (default: 1)\n",
    .run = run,
};
