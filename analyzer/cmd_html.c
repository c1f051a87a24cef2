/*
 * residue html: a trace as a page.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report/html.h"

static int write_page(struct rsd_opened *sides, size_t count, const char *file) {
    struct rsd_report *reports[2] = {&sides[0].report, &sides[count - 1].report};
    struct rsd_match diff = {0};
    bool to_stdout = strcmp(file, "-") == 0;
    FILE *out = to_stdout ? stdout : fopen(file, "w");
    if (count == 2)
        rsd_diff_make(&diff, reports, 2, &(struct rsd_per){.kind = RSD_PER_RUN});
    if (out)
        rsd_report_html(reports, count, count == 2 ? &diff : NULL, out);
    rsd_match_free(&diff);
    if (to_stdout)
        return rsd_flush_output();
    if (!out || ferror(out) + fclose(out) != 0) {
        fprintf(stderr, "residue html: %s could not be written: %m\n", file);
        return RSD_FAILED;
    }
    fprintf(stderr, "residue html: wrote %s\n", file);
    return RSD_OK;
}

struct options {
    const char *file;
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
};

static int html(char **paths, size_t count, const struct options *options) {
    struct rsd_opened sides[2];
    size_t opened = 0;
    while (opened < count &&
           rsd_open_report(&sides[opened], "html", paths[opened], &options->analysis, &options->report))
        opened++;
    int status = opened == count ? write_page(sides, count, options->file) : RSD_FAILED;
    while (opened)
        rsd_close_report(&sides[--opened]);
    return status;
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"output", required_argument, NULL, 'o'},
                                          {"source-maps", no_argument, NULL, 'M'},
                                          RSD_WINDOW_OPTIONS,
                                          RSD_PLACES_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    struct options options = {.file = "residue.html", .report.top = 1};
    for (int option; (option = getopt_long(argc, argv, "o:", known, NULL)) != -1;)
        if (option == 'o')
            options.file = optarg;
        else if (option == 'M')
            options.report.source_maps = true;
        else if (!rsd_window_argument("html", option, &options.analysis.window, &options.report.places))
            return RSD_USAGE;
    if (argc - optind == 2)
        return html(argv + optind, 2, &options);
    char *path = rsd_trace_argument("html", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = html(&path, 1, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_html = {
    .name = "html",
    .summary = "write a trace, or two and their difference, as a page",
    .help = "usage: residue html [OPTIONS] [TRACE [TRACE]]\n"
            "\n"
            "One self-contained page: verdict, memory over time with a brush that chooses the\n"
            "window of the table, where the resident memory is, a flame graph with search and\n"
            "zoom, the call sites with their curves. It loads nothing from anywhere. With two\n"
            "traces also their difference.\n"
            "\n"
            "  -o FILE          write to FILE, `-` for stdout (default: residue.html)\n" RSD_WINDOW_HELP
            "  --source-maps    as in `residue report`\n" RSD_PLACES_HELP,
    .run = run,
};
