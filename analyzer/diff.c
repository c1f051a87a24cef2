/*
 * The difference of versions: the order of its rows, and what is said of them.
 *
 * The verdict on a process is that of its report. Where several leak the rows tell whether it is the same leak.
 */
#include "diff.h"

#include <math.h>

#include "memory.h"

#define GONE 0.1 /* of what it was: the rest of a leak that is no leak any more */

static double change_of(const struct rsd_match *match, const struct rsd_row *row) {
    double least = row->part[0].value, most = least;
    for (size_t side = 1; side < match->sides; side++) {
        least = fmin(least, row->part[side].value);
        most = fmax(most, row->part[side].value);
    }
    return most - least;
}

void rsd_diff_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per) {
    rsd_match_make(match, side, sides, per, true);
    rsd_match_order(match, change_of);
}

/* ---- Words -------------------------------------------------------------------------------------------------------- */

/* Is there anything of what the metric is about? */
static bool has(const struct rsd_match *match, const struct rsd_part *part) {
    bool held = match->metric == RSD_METRIC_GROWTH || match->metric == RSD_METRIC_OUTSTANDING;
    return held ? part->outstanding > 0 : part->value > 0;
}

const char *rsd_diff_change(const struct rsd_match *match, const struct rsd_row *row) {
    const struct rsd_part *first = &row->part[0], *last = &row->part[match->sides - 1];
    if (has(match, first) && !has(match, last))
        return "gone";
    if (!has(match, first) && has(match, last))
        return "new";
    return last->value > first->value   ? "grew"
           : last->value < first->value ? "shrank"
           : change_of(match, row) > 0  ? "varies"
                                        : "same";
}

/* The largest leak of the first side has an end in the last one, although that leaks too. */
static bool leads_elsewhere(const struct rsd_match *match) {
    const struct rsd_row *worst = NULL;
    for (size_t i = 0; i < match->count; i++) {
        const struct rsd_row *row = &match->list[i];
        if (row->part[0].leaks && (!worst || row->part[0].value > worst->part[0].value))
            worst = row;
    }
    if (!worst)
        return false;
    const struct rsd_part *last = &worst->part[match->sides - 1];
    return !last->leaks && last->value < GONE * worst->part[0].value;
}

static char *all_leak(const struct rsd_match *match) {
    int last = rsd_side_letter(match->sides - 1);
    const char *all = match->sides == 2 ? "both leak" : "all leak";
    return leads_elsewhere(match)
               ? rsd_format("%s, but not the same: the largest leak of A is gone in %c, which leaks elsewhere", all,
                            last)
               : rsd_strdup(all);
}

/* The side at which leaking begins or ends for good; 0: it does so more than once. */
static size_t turn_of(const struct rsd_match *match) {
    size_t turn = 0;
    for (size_t side = 1; side < match->sides; side++) {
        if (rsd_match_leaks(match, side) == rsd_match_leaks(match, side - 1))
            continue;
        if (turn)
            return 0;
        turn = side;
    }
    return turn;
}

static char *some_leak(const struct rsd_match *match) {
    size_t turn = turn_of(match);
    bool first = rsd_match_leaks(match, 0);
    int letter = rsd_side_letter(turn);
    char *leaking = rsd_match_leaking(match, true), *clean = rsd_match_leaking(match, false), *text;
    if (!turn)
        text = rsd_format("%s leak, %s %s not", leaking, clean, clean[1] ? "do" : "does");
    else if (first)
        text = rsd_format("the leak of %s is gone in %s", leaking, clean);
    else
        text = rsd_format("the leak comes with %c: %s %s not leak", letter, clean, clean[1] ? "do" : "does");
    free(leaking);
    free(clean);
    return text;
}

char *rsd_diff_verdict(const struct rsd_match *match) {
    size_t leaking = 0;
    for (size_t side = 0; side < match->sides; side++) {
        const struct rsd_judgement *judgement = &match->side[side]->judgement;
        if (judgement->cause == RSD_CAUSE_SHORT && judgement->doubt == RSD_DOUBT_NOTHING)
            return rsd_format("nothing was recorded in the window of %c", rsd_side_letter(side));
        if (judgement->cause == RSD_CAUSE_SHORT && judgement->doubt == RSD_DOUBT_COARSE)
            return rsd_format("the samples of %c are too coarse to judge: take more, or record for longer",
                              rsd_side_letter(side));
        if (judgement->cause == RSD_CAUSE_SHORT)
            return rsd_format("%c is too short to judge: compare the figures below, or record for longer",
                              rsd_side_letter(side));
        leaking += rsd_match_leaks(match, side);
    }
    if (!leaking)
        return rsd_strdup(match->sides == 2 ? "neither leaks" : "none leaks");
    return leaking == match->sides ? all_leak(match) : some_leak(match);
}
