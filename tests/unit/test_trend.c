/*
 * What curves of known shape are judged to be.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

#include "judge/trend.h"

static uint32_t seed;

static double noise(void) {
    seed = seed * 1103515245u + 12345u;
    return (double)(seed >> 8 & 0xffff) / 65536;
}

static struct rsd_trend of(const double *level, double seconds) {
    struct rsd_span span = rsd_span_even(seconds);
    return rsd_trend_of(level, &span);
}

typedef double shape(double at); /* of the window, 0 to 1 */

static enum rsd_verdict judged(shape *curve, double seconds, double amplitude) {
    double level[RSD_LEVELS];
    seed = 1;
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = curve((double)i / RSD_SLICES) + amplitude * noise();
    return of(level, seconds).verdict;
}

static double straight(double at) {
    return 1e6 + 5e6 * at;
}
static double flat(double at) {
    (void)at;
    return 1e6;
}
static double fills(double at) { /* linear up to the middle */
    return 1e6 + 5e6 * fmin(at, 0.5);
}
static double fills_late(double at) {
    return 1e6 + 5e6 * fmin(at, 0.8);
}
static double saturates(double at) {
    return 5e6 * (1 - exp(-6 * at));
}
static double starts(double at) {
    return 1e6 + 5e6 * fmin(at, 0.1);
}
static double saws(double at) { /* seven teeth */
    return 1e6 + 5e6 * fmod(7.3 * at, 1);
}
static double saws_slowly(double at) { /* two teeth and a half */
    return 1e6 + 5e6 * fmod(2.5 * at, 1);
}
static double saws_upward(double at) {
    return saws(at) + 10e6 * at;
}
static double steps(double at) { /* eight times, as when something is done every few seconds */
    return 1e6 + 1e5 * floor(8 * at);
}
static double jumps(double at) { /* once */
    return 1e6 + (at > 0.6 ? 1e6 : 0);
}
static double rises_in_the_middle(double at) {
    return 1e6 * fmin(fmax(at - 0.45, 0), 0.1);
}
static double saturates_late(double at) {
    return 1e6 + 5e6 * (1 - exp(-15 * fmax(at - 0.5, 0)));
}
static double begins_late(double at) {
    return 1e6 + 5e6 * fmax(at - 0.6, 0);
}
static double bursts_at_the_end(double at) { /* requests that are being answered when the recording ends */
    return 1e6 + (at > 0.99 ? 1e7 : 0);
}
static double falls(double at) {
    return 6e6 - 5e6 * at;
}

Test(trend, a_straight_rise_is_a_leak_with_its_rate) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = straight((double)i / RSD_SLICES);
    struct rsd_trend trend = of(level, 50);
    cr_assert_eq(trend.verdict, RSD_VERDICT_LEAK);
    cr_assert_float_eq(trend.rate, 1e5, 1);
    cr_assert_lt(trend.p, 1e-4);
    cr_assert_float_eq(trend.late, 0.53, 0.05);
    cr_assert_eq(trend.rises, RSD_FLOORS - 1);
}

Test(trend, noise_hides_no_leak_and_makes_none) {
    cr_assert_eq(judged(straight, 30, 5e6), RSD_VERDICT_LEAK);
    cr_assert_neq(judged(flat, 30, 5e6), RSD_VERDICT_LEAK);
    cr_assert_eq(judged(steps, 30, 1e4), RSD_VERDICT_LEAK);
}

Test(trend, a_leak_under_a_sawtooth_is_found) {
    cr_assert_eq(judged(saws_upward, 30, 1e5), RSD_VERDICT_LEAK);
}

Test(trend, what_comes_back_is_churn) {
    cr_assert_eq(judged(saws, 30, 1e4), RSD_VERDICT_CHURN);
    cr_assert_eq(judged(saws_slowly, 30, 1e4), RSD_VERDICT_CHURN);
}

Test(trend, what_stops_is_a_plateau) {
    cr_assert_eq(judged(fills, 30, 0), RSD_VERDICT_PLATEAU);
    cr_assert_eq(judged(fills, 30, 1e4), RSD_VERDICT_PLATEAU);
    cr_assert_eq(judged(fills_late, 30, 0), RSD_VERDICT_PLATEAU);
    cr_assert_eq(judged(saturates, 30, 1e4), RSD_VERDICT_PLATEAU);
}

Test(trend, what_stops_at_once_is_startup) {
    cr_assert_eq(judged(starts, 30, 0), RSD_VERDICT_STARTUP);
}

Test(trend, what_stands_or_falls_is_no_growth) {
    cr_assert_eq(judged(flat, 30, 0), RSD_VERDICT_STEADY);
    cr_assert_eq(judged(falls, 30, 0), RSD_VERDICT_FALLING);
    cr_assert_eq(judged(falls, 30, 1e4), RSD_VERDICT_FALLING);
}

