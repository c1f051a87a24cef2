/*
 * residue check: one line and an exit status for a script, to prove a fix and to keep it.
 */
#include <inttypes.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "report/report.h"
#include "text.h"

#define UNTOLD 2 /* it could not be told */

struct options {
    struct rsd_analysis_options analysis;
    uint64_t most; /* bytes */
    bool has_most, has_site;
    struct rsd_per per;
    regex_t site;
    struct rsd_places places;
};

static bool frame_matches(const struct rsd_named *frame, const regex_t *site) {
    const char *const text[] = {frame->function, frame->module, frame->file, frame->package};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++)
        if (text[i] && regexec(site, text[i], 0, NULL, 0) == 0)
            return true;
    return false;
}

static bool stack_matches(struct rsd_report *report, uint32_t stack, const regex_t *site) {
    struct rsd_walk walk;
    rsd_walk_begin(&walk, report, stack, false);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));)
        if (frame_matches(frame, site))
            return true;
    return false;
}

/* Growth of outstanding bytes; with --site of the call sites that match. */
static int64_t growth_of(struct rsd_report *report, const struct options *options, size_t *sites, double *error) {
    int64_t growth = 0;
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        if (options->has_site && !stack_matches(report, group->site.stack, &options->site))
            continue;
        growth += rsd_site_growth(&group->site);
        *error = hypot(*error, group->error);
        (*sites)++;
    }
    return growth;
}

/* Why no answer would be worth anything, or NULL. To be freed. */
static char *doubt_of(const struct rsd_report *report, const struct options *options, size_t sites) {
    const struct rsd_analysis *a = report->analysis;
    uint64_t lost = rsd_trace_lost(&a->trace);
    const struct rsd_judgement *judgement = &report->judgement;
    if (!rsd_history_recorded(&a->history, a->window.from, a->window.to))
        return rsd_strdup("nothing was recorded in the window (RESIDUE_START=off, residue stop)");
    if (!a->events)
        return rsd_strdup("the trace has no allocations");
    if (!sites)
        return rsd_strdup(options->has_site ? "nothing was allocated on a stack that matches --site"
                                            : "the trace has no allocations");
    if (judgement->cause == RSD_CAUSE_SHORT && judgement->doubt == RSD_DOUBT_COARSE)
        return rsd_strdup("the samples are too coarse");
    const char *why;
    if (!(rsd_per_parts(&options->per, &a->window, 0, &why) > 0))
        return rsd_strdup(why);
    if (lost)
        return rsd_format("%s segments of the trace are lost", rsd_count(lost).text);
    if (a->history.stop && a->history.stop_time <= a->window.to)
        return rsd_format("the recorder stopped: %s", a->history.stop);
    return NULL;
}

static int judge(struct rsd_report *report, const struct options *options) {
    const struct rsd_window *window = &report->analysis->window;
    double seconds = window->to_s - window->from_s;
    size_t sites = 0;
    double error = 0; /* the standard one, of a sampled trace */
    int64_t growth = growth_of(report, options, &sites, &error);
    static const char *const per_text[] = {"", " a minute", " a mark", " a request"};
    const char *per = per_text[options->per.kind], *why;
    char *doubt = doubt_of(report, options, sites);
    if (doubt) {
        printf("residue check: cannot tell: %s\n", doubt);
        free(doubt);
        return UNTOLD;
    }
    double parts = rsd_per_parts(&options->per, window, 0, &why), measured = (double)growth / parts;
    bool grew = measured > (double)options->most;
    printf(
        "residue check: %s: native memory grew by %s%s%s in %.1f s (%.1f s to %.1f s), %s%s is allowed; verdict %s\n",
        grew ? "FAILED" : "ok", rsd_change((int64_t)measured).text, rsd_error_text(error / parts, true).text, per,
        seconds, window->from_s, window->to_s, rsd_bytes(options->most).text, per,
        rsd_cause_name(report->judgement.cause));
    return grew ? RSD_FAILED : RSD_OK;
}

static int check(const char *path, const struct options *options) {
    struct rsd_opened opened;
    struct rsd_report_options shown = {.top = 1, .places = options->places};
    if (!rsd_open_report(&opened, "check", path, &options->analysis, &shown))
        return UNTOLD;
    int status = judge(&opened.report, options);
    rsd_close_report(&opened);
    return rsd_flush_output() == RSD_OK ? status : UNTOLD;
}

static bool take_option(int option, struct options *options) {
    switch (option) {
    case 'm':
        options->has_most = true;
        return rsd_size_argument("check", "--max-growth", optarg, &options->most);
    case 'p':
        return rsd_per_argument("check", optarg, &options->per);
    case 's':
        options->has_site = regcomp(&options->site, optarg, REG_EXTENDED | REG_NOSUB) == 0;
        if (!options->has_site)
            rsd_usage("check", "--site wants a regular expression, not %s", optarg);
        return options->has_site;
    default:
        return rsd_window_argument("check", option, &options->analysis.window, &options->places);
    }
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"max-growth", required_argument, NULL, 'm'},
        {"per", required_argument, NULL, 'p'},
        {"site", required_argument, NULL, 's'},
        RSD_WINDOW_OPTIONS,
        RSD_PLACES_OPTIONS,
        {NULL, 0, NULL, 0},
    };
    struct options options = {.analysis.quiet = true};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!take_option(option, &options))
            return RSD_USAGE;
    if (!options.has_most)
        return rsd_usage("check", "how much growth is allowed? say --max-growth SIZE");
    char *path = rsd_trace_argument("check", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = check(path, &options);
    free(path);
    if (options.has_site)
        regfree(&options.site);
    return status;
}

const struct rsd_command rsd_command_check = {
    .name = "check",
    .summary = "fail when native memory grew by more than it may",
    .help = "usage: residue check --max-growth SIZE [OPTIONS] [TRACE]\n"
            "\n"
            "For scripts and CI: one line, and an exit status: 0 when native memory grew by\n"
            "no more than SIZE over the window, 1 when it grew by more, 2 when that cannot be\n"
            "told, 3 when memory does not suffice to read the trace.\n"
            "\n"
            "  --max-growth SIZE  what is allowed: 512KiB, 5MiB\n"
            "  --per minute|mark  SIZE is for each minute of the window, or for each mark in\n"
            "                     it (`residue mark`, called after each round of work)\n"
            "  --per request=N    SIZE is for each of N requests\n"
            "  --site REGEX       count only call sites with a frame whose function, module,\n"
            "                     file or package matches (POSIX extended)\n"
            "  --from MOMENT      start of the window, as in `residue report`; where nothing\n"
            "                     tells where warm-up ends, as in a trace of less than 20 s,\n"
            "                     it begins at 0, and what start-up takes is growth: set a\n"
            "                     mark once it is warm, and begin there\n"
            "  --to MOMENT        end of the window\n"
            "  --at MOMENT        end of the window: teardown (default), exit, or end\n"
            "  --sysroot DIR, --debug-dir DIR  as in `residue report`\n",
    .run = run,
};
