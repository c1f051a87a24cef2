/*
 * residue list: the traces in the current directory, newest last, so that the one that is wanted stands above the
 * prompt. How long a trace lasted and how it ended is taken from the trace itself, without reading its events.
 */
#include <stdio.h>
#include <string.h>

#include "analysis.h"
#include "command.h"
#include "memory.h"
#include "report/report.h"
#include "text.h"

struct summary {
    double seconds;
    enum rsd_end end;
    int value;
};

static struct summary summary_of(const char *path) {
    struct rsd_analysis analysis;
    struct summary summary = {0};
    char *why = NULL;
    if (!rsd_analyse_outline(&analysis, path, &why)) {
        free(why);
        return summary;
    }
    summary.seconds = rsd_history_seconds(&analysis.history, analysis.history.last);
    summary.end = rsd_analysis_end(&analysis, &summary.value);
    rsd_analysis_free(&analysis);
    return summary;
}

/* As wide as the longest name. */
static int name_columns(const struct rsd_listed *list, size_t count) {
    int columns = 20;
    for (size_t i = 0; i < count; i++) {
        char *name = rsd_escape_string(list[i].path);
        if ((int)strlen(name) > columns)
            columns = (int)strlen(name);
        free(name);
    }
    return columns;
}

static void print_trace(const struct rsd_listed *listed, int columns) {
    struct summary summary = summary_of(listed->path);
    char *end = summary.end == RSD_END_SIGNAL || (summary.end == RSD_END_EXIT && summary.value >= 0)
                    ? rsd_format("%s %d", rsd_end_name(summary.end), summary.value)
                    : rsd_strdup(rsd_end_name(summary.end));
    char *name = rsd_escape_string(listed->path);
    char *started = rsd_escape_string(listed->meta.started_at ? listed->meta.started_at : "-");
    printf("%-*s %.19s %12s %-10s %10s  ", columns, name, started, rsd_seconds(summary.seconds).text, end,
           rsd_bytes(listed->bytes).text);
    char *words = rsd_listed_words(listed);
    puts(words);
    free(words);
    free(started);
    free(name);
    free(end);
}

static int run(int argc, char **argv) {
    if (argc > 2)
        return rsd_usage("list", "one folder at a time");
    struct rsd_listed *list;
    const char *folder = argc == 2 ? argv[1] : ".";
    size_t count = rsd_trace_list(folder, argc == 2 ? "" : "residue.", &list);
    if (!count) {
        fprintf(stderr, "residue: there are no traces in %s\n", argc == 2 ? folder : "the current directory");
        return RSD_FAILED;
    }
    int columns = name_columns(list, count);
    printf("%-*s %-19s %12s %-10s %10s  %s\n", columns, "trace", "started (UTC)", "duration", "end", "size", "program");
    for (size_t i = 0; i < count; i++)
        print_trace(&list[i], columns);
    rsd_trace_list_free(list, count);
    return rsd_flush_output();
}

const struct rsd_command rsd_command_list = {
    .name = "list",
    .summary = "show the traces that are here, newest last",
    .help = "usage: residue list [FOLDER]\n"
            "\n"
            "Shows the traces named residue.* in the current directory (or all in FOLDER),\n"
            "newest last: name, start, duration, how the program ended, size on disk,\n"
            "program.\n"
            "\n"
            "end: exit N, signal N (known to `residue record`), exit (the program ended in\n"
            "order), running, unknown (killed without `residue record` watching, or the trace\n"
            "was cut).\n",
    .run = run,
};