Test(trend, a_leak_that_begins_late_is_a_leak) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = begins_late((double)i / RSD_SLICES);
    struct rsd_trend trend = of(level, 100);
    cr_assert_eq(trend.verdict, RSD_VERDICT_LEAK);
    cr_assert_float_eq(trend.since, 0.6, 0.07);
    cr_assert_float_eq(trend.rate, 5e4, 5e3, "of the rise, not of the window: %f", trend.rate);
    cr_assert_eq(judged(begins_late, 30, 1e4), RSD_VERDICT_LEAK);
}

Test(trend, what_is_young_at_the_end_is_no_leak) {
    cr_assert_neq(judged(bursts_at_the_end, 30, 0), RSD_VERDICT_LEAK);
    cr_assert_neq(judged(bursts_at_the_end, 30, 1e4), RSD_VERDICT_LEAK);
}

Test(trend, a_leak_that_slows_down_shows_it_in_its_last_quarter) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = 1e6 * sqrt((double)i / RSD_SLICES);
    struct rsd_trend trend = of(level, 100);
    cr_assert_lt(trend.late_rate, 0.75 * trend.rate);
}

/* Nine tenths of the work in the first half: then other programs take the processor. */
static double work_done(double at) {
    return at < 0.5 ? 1.8 * at : 0.9 + 0.2 * (at - 0.5);
}

Test(trend, a_leak_is_one_also_when_the_program_slows_down) {
    struct rsd_span slow = rsd_span_even(30), even = slow;
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = 1e6 + 5e6 * (slow.work[i] = work_done((double)i / RSD_SLICES));
    cr_assert_eq(rsd_trend_of(level, &slow).verdict, RSD_VERDICT_LEAK);
    cr_assert_eq(rsd_trend_of(level, &even).verdict, RSD_VERDICT_PLATEAU,
                 "the same curve, when work goes on, is a cache");
}

Test(trend, what_stops_when_work_stops_before_the_end_is_a_plateau) {
    struct rsd_span span = rsd_span_even(30);
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++) {
        span.work[i] = fmin(1, 2.0 * i / RSD_SLICES);
        level[i] = 1e6 + 5e6 * span.work[i];
    }
    cr_assert_eq(rsd_trend_of(level, &span).verdict, RSD_VERDICT_PLATEAU);
}

Test(trend, what_was_flat_before_it_rose_and_stopped_is_a_plateau) {
    cr_assert_eq(judged(rises_in_the_middle, 30, 0), RSD_VERDICT_PLATEAU);
    cr_assert_eq(judged(saturates_late, 30, 2e5), RSD_VERDICT_PLATEAU, "also where it goes on to swing");
}

Test(trend, one_jump_is_no_trend) {
    cr_assert_neq(judged(jumps, 30, 0), RSD_VERDICT_LEAK);
}

Test(trend, a_short_window_says_nothing) {
    cr_assert_eq(judged(straight, RSD_TREND_SHORTEST - 1, 0), RSD_VERDICT_SHORT);
}

static struct rsd_trend of_all_kept(const double *level, double kept) {
    struct rsd_span span = rsd_span_even(30);
    struct rsd_lasts lasts = {.kept = kept};
    for (int i = 0; i < RSD_LEVELS; i++)
        lasts.level[i] = level[i];
    return rsd_trend_of_lasting(level, &lasts, &span);
}

/* 844,000 bytes more at the end, three tenths of them from the second half: a share of a cache, as seen in libvips's. */
static double shifts(double at) {
    return 42e3 + 844e3 * (0.7 * fmin(at / 0.45, 1) + 0.6 * fmax(at - 0.5, 0));
}

Test(trend, what_is_made_anew_all_the_time_and_slows_down_is_no_leak) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = shifts((double)i / RSD_SLICES);
    cr_assert_eq(of_all_kept(level, 844e3 * 0.8).verdict, RSD_VERDICT_LEAK, "what is held for good is one");
    cr_assert_eq(of_all_kept(level, 844e3 * 0.1).verdict, RSD_VERDICT_PLATEAU);
}

Test(trend, what_is_made_anew_all_the_time_and_rises_as_ever_is_a_leak) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = straight((double)i / RSD_SLICES);
    cr_assert_eq(of_all_kept(level, 0).verdict, RSD_VERDICT_LEAK, "a table that is made larger, again and again");
}

Test(trend, what_is_made_anew_all_the_time_and_rises_late_is_not_told_yet) {
    double level[RSD_LEVELS];
    for (int i = 0; i < RSD_LEVELS; i++)
        level[i] = begins_late((double)i / RSD_SLICES);
    cr_assert_eq(of_all_kept(level, 0.33 * 2e6).verdict, RSD_VERDICT_LEAK,
                 "a third is older than a quarter of the window");
    cr_assert_eq(of_all_kept(level, 0).verdict, RSD_VERDICT_UNCLEAR);
}
