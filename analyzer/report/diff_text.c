/*
 * A difference for people: which programs, what became of the leak, then the call sites by how much they changed. Of two
 * traces each call site has its stack; of more, a table has a column for each. What is not shown is added up, so that the
 * rows of either make the total.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "diff.h"
#include "memory.h"
#include "report/layout.h"
#include "report/match_text.h"
#include "report/stack.h"
#include "text.h"

/* ---- What both tables share --------------------------------------------------------------------------------------- */

struct rsd_short rsd_match_value(const struct rsd_match *match, double value, bool sign) {
    struct rsd_short text;
    uint64_t size = (uint64_t)(fabs(value) + 0.5);
    bool fraction = match->per.kind != RSD_PER_RUN && fabs(value) < 10 && value != 0;
    struct rsd_short number = rsd_metric_is_bytes(match->metric) ? rsd_bytes(size) : rsd_count(size);
    if (fraction)
        snprintf(number.text, sizeof number.text, "%.2f%s", fabs(value),
                 rsd_metric_is_bytes(match->metric) ? " B" : "");
    bool some = size || fraction;
    snprintf(text.text, sizeof text.text, "%s%.40s", some && value < 0 ? "-" : some && sign ? "+" : "", number.text);
    return text;
}

struct rsd_short rsd_match_error_text(const struct rsd_match *match, double error) {
    struct rsd_short text = {""};
    if (error > 0)
        snprintf(text.text, sizeof text.text, " ± %.40s", rsd_match_value(match, error, false).text);
    return text;
}

void rsd_match_estimates(FILE *out, const struct rsd_match *match, size_t side, const char *label) {
    char *estimates = rsd_estimates(match->side[side]->analysis);
    if (estimates)
        rsd_field(out, label, estimates);
    free(estimates);
}

static void print_side(FILE *out, const struct rsd_match *match, size_t side) {
    const struct rsd_report *report = match->side[side];
    const struct rsd_analysis *a = report->analysis;
    char *command = rsd_command_line(&a->trace.meta), label[2] = {(char)rsd_side_letter(side), 0};
    rsd_take_field(out, label, rsd_format("%s: %s", a->trace.path, command));
    rsd_take_field(out, "",
                   rsd_format("%s%s%s%.1f s to %.1f s; verdict %s", a->history.node ? "node " : "",
                              a->history.node ? a->history.node : "", a->history.node ? ", " : "", a->window.from_s,
                              a->window.to_s, rsd_cause_name(report->judgement.cause)));
    rsd_match_estimates(out, match, side, "");
    free(command);
}

