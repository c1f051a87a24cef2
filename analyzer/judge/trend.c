/*
 * The trend of a curve.
 *
 * What leaks is what never comes back, so a curve is judged by its floors: the lowest level in each sixteenth of the
 * window. Garbage that a collector frees every few seconds lifts the curve and not the floors.
 *
 * - Is there a rise at all? Mann-Kendall (Mann 1945, Kendall 1975): of all pairs of floors, how many rise, compared with
 *   what chance would give; with the usual correction for ties. It asks for order only, so one jump is no trend.
 * - How fast? Theil-Sen (Theil 1950, Sen 1968): the median slope over all pairs, which a third of bad points cannot move.
 * - Does it go on? A leak's second half rises like its first; a cache's does not. A last stretch that is flat for more
 *   than twice as long as any stretch before it is the end of the rise. A leak may begin late: nothing, and then a rise in
 *   at least LATE_RISES steps without a break to the very end, none of which is most of it.
 * - Is it the leak that slows down, or the program? On a busy machine, or when load goes down, both do. The processor time that
 *   the process has used is a clock of its own: what has as much of its rise in the second half of the work as in the first, and
 *   still rises, has not filled up.
 * - Does it come back? A fall of more than half of the range, with nothing that was kept for good, is churn.
 * - Does it last? Where the ages of the blocks are known, a second curve leaves out what died young (lasting.c), and with it the
 *   teeth. A leak is seen in that one; what rises in the first one only is garbage.
 * - Is any of it kept? Where next to nothing that the window's first three quarters made is there at its end, all of it is
 *   made anew all the time. Then the curve says how much is in use, which a cache or a pool bounds late: it is a leak only
 *   if it rises as fast as ever, from the start on.
 *
 * The shares below were chosen on the workers of tests/verdict.test.js; a report prints the figures beside the word.
 */
#include "judge/trend.h"

#include <math.h>
#include <stdlib.h>

#define SIGNIFICANT 0.01 /* p below it is a rise */
#define LATE_SHARE 0.25  /* a leak has at least this of its rise in the second half */
#define WORK_SHARE 0.35  /* ... or this in the second half of the work, and LEAST_LATE by the clock */
#define LEAST_LATE 0.05
#define ANEW_SHARE 0.4    /* of the rise: what a leak that is made anew all the time has at least in the second half */
#define KEPT_LEAST 0.2    /* of the rise: less is kept of what is made anew all the time */
#define STILL_SHARE 0.02  /* of the rise: less is before it begins */
#define FALL_SHARE 0.5    /* of the range of the floors: a fall that is churn */
#define KEPT_SHARE 0.25   /* of the range: what must have stayed for good for a curve that falls to be a leak */
#define FLAT_SHARE 0.1    /* of the mean step: a step below it is flat */
#define SETTLED_SHARE 0.9 /* of the rise in the first fifth: startup */
#define SLOPE_SHARE 0.25  /* of the rise: what the median slope makes of it over the window */
#define FEWEST_RISES 4    /* fewer steps are no trend, however they lie */
#define LATE_RISES 5      /* in a row: six values in order are by chance in one of 720 cases */
#define LATE_FLAT 0.15    /* of the rise: how much the curve may move before it begins */
#define LATE_STEP 0.5     /* of the rise: a step above it is a jump */

#define OUTGROWN 3.0 /* times the largest fall: a rise that garbage does not explain */

#define PER_FLOOR (RSD_SLICES / RSD_FLOORS)
#define LAST (RSD_FLOORS - 1)

