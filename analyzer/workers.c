/*
 * Workers of one service: a cluster's, a pool's, those of pm2. Each has a trace of its own, with addresses and times of its
 * own; what they share is code. So their call sites are matched by name, as two versions are, but not by likeness: workers
 * run the same code, and what only one of them has is no renamed form of what another has.
 *
 * Sums are exact: the sum of a row over the workers, and of all rows, is the sum of the workers' reports. The spread tells
 * a leak of the service (all workers have it) from one of a worker (the one that got a certain request).
 */
#include "workers.h"

#include "memory.h"

static double sum_of(const struct rsd_match *match, const struct rsd_row *row) {
    double sum = 0;
    for (size_t side = 0; side < match->sides; side++)
        sum += row->part[side].value;
    return sum;
}

static bool leaks(const struct rsd_match *match, const struct rsd_row *row) {
    bool leaks = false;
    for (size_t side = 0; side < match->sides; side++)
        leaks |= row->part[side].leaks;
    return leaks;
}

#define LEAKS_FIRST 1e18 /* more than any sum of bytes */

static double weight_of(const struct rsd_match *match, const struct rsd_row *row) {
    bool first = match->metric == RSD_METRIC_GROWTH && leaks(match, row);
    return sum_of(match, row) + (first ? LEAKS_FIRST : 0);
}

void rsd_workers_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides,
                      const struct rsd_per *per) {
    rsd_match_make(match, side, sides, per, false);
    rsd_match_order(match, weight_of);
}

static int by_value(const void *first, const void *second) {
    const double *a = first, *b = second;
    return *a < *b ? -1 : *a > *b;
}

struct rsd_spread rsd_spread_of(const struct rsd_match *match, const struct rsd_row *row) {
    double values[RSD_TRACES_MOST];
    size_t count = match->sides;
    struct rsd_spread spread = {.sum = sum_of(match, row)};
    for (size_t side = 0; side < count; side++) {
        values[side] = row->part[side].value;
        spread.workers += values[side] > 0;
    }
    qsort(values, count, sizeof *values, by_value);
    spread.least = values[0];
    spread.median = (values[(count - 1) / 2] + values[count / 2]) / 2;
    spread.most = values[count - 1];
    return spread;
}

char *rsd_workers_verdict(const struct rsd_match *match) {
    size_t leaking = 0;
    for (size_t side = 0; side < match->sides; side++)
        leaking += rsd_match_leaks(match, side);
    char *names = rsd_match_leaking(match, true);
    char *text =
        !leaking ? rsd_format("none of the %zu workers leaks", match->sides)
        : leaking == match->sides
            ? (leaking == 2 ? rsd_strdup("both workers leak") : rsd_format("all %zu workers leak", leaking))
            : rsd_format("%zu of %zu workers %s: %s", leaking, match->sides, leaking == 1 ? "leaks" : "leak", names);
    free(names);
    return text;
}
