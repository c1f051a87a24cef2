/*
 * residue export: a trace for other tools.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "export/export.h"
#include "memory.h"

static const struct format {
    const char *name;
    void (*write)(struct rsd_report *report, FILE *out);
} formats[] = {
    {"pprof", rsd_export_pprof},
    {"speedscope", rsd_export_speedscope},
    {"folded", rsd_report_flame},
    {"json", rsd_report_json},
};

struct options {
    const struct format *format;
    const char *file;
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
};

static const struct format *format_of(const char *name) {
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    rsd_usage("export", "--format wants pprof, speedscope, folded or json, not %s", name);
    return NULL;
}

static int write_to(struct rsd_report *report, const struct options *options) {
    if (!options->file || strcmp(options->file, "-") == 0) {
        options->format->write(report, stdout);
        return rsd_flush_output();
    }
    FILE *out = fopen(options->file, "w");
    if (out)
        options->format->write(report, out);
    if (!out || ferror(out) + fclose(out) != 0) {
        fprintf(stderr, "residue export: %s could not be written: %m\n", options->file);
        return RSD_FAILED;
    }
    return RSD_OK;
}

static int export(const char *path, const struct options *options) {
    struct rsd_opened opened;
    if (!rsd_open_report(&opened, "export", path, &options->analysis, &options->report))
        return RSD_FAILED;
    int status = write_to(&opened.report, options);
    rsd_close_report(&opened);
    return status;
}

static bool take_option(int option, struct options *options) {
    switch (option) {
    case 'F':
        return (options->format = format_of(optarg)) != NULL;
    case 'o':
        options->file = optarg;
        return true;
    case 'm':
        return rsd_metric_argument("export", optarg, &options->report.metric);
    case 'M':
        options->report.source_maps = true;
        return true;
    default:
        return rsd_window_argument("export", option, &options->analysis.window, &options->report.places);
    }
}

static int run(int argc, char **argv) {
    static const struct option known[] = {{"format", required_argument, NULL, 'F'},
                                          {"output", required_argument, NULL, 'o'},
                                          {"metric", required_argument, NULL, 'm'},
                                          {"source-maps", no_argument, NULL, 'M'},
                                          RSD_WINDOW_OPTIONS,
                                          RSD_PLACES_OPTIONS,
                                          {NULL, 0, NULL, 0}};
    struct options options = {.format = &formats[0]};
    for (int option; (option = getopt_long(argc, argv, "o:", known, NULL)) != -1;)
        if (!take_option(option, &options))
            return RSD_USAGE;
    char *path = rsd_trace_argument("export", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = export(path, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_export = {
    .name = "export",
    .summary = "write a trace for pprof, speedscope and others",
    .help = "usage: residue export [OPTIONS] [TRACE]\n"
            "\n"
            "  --format FORMAT  pprof: protobuf with inuse_space, inuse_objects, alloc_space\n"
            "                   and alloc_objects, for `go tool pprof`, Pyroscope and Parca\n"
            "                   (default)\n"
            "                   speedscope: its JSON\n"
            "                   folded: as `residue flame`\n"
            "                   json: as `residue report --json --top 0`\n"
            "  -o FILE          write to FILE (default: stdout)\n"
            "  --metric WHAT    speedscope, folded, json: growth (default), outstanding,\n"
            "                   peak, temporary, allocated or calls\n" RSD_WINDOW_HELP
            "  --source-maps    as in `residue report`\n" RSD_PLACES_HELP,
    .run = run,
};
