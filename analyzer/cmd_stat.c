/*
 * residue stat: the recorder's counters and the reader's findings (report/stat.c).
 */
#include <stdio.h>

#include "command.h"
#include "memory.h"
#include "report/report.h"

static int run(int argc, char **argv) {
    char *path = rsd_trace_argument("stat", argc, argv, 1), *why = NULL;
    if (!path)
        return RSD_USAGE;
    struct rsd_analysis_options options = {0};
    struct rsd_analysis analysis;
    bool found = rsd_analyse(&analysis, path, &options, &why);
    free(path);
    if (!found) {
        fprintf(stderr, "residue stat: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    rsd_report_stat(&analysis, stdout);
    rsd_analysis_free(&analysis);
    return rsd_flush_output();
}

const struct rsd_command rsd_command_stat = {
    .name = "stat",
    .summary = "show the recorder's own counters and what is odd in a trace",
    .help = "usage: residue stat [TRACE]\n"
            "\n"
            "The size of the trace, records that do not pair up by sort, how frames were\n"
            "found and how many stacks reach a root, the recorder's counters summed over all\n"
            "threads, how long its hooks took, and every problem that was found when the\n"
            "trace was read.\n",
    .run = run,
};
