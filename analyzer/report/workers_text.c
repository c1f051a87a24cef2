/*
 * The workers of a service for people: a line for each worker, the sum, then the call sites by their sum over the workers.
 */
#include <string.h>

#include "memory.h"
#include "report/layout.h"
#include "report/match_text.h"
#include "report/stack.h"
#include "workers.h"

#define PATH_WIDTH 20

struct sums {
    uint64_t rss, live;
};

static void print_line(FILE *out, const char *letter, const char *name, const struct sums *sums, struct rsd_short value,
                       const char *verdict) {
    char *path = rsd_escape_string(name);
    size_t length = strlen(path), cut = length > PATH_WIDTH ? length - PATH_WIDTH : 0;
    fprintf(out, "%-2s %-*s %10s %12s %12s%s%s\n", letter, PATH_WIDTH, path + cut, rsd_bytes(sums->rss).text,
            rsd_bytes(sums->live).text, value.text, *verdict ? "  " : "", verdict);
    free(path);
}

static struct sums sums_of(const struct rsd_report *report) {
    const struct rsd_sums *now = &report->analysis->pairing.heap_now;
    return (struct sums){report->judgement.rss_end, now->live_bytes};
}

static void print_workers(FILE *out, const struct rsd_match *match) {
    struct sums all = {0};
    double value = 0;
    fprintf(out, "\n   %-*s %10s %12s %12s  verdict\n", PATH_WIDTH, "worker", "RSS", "native live",
            rsd_metric_name(match->metric));
    for (size_t side = 0; side < match->sides; side++) {
        const struct rsd_report *report = match->side[side];
        const struct sums sums = sums_of(report);
        char letter[2] = {(char)rsd_side_letter(side), 0};
        print_line(out, letter, report->analysis->trace.path, &sums, rsd_match_value(match, match->total[side], true),
                   rsd_cause_name(report->judgement.cause));
        all.rss += sums.rss;
        all.live += sums.live;
        value += match->total[side];
    }
    print_line(out, "", "all", &all, rsd_match_value(match, value, true), "");
}

static void print_site(FILE *out, const struct rsd_match *match, size_t number) {
    const struct rsd_row *row = &match->list[number];
    struct rsd_spread spread = rsd_spread_of(match, row);
    double error = rsd_match_error(match, row);
    uint64_t outstanding = 0, calls = 0;
    for (size_t side = 0; side < match->sides; side++) {
        outstanding += row->part[side].outstanding;
        calls += row->part[side].calls;
    }
    fprintf(out, "\n#%-3zu %s, now %s after %s   %sin %zu of %zu workers\n", number + 1,
            rsd_match_value(match, spread.sum, match->metric == RSD_METRIC_GROWTH).text, rsd_bytes(outstanding).text,
            rsd_counted(calls, "call").text, match->metric == RSD_METRIC_GROWTH ? "grew " : "", spread.workers,
            match->sides);
    rsd_take_field(out, "  by worker", rsd_match_values(match, row, false));
    rsd_take_field(out, "  spread",
                   rsd_format("%s to %s, median %s%s%s", rsd_match_value(match, spread.least, false).text,
                              rsd_match_value(match, spread.most, false).text,
                              rsd_match_value(match, spread.median, false).text, error > 0 ? "; the sum" : "",
                              rsd_match_error_text(match, error).text));
    size_t shown = rsd_match_shown(match, row);
    rsd_print_stack(out, match->side[shown], row->part[shown].stack, false);
}

static void print_rest(FILE *out, const struct rsd_match *match, size_t shown) {
    double rest = 0;
    for (size_t side = 0; side < match->sides; side++)
        rest += rsd_match_rest(match, shown, side);
    if (shown < match->count)
        fprintf(out, "\nthe other %s: %s\n", rsd_counted(match->count - shown, "call site").text,
                rsd_match_value(match, rest, match->metric == RSD_METRIC_GROWTH).text);
}

/* Rows in which some worker has something. */
static size_t count_wanted(const struct rsd_match *match) {
    size_t wanted = 0;
    for (; wanted < match->count; wanted++) {
        const struct rsd_row *row = &match->list[wanted];
        bool nothing = true;
        for (size_t side = 0; side < match->sides; side++)
            nothing &= row->part[side].value == 0 && !row->part[side].outstanding;
        if (nothing)
            break;
    }
    return wanted;
}

void rsd_workers_text(const struct rsd_match *match, size_t top, FILE *out) {
    size_t wanted = count_wanted(match), shown = top && top < wanted ? top : wanted;
    const struct rsd_analysis *first = match->side[0]->analysis;
    char *program = rsd_command_line(&first->trace.meta);
    fprintf(out, "residue merge\n\n");
    rsd_take_field(out, "program",
                   rsd_format("%s%s%s", program, first->history.node ? "; node " : "",
                              first->history.node ? first->history.node : ""));
    rsd_take_field(out, "verdict", rsd_workers_verdict(match));
    for (size_t side = 0; side < match->sides; side++) {
        char label[2] = {(char)rsd_side_letter(side), 0};
        rsd_match_estimates(out, match, side, label);
    }
    print_workers(out, match);
    fprintf(out, "\nCALL SITES BY %s   %zu of %zu shown; sums over %zu workers\n", rsd_metric_title(match->metric),
            shown, match->count, match->sides);
    for (size_t i = 0; i < shown; i++)
        print_site(out, match, i);
    print_rest(out, match, shown);
    free(program);
}
