/*
 * residue report: the analysis as text or JSON. What it shows is in report/; here are the options.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report/layout.h"
#include "report/report.h"

struct options {
    struct rsd_analysis_options analysis;
    struct rsd_report_options report;
    bool json;
    size_t width;
};

static bool by(const char *text, enum rsd_by *by) {
    static const char *const name[] = {"site", "js", "package", "module"};
    for (int i = RSD_BY_SITE; i <= RSD_BY_MODULE; i++)
        if (strcmp(text, name[i]) == 0) {
            *by = (enum rsd_by)i;
            return true;
        }
    rsd_usage("report", "--by wants site, js, package or module, not %s", text);
    return false;
}

static bool take_option(int option, struct options *options) {
    double number;
    switch (option) {
    case 'j':
        options->json = true;
        return true;
    case 'n':
        if (!rsd_number_argument("report", "--top", optarg, &number))
            return false;
        options->report.top = (size_t)number;
        options->report.heavy = false;
        return true;
    case 's':
        options->report.site = optarg;
        return true;
    case 'l':
        return rsd_size_argument("report", "--limit", optarg, &options->report.limit);
    case 'b':
        return by(optarg, &options->report.by);
    case 'm':
        return rsd_metric_argument("report", optarg, &options->report.metric);
    case 'u':
        return rsd_number_argument("report", "--work", optarg, &options->report.work);
    case 'w':
        if (!rsd_number_argument("report", "--width", optarg, &number))
            return false;
        options->width = (size_t)number;
        return true;
    case 'i':
        options->report.internals = true;
        return true;
    case 'M':
        options->report.source_maps = true;
        return true;
    default:
        return rsd_window_argument("report", option, &options->analysis.window, &options->report.places);
    }
}

static int report(const char *path, const struct options *options) {
    struct rsd_opened opened;
    if (!rsd_open_report(&opened, "report", path, &options->analysis, &options->report))
        return RSD_FAILED;
    rsd_set_width(options->width);
    if (options->json)
        rsd_report_json(&opened.report, stdout);
    else
        rsd_report_text(&opened.report, stdout);
    rsd_close_report(&opened);
    return rsd_flush_output();
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"json", no_argument, NULL, 'j'},
        {"top", required_argument, NULL, 'n'},
        {"site", required_argument, NULL, 's'},
        {"limit", required_argument, NULL, 'l'},
        {"by", required_argument, NULL, 'b'},
        {"metric", required_argument, NULL, 'm'},
        {"work", required_argument, NULL, 'u'},
        {"width", required_argument, NULL, 'w'},
        {"internals", no_argument, NULL, 'i'},
        {"source-maps", no_argument, NULL, 'M'},
        RSD_WINDOW_OPTIONS,
        RSD_PLACES_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct options options = {.report = {.top = 20, .heavy = true}};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(option, &options))
            return RSD_USAGE;
    char *path = rsd_trace_argument("report", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = report(path, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_report = {
    .name = "report",
    .summary = "say which call sites hold native memory",
    .help = "usage: residue report [OPTIONS] [TRACE]\n"
            "\n"
            "What the process was, a verdict (leak, plateau, churn, startup, retention,\n"
            "js-heap, bundled allocator, none), memory over time, where the resident memory\n"
            "is, and the call sites of malloc and its kin: leaks first, then by growth, which\n"
            "is bytes outstanding at the end of the window minus those at its start.\n"
            "\n"
            "  --top N        show N call sites; 0: all (default: the first three, and of the\n"
            "                 first 20 those that have a hundredth of the whole)\n"
            "  --site SITE    show one call site, by rank or id, with its whole stack\n"
            "  --by WHAT      join call sites by js (the innermost JavaScript function of the\n"
            "                 application, and its line), package, or module (default: site)\n"
            "  --metric WHAT  rank by growth (default), outstanding, peak, temporary,\n"
            "                 allocated or calls; the peak is found to a sixty-fourth of the\n"
            "                 window, and temporary is not told of a trace of mode full\n"
            "  --internals    show the frames of V8's builtins and of code without a name one\n"
            "                 by one\n"
            "  --source-maps  show JavaScript as it was before it was bundled, compiled or\n"
            "                 minified, by the maps that the scripts name, as they are now\n"
            "  --from MOMENT  start of the window: seconds, or the name of a mark (default:\n"
            "                 the end of warm-up, where RSS or native memory shows one and\n"
            "                 the trace is longer than 20 s; else 0)\n"
            "  --to MOMENT    end of the window: seconds, or the name of a mark\n"
            "  --at MOMENT    end of the window: teardown (node begins to free what it holds;\n"
            "                 the default where the trace has it), exit, or end (of the\n"
            "                 trace)\n"
            "  --limit SIZE   say when a leak reaches it: 1.5GiB, 512MiB (default: the limit\n"
            "                 of the process's cgroup, if it has one)\n"
            "  --work N       units of work done in the window, such as requests: a leak is\n"
            "                 given for each (default: the marks in it)\n"
            "  --width N      columns (default: the terminal's, by COLUMNS or by itself; else\n"
            "                 80)\n"
            "  --json         one JSON object\n"
            "\n"
            "For a trace from elsewhere:\n"
            "\n" RSD_PLACES_HELP "\n"
            "A stack is printed leaf first. `?` marks a frame that was guessed, (inlined) a\n"
            "function without a frame of its own. Sizes of blocks are exact, ages within 3 %.\n",
    .run = run,
};
