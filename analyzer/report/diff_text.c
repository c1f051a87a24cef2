/*
 * A difference for people: which two programs, what became of the leak, then the call sites by how much they changed.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "diff.h"
#include "memory.h"
#include "report/layout.h"
#include "report/stack.h"
#include "text.h"

static struct rsd_short value_text(const struct rsd_diff *diff, double value, bool sign) {
    struct rsd_short text;
    bool bytes = rsd_metric_is_bytes(diff->metric);
    struct rsd_short size = bytes ? rsd_bytes((uint64_t)fabs(value)) : rsd_count((uint64_t)fabs(value));
    snprintf(text.text, sizeof text.text, "%s%.30s%s",
             value <= -1          ? "-"
             : sign && value >= 1 ? "+"
                                  : "",
             size.text,
             diff->per == RSD_PER_MINUTE ? "/min"
             : diff->per == RSD_PER_MARK ? "/mark"
                                         : "");
    return text;
}

static void print_side(FILE *out, const struct rsd_diff *diff, enum rsd_side side) {
    const struct rsd_report *report = diff->side[side];
    const struct rsd_analysis *a = report->analysis;
    char *command = rsd_command_line(&a->trace.meta);
    rsd_take_field(out, side == RSD_A ? "A" : "B", rsd_format("%s: %s", a->trace.path, command));
    rsd_take_field(out, "",
                   rsd_format("%s%s%s%.1f s to %.1f s; verdict %s", a->history.node ? "node " : "",
                              a->history.node ? a->history.node : "", a->history.node ? ", " : "", a->window.from_s,
                              a->window.to_s, rsd_cause_name(report->judgement.cause)));
    char *estimates = rsd_estimates(a);
    if (estimates)
        rsd_field(out, "", estimates);
    free(estimates);
    free(command);
}

/* The version of a package in a trace, "" when it has none; NULL: the package is not there. */
static const char *version_in(struct rsd_report *report, const char *name, size_t length) {
    for (uint32_t i = 0; i < report->analysis->history.binary_count; i++) {
        const char *package = rsd_names_package(report->names, i);
        if (package && strncmp(package, name, length) == 0 && (package[length] == '@' || !package[length]))
            return package[length] ? package + length + 1 : "";
    }
    return NULL;
}

static size_t name_length(const char *package) {
    const char *at = strchr(package + 1, '@');
    return at ? (size_t)(at - package) : strlen(package);
}

/* Packages with native code whose versions differ. */
static void print_packages(FILE *out, const struct rsd_diff *diff) {
    char *text = rsd_strdup("");
    const struct rsd_history *history = &diff->side[RSD_A]->analysis->history;
    for (uint32_t i = 0; i < history->binary_count; i++) {
        const char *package = rsd_names_package(diff->side[RSD_A]->names, i);
        if (!package)
            continue;
        size_t length = name_length(package);
        const char *a = version_in(diff->side[RSD_A], package, length),
                   *b = version_in(diff->side[RSD_B], package, length);
        char *name = rsd_format("%.*s %s -> ", (int)length, package, a);
        if (b && strcmp(a, b) != 0 && !strstr(text, name)) {
            char *longer = rsd_format("%s%s%s%s", text, *text ? ", " : "", name, b);
            free(text);
            text = longer;
        }
        free(name);
    }
    if (*text)
        rsd_field(out, "packages", text);
    free(text);
}

static void print_row(FILE *out, const struct rsd_diff *diff, size_t number) {
    const struct rsd_difference *row = &diff->list[number];
    enum rsd_side shown = !row->stack[RSD_B] || row->value[RSD_A] > row->value[RSD_B] ? RSD_A : RSD_B;
    if (!row->stack[shown])
        shown = shown == RSD_A ? RSD_B : RSD_A;
    fprintf(out, "\n#%-3zu %s   A %s, B %s   %s%s\n", number + 1,
            value_text(diff, row->value[RSD_B] - row->value[RSD_A], true).text,
            value_text(diff, row->value[RSD_A], false).text, value_text(diff, row->value[RSD_B], false).text,
            rsd_difference_name(row), row->moved ? ", moved" : "");
    rsd_take_field(out, "  outstanding",
                   rsd_format("A %s after %s calls, B %s after %s calls", rsd_bytes(row->outstanding[RSD_A]).text,
                              rsd_count(row->calls[RSD_A]).text, rsd_bytes(row->outstanding[RSD_B]).text,
                              rsd_count(row->calls[RSD_B]).text));
    rsd_print_stack(out, diff->side[shown], row->stack[shown], false);
}

void rsd_diff_text(const struct rsd_diff *diff, size_t top, FILE *out) {
    size_t changed = 0;
    fprintf(out, "residue diff\n\n");
    print_side(out, diff, RSD_A);
    print_side(out, diff, RSD_B);
    print_packages(out, diff);
    rsd_field(out, "verdict", rsd_diff_verdict(diff));
    rsd_take_field(out, rsd_metric_name(diff->metric),
                   rsd_format("A %s, B %s: %s", value_text(diff, diff->total[RSD_A], true).text,
                              value_text(diff, diff->total[RSD_B], true).text,
                              value_text(diff, diff->total[RSD_B] - diff->total[RSD_A], true).text));
    rsd_take_field(out, "matched",
                   rsd_format("%.1f %% of what is outstanding stands on call sites of both", 100 * diff->matched));
    while (changed < diff->count && diff->list[changed].value[RSD_A] != diff->list[changed].value[RSD_B])
        changed++;
    size_t shown = top && top < changed ? top : changed;
    fprintf(out, "\nCALL SITES BY CHANGE OF %s   %zu of %zu shown; B minus A\n", rsd_metric_title(diff->metric), shown,
            changed);
    for (size_t i = 0; i < shown; i++)
        print_row(out, diff, i);
}
