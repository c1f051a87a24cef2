/*
 * What the commands share: the table, the trace they work on, numbers, complaints.
 *
 * A command that is given no trace takes the newest residue.* in the current directory, by the time at which the program
 * started; that is nearly always the one that was recorded last.
 */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "residue/size.h"
#include "text.h"
#include "trace.h"

const struct rsd_command *const rsd_commands[] = {
    &rsd_command_record,  &rsd_command_mark,      &rsd_command_start,
    &rsd_command_stop,    &rsd_command_report,    &rsd_command_html,
    &rsd_command_diff,    &rsd_command_merge,     &rsd_command_check,
    &rsd_command_flame,   &rsd_command_issue,     &rsd_command_export,
    &rsd_command_list,    &rsd_command_symbolize, &rsd_command_pack,
    &rsd_command_compact, &rsd_command_stat,      &rsd_command_dump,
    &rsd_command_version, &rsd_command_help,      NULL,
};

const struct rsd_command *rsd_command_find(const char *name) {
    for (size_t i = 0; rsd_commands[i]; i++)
        if (strcmp(rsd_commands[i]->name, name) == 0)
            return rsd_commands[i];
    return NULL;
}

int rsd_usage(const char *command, const char *format, ...) {
    va_list list;
    va_start(list, format);
    fprintf(stderr, "residue %s: ", command);
    vfprintf(stderr, format, list);
    fprintf(stderr, " (see: residue help %s)\n", command);
    va_end(list);
    return RSD_USAGE;
}

static char *newest(void) {
    struct rsd_listed *list;
    size_t count = rsd_trace_list(".", "residue.", &list);
    char *path = count ? rsd_strdup(list[count - 1].path) : NULL;
    rsd_trace_list_free(list, count);
    return path;
}

char *rsd_listed_words(const struct rsd_listed *listed) {
    char *text = rsd_strdup("");
    for (size_t i = 0; i < listed->meta.argc && i < 3; i++) {
        char *word = rsd_escape_string(i ? listed->meta.argv[i] : rsd_base_name(listed->meta.argv[0]));
        char *longer = rsd_format("%s%s%.40s", text, i ? " " : "", word);
        free(word);
        free(text);
        text = longer;
    }
    return text;
}

char *rsd_trace_argument(const char *command, int argc, char **argv, int first) {
    if (argc - first > 1) {
        rsd_usage(command, "one trace at a time: %s and %s were given", argv[first], argv[first + 1]);
        return NULL;
    }
    if (argc - first == 1)
        return rsd_strdup(argv[first]);
    char *path = newest();
    if (!path)
        fprintf(stderr,
                "residue %s: no trace was given and there is no residue.* here; residue record -- PROGRAM makes one\n",
                command);
    return path;
}

void rsd_note_metric(const char *command, const struct rsd_analysis *analysis, enum rsd_metric metric) {
    if (metric == RSD_METRIC_TEMPORARY && !analysis->history.temporaries)
        fprintf(stderr, "residue %s: %s does not tell which blocks were temporary: none is shown\n", command,
                analysis->trace.path);
}

bool rsd_open_report(struct rsd_opened *opened, const char *command, const char *path,
                     const struct rsd_analysis_options *analysis, const struct rsd_report_options *report) {
    char *why = NULL;
    if (!rsd_analyse(&opened->analysis, path, analysis, &why)) {
        fprintf(stderr, "residue %s: %s\n", command, why);
        free(why);
        return false;
    }
    rsd_note_metric(command, &opened->analysis, report->metric);
    if (rsd_report_make(&opened->report, &opened->analysis, report))
        return true;
    rsd_analysis_free(&opened->analysis);
    return false;
}

void rsd_close_report(struct rsd_opened *opened) {
    rsd_report_free(&opened->report);
    rsd_analysis_free(&opened->analysis);
}

void rsd_close_reports(struct rsd_opened *opened, size_t count) {
    while (count)
        rsd_close_report(&opened[--count]);
    free(opened);
}

struct rsd_opened *rsd_open_reports(const char *command, char **paths, size_t count,
                                    const struct rsd_analysis_options *analysis,
                                    const struct rsd_report_options *report) {
    struct rsd_opened *opened = rsd_zalloc(count, sizeof *opened);
    for (size_t i = 0; i < count; i++)
        if (!rsd_open_report(&opened[i], command, paths[i], analysis, report)) {
            rsd_close_reports(opened, i);
            return NULL;
        }
    return opened;
}