char *rsd_match_values(const struct rsd_match *match, const struct rsd_row *row, bool sign) {
    char *text = rsd_strdup("");
    for (size_t side = 0; side < match->sides; side++) {
        double value = row ? row->part[side].value : match->total[side];
        double error = row ? row->part[side].error : match->error[side];
        char *longer = rsd_format("%s%s%c %s%s", text, side ? ", " : "", rsd_side_letter(side),
                                  rsd_match_value(match, value, sign).text, rsd_match_error_text(match, error).text);
        free(text);
        text = longer;
    }
    return text;
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

/* "sharp 0.33.5 -> 0.34.0", where the versions differ; to be freed, or NULL. */
static char *versions_of(const struct rsd_match *match, const char *package) {
    size_t length = name_length(package);
    char *text = rsd_format("%.*s", (int)length, package);
    const char *first = version_in(match->side[0], package, length);
    bool differ = false;
    for (size_t side = 0; side < match->sides; side++) {
        const char *version = version_in(match->side[side], package, length);
        char *longer = rsd_format("%s %s%s", text, side ? "-> " : "", version ? version : "(none)");
        differ |= version && first && strcmp(version, first) != 0;
        free(text);
        text = longer;
    }
    if (differ)
        return text;
    free(text);
    return NULL;
}

/* Packages with native code whose versions differ. */
static void print_packages(FILE *out, const struct rsd_match *match) {
    struct rsd_intern seen = {0};
    char *text = rsd_strdup("");
    const struct rsd_history *history = &match->side[0]->analysis->history;
    for (uint32_t i = 0; i < history->binary_count; i++) {
        const char *package = rsd_names_package(match->side[0]->names, i);
        size_t before = seen.count;
        if (!package || rsd_intern(&seen, package, name_length(package)) < before)
            continue;
        char *versions = versions_of(match, package);
        if (versions) {
            char *longer = rsd_format("%s%s%s", text, *text ? ", " : "", versions);
            free(text);
            text = longer;
        }
        free(versions);
    }
    if (*text)
        rsd_field(out, "packages", text);
    free(text);
    rsd_intern_free(&seen);
}

/* What is gone has no place on the other side: so the share of each is told, too. */
static void print_matched(FILE *out, const struct rsd_match *match) {
    char *text = rsd_format("%.1f %% of what is outstanding stands on call sites of %s (", 100 * match->matched,
                            match->sides == 2 ? "both" : "all");
    for (size_t side = 0; side < match->sides; side++) {
        bool last = side + 1 == match->sides;
        char *longer =
            rsd_format("%s%c %.1f %%%s", text, rsd_side_letter(side), 100 * match->matched_of[side], last ? ")" : ", ");
        free(text);
        text = longer;
    }
    rsd_take_field(out, "matched", text);
}

static const char *per_text(const struct rsd_match *match) {
    static const char *const text[] = {"", ", per minute", ", per mark", ", per request"};
    return text[match->per.kind];
}

static size_t count_changed(const struct rsd_match *match) {
    size_t changed = 0;
    while (changed < match->count && match->list[changed].weight > 0)
        changed++;
    return changed;
}

/* What the rows that are not shown add up to, on one side. */
double rsd_match_rest(const struct rsd_match *match, size_t shown, size_t side) {
    double sum = 0;
    for (size_t i = shown; i < match->count; i++)
        sum += match->list[i].part[side].value;
    return sum;
}

static void print_kinship(FILE *out, const struct rsd_match *match, const struct rsd_row *row) {
    char *text = rsd_match_kinship(match, row), *label = rsd_format("  %s", rsd_kinship_name(row->kinship));
    if (text)
        rsd_field(out, label, text);
    free(text);
    free(label);
}

/* ---- Two traces: stack by stack ----------------------------------------------------------------------------------- */

static void print_change(FILE *out, const struct rsd_match *match, double a, double b, double error) {
    fprintf(out, "%s%s   A %s, B %s", rsd_match_value(match, b - a, true).text, rsd_match_error_text(match, error).text,
            rsd_match_value(match, a, false).text, rsd_match_value(match, b, false).text);
}

static void print_pair(FILE *out, const struct rsd_match *match, size_t number) {
    const struct rsd_row *row = &match->list[number];
    const struct rsd_part *a = &row->part[0], *b = &row->part[1];
    size_t shown = rsd_match_shown(match, row);
    fprintf(out, "\n#%-3zu ", number + 1);
    print_change(out, match, a->value, b->value, rsd_match_error(match, row));
    fprintf(out, "   %s\n", rsd_diff_change(match, row));
    if (rsd_match_error(match, row) > 0)
        rsd_take_field(out, "  estimates", rsd_match_values(match, row, false));
    rsd_take_field(out, "  outstanding",
                   rsd_format("A %s after %s, B %s after %s", rsd_bytes(a->outstanding).text,
                              rsd_counted(a->calls, "call").text, rsd_bytes(b->outstanding).text,
                              rsd_counted(b->calls, "call").text));
    print_kinship(out, match, row);
    rsd_print_stack(out, match->side[shown], row->part[shown].stack, false);
}

static void print_pairs(FILE *out, const struct rsd_match *match, size_t shown) {
    for (size_t i = 0; i < shown; i++)
        print_pair(out, match, i);
    if (shown == match->count)
        return;
    fprintf(out, "\nthe other %s: ", rsd_counted(match->count - shown, "call site").text);
    print_change(out, match, rsd_match_rest(match, shown, 0), rsd_match_rest(match, shown, 1), 0);
    fputc('\n', out);
}

/* ---- More than two: a column for each ----------------------------------------------------------------------------- */

#define COLUMN 11
#define COLUMNS 6 /* in a line of 80; what is more goes to further lines */
#define INDENT 6

static void begin_value(FILE *out, size_t side) {
    if (side && side % COLUMNS == 0)
        fprintf(out, "\n%*s", INDENT, "");
}

static void print_letters(FILE *out, const struct rsd_match *match) {
    fprintf(out, "\n%*s", INDENT, "");
    for (size_t side = 0; side < match->sides; side++) {
        begin_value(out, side);
        fprintf(out, "%*c", COLUMN, rsd_side_letter(side));
    }
    fputc('\n', out);
}

static void print_values(FILE *out, const struct rsd_match *match, const char *label, const double *values) {
    fprintf(out, "%-*s", INDENT, label);
    for (size_t side = 0; side < match->sides; side++) {
        begin_value(out, side);
        fprintf(out, "%*s", COLUMN, rsd_match_value(match, values[side], false).text);
    }
}

static void print_errors(FILE *out, const struct rsd_match *match, const struct rsd_row *row) {
    double values[RSD_TRACES_MOST];
    if (rsd_match_error(match, row) == 0)
        return;
    for (size_t side = 0; side < match->sides; side++)
        values[side] = row->part[side].error;
    print_values(out, match, "    ± ", values);
    fputc('\n', out);
}

static void print_text(FILE *out, const char *text) {
    char *shown = rsd_escape_string(text);
    fprintf(out, "%*s%.*s\n", INDENT, "", RSD_WIDTH - INDENT, shown);
    free(shown);
}

/* Which call site it is, in two lines. */
static void print_site(FILE *out, const struct rsd_match *match, const struct rsd_row *row) {
    size_t shown = rsd_match_shown(match, row);
    struct rsd_report *report = match->side[shown];
    uint32_t stack = row->part[shown].stack;
    const struct rsd_named *frame = rsd_culprit(report, stack);
    char *package = rsd_blame(report, stack, RSD_BY_PACKAGE), *script = rsd_blame(report, stack, RSD_BY_JS);
    char *module = rsd_blame(report, stack, RSD_BY_MODULE);
    const char *function = frame ? frame->function : module;
    char *text = package[0] == '(' ? rsd_strdup(function)
                                   : rsd_format("%s   in %.*s", function, (int)name_length(package), package);
    print_text(out, text);
    if (script[0] != '(')
        print_text(out, script);
    char *kinship = rsd_match_kinship(match, row);
    if (kinship) {
        char *line = rsd_format("%s   %s", rsd_kinship_name(row->kinship), kinship);
        print_text(out, line);
        free(line);
    }
    free(kinship);
    free(module);
    free(text);
    free(package);
    free(script);
}

static void print_versions_row(FILE *out, const struct rsd_match *match, size_t number) {
    const struct rsd_row *row = &match->list[number];
    double values[RSD_TRACES_MOST];
    char *label = rsd_format("#%zu", number + 1);
    for (size_t side = 0; side < match->sides; side++)
        values[side] = row->part[side].value;
    print_values(out, match, label, values);
    fprintf(out, "  %s\n", rsd_diff_change(match, row));
    print_errors(out, match, row);
    print_site(out, match, row);
    free(label);
}

static void print_versions(FILE *out, const struct rsd_match *match, size_t shown) {
    double rest[RSD_TRACES_MOST];
    print_letters(out, match);
    for (size_t i = 0; i < shown; i++)
        print_versions_row(out, match, i);
    for (size_t side = 0; side < match->sides; side++)
        rest[side] = rsd_match_rest(match, shown, side);
    if (shown < match->count) {
        print_values(out, match, "other", rest);
        fprintf(out, "\n%*s%s\n", INDENT, "", rsd_counted(match->count - shown, "call site").text);
    }
    print_values(out, match, "all", match->total);
    fputc('\n', out);
}

/* ---- The whole ---------------------------------------------------------------------------------------------------- */

void rsd_diff_text(const struct rsd_match *match, size_t top, FILE *out) {
    size_t changed = count_changed(match), shown = top && top < changed ? top : changed;
    char *verdict = rsd_diff_verdict(match), *totals = rsd_match_values(match, NULL, true);
    double change = match->total[match->sides - 1] - match->total[0];
    fprintf(out, "residue diff\n\n");
    for (size_t side = 0; side < match->sides; side++)
        print_side(out, match, side);
    print_packages(out, match);
    rsd_field(out, "verdict", verdict);
    rsd_take_field(out, rsd_metric_name(match->metric),
                   rsd_format("%s: %s%s", totals, rsd_match_value(match, change, true).text, per_text(match)));
    print_matched(out, match);
    fprintf(out, "\nCALL SITES BY CHANGE OF %s   %zu of %zu shown%s%s\n", rsd_metric_title(match->metric), shown,
            changed, match->sides == 2 ? "; B minus A" : "", per_text(match));
    if (match->sides == 2)
        print_pairs(out, match, shown);
    else
        print_versions(out, match, shown);
    free(verdict);
    free(totals);
}