static void find_floors(const double *level, double floor[RSD_FLOORS]) {
    for (int i = 0; i < RSD_FLOORS; i++) {
        const double *part = level + 1 + i * PER_FLOOR;
        floor[i] = part[0];
        for (int k = 1; k < PER_FLOOR; k++)
            floor[i] = fmin(floor[i], part[k]);
    }
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The median slope over all pairs of floors from one to the last, per floor. */
static double theil_sen(const double *floor, int from) {
    double slope[RSD_FLOORS * (RSD_FLOORS - 1) / 2];
    int count = 0;
    for (int i = from; i < RSD_FLOORS; i++)
        for (int j = i + 1; j < RSD_FLOORS; j++)
            slope[count++] = (floor[j] - floor[i]) / (j - i);
    qsort(slope, (size_t)count, sizeof *slope, ascending);
    return (slope[(count - 1) / 2] + slope[count / 2]) / 2;
}

/* sum over ties of t (t - 1) (2 t + 5), for groups of t equal values */
static double ties_of(const double *floor) {
    double sorted[RSD_FLOORS], sum = 0;
    for (int i = 0; i < RSD_FLOORS; i++)
        sorted[i] = floor[i];
    qsort(sorted, RSD_FLOORS, sizeof *sorted, ascending);
    for (int i = 0, t; i < RSD_FLOORS; i += t) {
        for (t = 1; i + t < RSD_FLOORS && sorted[i + t] == sorted[i];)
            t++;
        sum += t * (t - 1.0) * (2 * t + 5);
    }
    return sum;
}

/* One-sided: how likely so many pairs that rise (`sign` 1) or fall (-1) are by chance. */
static double mann_kendall(const double *floor, int sign) {
    const double n = RSD_FLOORS;
    int s = 0;
    for (int i = 0; i < RSD_FLOORS; i++)
        for (int j = i + 1; j < RSD_FLOORS; j++)
            s += sign * ((floor[j] > floor[i]) - (floor[j] < floor[i]));
    double variance = (n * (n - 1) * (2 * n + 5) - ties_of(floor)) / 18;
    if (s <= 0 || variance <= 0)
        return 1;
    return erfc((s - 1) / sqrt(variance) / sqrt(2)) / 2;
}

/* The largest fall from a level, or a floor, to a later one. */
static double largest_fall(const double *level, int count) {
    double top = level[0], fall = 0;
    for (int i = 1; i < count; i++) {
        top = fmax(top, level[i]);
        fall = fmax(fall, top - level[i]);
    }
    return fall;
}

/* How much more is held for good at three quarters of the window than at its start. */
static double kept_for_good(const double *floor) {
    double from = floor[0], at = floor[LAST];
    for (int i = LAST; i >= 0; i--) {
        from = fmin(from, floor[i]);
        if (i >= LAST * 3 / 4)
            at = fmin(at, floor[i]);
    }
    return at - from;
}

/* The last flat stretch is longer than twice any between two rises. */
static bool has_settled(const double *floor) {
    double step = (floor[LAST] - floor[0]) / LAST;
    int longest = 0, present = 0;
    bool begun = false;
    for (int i = 1; i <= LAST; i++) {
        if (floor[i] - floor[i - 1] < FLAT_SHARE * step) {
            present++;
        } else {
            longest = begun && present > longest ? present : longest;
            present = 0;
            begun = true;
        }
    }
    return present >= 2 && present > 2 * longest;
}

/* The floor at which a rise begins late and goes on to the end; 0: there is no such rise. */
static int late_start(const double *floor) {
    int from = LAST;
    double low = floor[0], high = floor[0], step = 0;
    while (from > 0 && floor[from] > floor[from - 1]) {
        step = fmax(step, floor[from] - floor[from - 1]);
        from--;
    }
    double rise = floor[LAST] - floor[from];
    for (int i = 0; i <= from; i++) {
        low = fmin(low, floor[i]);
        high = fmax(high, floor[i]);
    }
    return LAST - from >= LATE_RISES && high - low <= LATE_FLAT * rise && step <= LATE_STEP * rise ? from : 0;
}

/* The share of the rise that came when half of the work had been done. */
static double late_in_work(const double *level, const double *floor, const double *work) {
    int half = 0;
    while (half < RSD_SLICES && work[half] < 0.5)
        half++;
    int at = (half - 1) / PER_FLOOR; /* the floor of that slice */
    double rise = floor[LAST] - level[0];
    return half && rise > 0 ? (floor[LAST] - floor[at]) / rise : 0;
}

/* Does it rise in each step of the last quarter? */
static bool rises_still(const double *floor) {
    for (int i = LAST - RSD_FLOORS / 4; i < LAST; i++)
        if (floor[i + 1] <= floor[i])
            return false;
    return true;
}

static int rises_of(const double *floor) {
    int rises = 0;
    for (int i = 1; i < RSD_FLOORS; i++)
        rises += floor[i] > floor[i - 1];
    return rises;
}

/* The share of the rise that came in the second half of the time since it began. */
static double late_since_start(const double *floor) {
    double rise = floor[LAST] - floor[0];
    int from = 0;
    while (from < LAST && floor[from + 1] <= floor[0] + STILL_SHARE * rise)
        from++;
    return rise > 0 ? (floor[LAST] - floor[(from + LAST) / 2]) / rise : 0;
}

static bool has_slowed_down(const double *level, const double *floor, const struct rsd_trend *trend,
                            const double *work) {
    if (late_since_start(floor) >= LATE_SHARE)
        return false;
    return trend->late < LEAST_LATE || !rises_still(floor) || late_in_work(level, floor, work) < WORK_SHARE;
}

static enum rsd_verdict judge(const double *level, const double *floor, const struct rsd_trend *trend, double slope,
                              const double *work) {
    double low = floor[0], high = floor[0], rise = floor[LAST] - level[0], total = 0;
    for (int i = 0; i < RSD_FLOORS; i++) {
        low = fmin(low, floor[i]);
        high = fmax(high, floor[i]);
    }
    for (int i = 1; i < RSD_LEVELS; i++)
        total += fabs(level[i] - level[i - 1]);
    if (total == 0)
        return RSD_VERDICT_STEADY;
    if (rise <= 0 && mann_kendall(floor, -1) < SIGNIFICANT)
        return RSD_VERDICT_FALLING;
    bool falls =
        largest_fall(floor, RSD_FLOORS) > FALL_SHARE * (high - low) && kept_for_good(floor) < KEPT_SHARE * (high - low);
    if (rise <= 0 || falls) /* what it gained it has given back */
        return total > 2 * fabs(level[RSD_SLICES] - level[0]) ? RSD_VERDICT_CHURN : RSD_VERDICT_STEADY;
    if (floor[RSD_FLOORS / 5] - level[0] >= SETTLED_SHARE * rise)
        return RSD_VERDICT_STARTUP;
    if (has_slowed_down(level, floor, trend, work) || has_settled(floor))
        return RSD_VERDICT_PLATEAU;
    bool steady = trend->since > 0 || slope * LAST >= SLOPE_SHARE * (floor[LAST] - floor[0]);
    return trend->p < SIGNIFICANT && trend->rises >= FEWEST_RISES && steady ? RSD_VERDICT_LEAK : RSD_VERDICT_UNCLEAR;
}

struct rsd_span rsd_span_even(double seconds) {
    struct rsd_span span = {.seconds = seconds};
    for (int i = 0; i < RSD_LEVELS; i++)
        span.work[i] = (double)i / RSD_SLICES;
    return span;
}

struct rsd_trend rsd_trend_of(const double level[RSD_LEVELS], const struct rsd_span *span) {
    double seconds = span->seconds;
    double floor[RSD_FLOORS];
    find_floors(level, floor);
    double rise = floor[LAST] - floor[0];
    struct rsd_trend trend = {.verdict = RSD_VERDICT_SHORT, .p = mann_kendall(floor, 1), .rises = rises_of(floor)};
    trend.late = rise > 0 ? (floor[LAST] - floor[LAST / 2]) / rise : 0;
    int from = late_start(floor);
    double slope = theil_sen(floor, from);
    trend.since = (double)from / RSD_FLOORS;
    if (seconds > 0) {
        trend.rate = slope * RSD_FLOORS / seconds;
        trend.late_rate = theil_sen(floor, LAST - RSD_FLOORS / 4) * RSD_FLOORS / seconds;
    }
    if (seconds >= RSD_TREND_SHORTEST)
        trend.verdict = judge(level, floor, &trend, slope, span->work);
    return trend;
}

static bool outgrows_its_falls(const double *level) {
    return level[RSD_SLICES] - level[0] >= OUTGROWN * largest_fall(level, RSD_LEVELS);
}

static bool rises(enum rsd_verdict verdict) {
    return verdict == RSD_VERDICT_LEAK || verdict == RSD_VERDICT_UNCLEAR || verdict == RSD_VERDICT_PLATEAU ||
           verdict == RSD_VERDICT_STARTUP;
}

/* What rises and does not last is garbage that is waiting for a collection: churn. Unless the rise is large against all its falls: then
 * there is more and more that is made anew all the time. */
static struct rsd_trend trend_of_both(const double *level, const struct rsd_lasts *lasts, const struct rsd_span *span) {
    struct rsd_trend whole = rsd_trend_of(level, span), lasting = rsd_trend_of(lasts->level, span);
    whole.whole = true;
    if (lasting.verdict == RSD_VERDICT_LEAK)
        return lasting;
    if (!rises(whole.verdict) || outgrows_its_falls(level))
        return whole;
    if (!rises(lasting.verdict))
        lasting.verdict = RSD_VERDICT_CHURN;
    return lasting;
}

struct rsd_trend rsd_trend_of_lasting(const double level[RSD_LEVELS], const struct rsd_lasts *lasts,
                                      const struct rsd_span *span) {
    struct rsd_trend trend = trend_of_both(level, lasts, span);
    const double *judged = trend.whole ? level : lasts->level;
    bool anew = lasts->kept < KEPT_LEAST * (judged[RSD_SLICES] - judged[0]);
    if (trend.verdict != RSD_VERDICT_LEAK || !anew)
        return trend;
    if (trend.since > 0)
        trend.verdict = RSD_VERDICT_UNCLEAR;
    else if (trend.late < ANEW_SHARE)
        trend.verdict = RSD_VERDICT_PLATEAU;
    return trend;
}

const char *rsd_verdict_name(enum rsd_verdict verdict) {
    static const char *const name[] = {"too short", "steady",  "leak",    "plateau", "startup",
                                       "churn",     "falling", "unclear", "moved"};
    return name[verdict];
}