bool rsd_divisible(const char *command, const struct rsd_opened *opened, size_t count, const struct rsd_per *per) {
    for (size_t i = 0; i < count; i++) {
        const char *why;
        if (rsd_per_parts(per, &opened[i].analysis.window, i, &why) > 0)
            continue;
        fprintf(stderr, "residue %s: %s: %s\n", command, opened[i].analysis.trace.path, why);
        return false;
    }
    return true;
}

bool rsd_number_argument(const char *command, const char *option, const char *text, double *number) {
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    if (!errno && end != text && !*end && *number >= 0 && *number < 1e15)
        return true;
    rsd_usage(command, "%s wants a number, not %s", option, text);
    return false;
}

bool rsd_moment_argument(const char *command, const char *option, const char *text, bool *given, double *number,
                         const char **mark) {
    if (!*text || strchr("0123456789.-+", *text)) {
        *given = true;
        return rsd_number_argument(command, option, text, number);
    }
    *mark = text;
    return true;
}

bool rsd_metric_argument(const char *command, const char *text, enum rsd_metric *metric) {
    if (rsd_metric_named(text, metric))
        return true;
    rsd_usage(command, "--metric wants %s, not %s", rsd_metric_list(), text);
    return false;
}

bool rsd_size_argument(const char *command, const char *option, const char *text, uint64_t *bytes) {
    if (residue_parse_size(text, bytes))
        return true;
    rsd_usage(command, "%s wants a size like 512KiB, 5MiB or 1.5GiB, not %s", option, text);
    return false;
}

static bool take_requests(const char *text, struct rsd_per *per) {
    while (per->request_count < RSD_TRACES_MOST) {
        char *end;
        double number = strtod(text, &end);
        if (end == text || !(number > 0 && number < 1e15) || (*end && *end != ','))
            return false;
        per->requests[per->request_count++] = number;
        if (!*end)
            return true;
        text = end + 1;
    }
    return false;
}

bool rsd_per_argument(const char *command, const char *text, struct rsd_per *per) {
    static const char requests[] = "request=";
    *per = (struct rsd_per){.kind = strcmp(text, "minute") == 0 ? RSD_PER_MINUTE
                                    : strcmp(text, "mark") == 0 ? RSD_PER_MARK
                                                                : RSD_PER_REQUEST};
    if (per->kind != RSD_PER_REQUEST)
        return true;
    if (strncmp(text, requests, strlen(requests)) == 0 && take_requests(text + strlen(requests), per))
        return true;
    rsd_usage(command, "--per wants minute, mark, or request=N with a number for each trace, not %s", text);
    return false;
}

bool rsd_places_argument(const char *command, int option, struct rsd_places *places) {
    bool root = option == RSD_OPTION_SYSROOT;
    if (!root && option != RSD_OPTION_DEBUG_DIR) {
        rsd_usage(command, "that is no option of it");
        return false;
    }
    char *folder = realpath(optarg, NULL);
    if (!folder) {
        rsd_usage(command, "%s wants a folder: %s: %m", root ? "--sysroot" : "--debug-dir", optarg);
        return false;
    }
    if (root || !places->debug_dirs) {
        *(root ? &places->sysroot : &places->debug_dirs) = folder;
        return true;
    }
    places->debug_dirs = rsd_format("%s:%s", places->debug_dirs, folder);
    free(folder);
    return true;
}

static bool end_argument(const char *command, const char *text, enum rsd_at *at) {
    static const char *const name[] = {"", "teardown", "end", "exit"};
    for (int i = RSD_AT_TEARDOWN; i <= RSD_AT_EXIT; i++)
        if (strcmp(text, name[i]) == 0) {
            *at = (enum rsd_at)i;
            return true;
        }
    rsd_usage(command, "--at wants teardown, end or exit, not %s", text);
    return false;
}

bool rsd_window_argument(const char *command, int option, struct rsd_window_options *window,
                         struct rsd_places *places) {
    switch (option) {
    case RSD_OPTION_FROM:
        return rsd_moment_argument(command, "--from", optarg, &window->has_from, &window->from, &window->from_mark);
    case RSD_OPTION_TO:
        return rsd_moment_argument(command, "--to", optarg, &window->has_to, &window->to, &window->to_mark);
    case RSD_OPTION_AT:
        return end_argument(command, optarg, &window->at);
    default:
        return rsd_places_argument(command, option, places);
    }
}

void rsd_print_problems(const char *command, const struct rsd_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        char *text = rsd_problem_text(&problems->list[i]), *shown = rsd_escape_string(text);
        fprintf(stderr, "residue %s: %s\n", command, shown);
        free(shown);
        free(text);
    }
}

int rsd_flush_output(void) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return RSD_OK;
    fprintf(stderr, "residue: the output could not be written: %m\n");
    return RSD_FAILED;
}
