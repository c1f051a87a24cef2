/*
 * Samples and their weights, and what was young at a sample of memory.
 */
#include <criterion/criterion.h>
#include <math.h>

#include "analysis.h"
#include "metric.h"
#include "trace_writer.h"

static struct made_writer *begin(char **folder) {
    *folder = made_folder("sampling");
    made_meta(*folder);
    return made_open(*folder, 1);
}

static void analyse(struct rsd_analysis *analysis, char *folder, struct rsd_window_options window) {
    struct rsd_analysis_options options = {.quiet = true, .window = window};
    char *why = NULL;
    cr_assert(rsd_analyse(analysis, folder, &options, &why), "%s", why);
}

static void end(struct rsd_analysis *analysis, struct made_writer *w, char *folder) {
    rsd_analysis_free(analysis);
    made_close(w);
    made_remove(folder);
}

static void sampled(struct made_writer *w, uint64_t time, uint64_t rate) {
    struct residue_sampling record = {.head = {.tag = RESIDUE_TAG_SAMPLING, .time = time}, .rate = rate};
    made_tagged(w, &record, sizeof record, NULL, NULL);
}

static void late(struct made_writer *w, uint64_t time, uint64_t when, uint64_t bytes) {
    struct residue_late record = {
        .head = {.tag = RESIDUE_TAG_LATE, .time = time}, .when = when, .writer = 1, .blocks = 1, .bytes = bytes};
    made_tagged(w, &record, sizeof record, NULL, NULL);
}

Test(sampling, a_sample_stands_for_one_in_its_probability_and_what_it_added_is_taken_out_again) {
    char *folder;
    struct made_writer *w = begin(&folder);
    struct rsd_analysis a;
    sampled(w, 1, 1000);
    made_alloc(w, 2, 0x1000, 1000, 0);
    made_alloc(w, 3, 0x2000, 500, 0);
    made_alloc(w, 4, 0x3000, 0, 0); /* counts as one byte, or it would stand for infinitely many */
    made_free(w, 5, 0x1000);
    made_live(w);
    analyse(&a, folder, (struct rsd_window_options){0});
    const struct rsd_sums *now = &a.pairing.heap_now;
    double half = 1 / (1 - exp(-0.5)), one = 1 / (1 - exp(-1.0));
    cr_assert_eq(now->live_bytes, (uint64_t)llround(500 * half));
    cr_assert_eq(now->bytes, (uint64_t)(llround(500 * half) + llround(1000 * one)));
    cr_assert_float_eq((double)now->live_blocks, half + 1000.5, 1.0);
    cr_assert_float_eq(now->live_variance, 500.0 * 500 * half * (half - 1), 1e-6);
    cr_assert_float_eq(now->bytes_variance, 500.0 * 500 * half * (half - 1) + 1e6 * one * (one - 1), 1e-3);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 0u);
    end(&a, w, folder);
}

Test(sampling, blocks_from_before_it_count_as_one_and_a_later_rate_replaces_the_first) {
    char *folder;
    struct made_writer *w = begin(&folder), *other = made_open(folder, 2);
    struct rsd_analysis a;
    made_alloc(w, 1, 0x1000, 100, 0);
    sampled(w, 2, 1000);
    sampled(w, 4, 2000);
    made_alloc(w, 3, 0x2000, 1000, 0);
    made_alloc(w, 5, 0x3000, 1000, 0);
    made_alloc(other, 6, 0x4000, 10, 0); /* that writer takes no samples */
    made_free(other, 7, 0x9000);         /* of a block that was passed over */
    made_live(w);
    made_live(other);
    analyse(&a, folder, (struct rsd_window_options){0});
    uint64_t expected =
        100 + 10 + (uint64_t)llround(1000 / (1 - exp(-1.0))) + (uint64_t)llround(1000 / (1 - exp(-0.5)));
    cr_assert_eq(a.pairing.heap_now.live_bytes, expected);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_FREE_UNSAMPLED], 1u);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 0u);
    made_close(other);
    end(&a, w, folder);
}

Test(sampling, rounding_to_whole_blocks_keeps_the_mean) {
    double sum = 0;
    for (uint64_t i = 1; i <= 100000; i++) {
        struct rsd_block block = rsd_block_make(i * 48, 700, i * 31, 0);
        uint64_t blocks = rsd_weigh_sample(1000, &block).blocks;
        cr_assert(blocks == 1 || blocks == 2);
        sum += (double)blocks;
    }
    double weight = 1 / (1 - exp(-0.7)); /* 1.99 */
    cr_assert_float_eq(sum / 100000, weight, 0.002);
}

/* Each error is that of one sample more than there are. */
Test(sampling, what_was_there_all_the_time_adds_nothing_to_the_error_of_growth) {
    char *folder;
    struct made_writer *w = begin(&folder);
    struct rsd_analysis a;
    sampled(w, 1, 1000);
    made_alloc(w, 2, 0x1000, 400, 0);
    made_alloc(w, 3, 0x2000, 400, 0);
    made_alloc(w, 2000, 0x3000, 400, 0);
    made_free(w, 3000, 0x2000);
    made_alloc(w, 4000, 0x4000, 400, 0);
    made_live(w);
    analyse(&a, folder, (struct rsd_window_options){.has_from = true, .from = 1});
    double weight = 1 / (1 - exp(-0.4)), each = 400.0 * 400 * weight * (weight - 1);
    const struct rsd_site *site = &a.pairing.heap.list[0];
    double error = rsd_metric_error(site, RSD_METRIC_GROWTH, 0); /* two came, one went, one stayed */
    cr_assert_float_eq(error * error, 4 * each, 1e-3);
    cr_assert_float_eq(pow(rsd_metric_error(site, RSD_METRIC_OUTSTANDING, 0), 2), 4 * each, 1e-3);
    cr_assert_float_eq(pow(rsd_metric_error(site, RSD_METRIC_ALLOCATED, 0), 2), 3 * each, 1e-3);
    end(&a, w, folder);
}

/* The thread took samples when they were closer; since then it has taken none. */
Test(sampling, an_error_is_never_below_the_rate_at_the_end_though_no_sample_was_taken_with_it) {
    char *folder;
    struct made_writer *w = begin(&folder), *process = made_open(folder, 0);
    struct rsd_analysis a;
    made_alloc(w, 1, 0x9000, 77, 0);
    sampled(w, 2, 1000);
    made_alloc(w, 3, 0x1000, 40, 1);
    sampled(process, 5, 1000000);
    made_memory(process, 6, 4096);
    made_live(w);
    made_live(process);
    analyse(&a, folder, (struct rsd_window_options){0});
    cr_assert_eq(rsd_sampling_coarsest(&a.history.sampling, 4), 1000u);
    struct rsd_site all = {.now = a.pairing.heap_now};
    cr_assert_float_eq(rsd_metric_error(&all, RSD_METRIC_GROWTH, 0), 1e6, 100);
    for (size_t i = 0; i < a.pairing.heap.count; i++) {
        double error = rsd_metric_error(&a.pairing.heap.list[i], RSD_METRIC_OUTSTANDING, 0);
        cr_assert_float_eq(error, 1e6, 100, "%f", error);
    }
    made_close(process);
    end(&a, w, folder);
}

Test(sampling, seventeen_samples_tell_and_sixteen_may_be_chance) {
    cr_assert(rsd_sampling_is_coarse(1000, 0));
    cr_assert(rsd_sampling_is_coarse(1000, 16900));
    cr_assert_not(rsd_sampling_is_coarse(1000, 17000));
    cr_assert_not(rsd_sampling_is_coarse(0, 1), "all was recorded");
}

Test(late, what_was_young_at_a_sample_is_in_the_timeline_there_and_in_no_other_figure) {
    char *folder;
    struct made_writer *w = begin(&folder), *process = made_open(folder, 0);
    struct rsd_analysis a;
    made_alloc(w, 500, 0x1000, 1000, 0);
    made_memory(process, 1000, 4096);
    made_memory(process, 2000, 4096);
    late(process, 2001, 1000, 77);
    late(process, 2002, 1000, 3);
    late(process, 3000, 2000, 5);
    made_alloc(w, 4000, 0x2000, 1, 0);
    made_live(w);
    made_live(process);
    analyse(&a, folder, (struct rsd_window_options){.has_from = true, .from = 1.5});
    cr_assert_eq(a.point_count, 2u);
    cr_assert_eq(a.timeline[0].live_bytes, 1080u);
    cr_assert_eq(a.timeline[1].live_bytes, 1005u);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 1001u, "all of them have died");
    cr_assert_eq(a.pairing.heap.list[0].start.live_bytes, 1080u, "the sample before stands for what was young then");
    made_close(process);
    end(&a, w, folder);
}

Test(late, a_ring_entry_that_leaves_is_alive_until_it_is_in_the_log) {
    char *folder;
    struct made_writer *w = begin(&folder);
    struct rsd_analysis a;
    made_ring(w, 4);
    made_ring_entry(w, 10, 0x1000, 40, 0);
    made_ring_entry(w, 20, 0x2000, 2, 0);
    w->ring[0].where |= RESIDUE_WHERE_LEAVING;
    made_live(w);
    analyse(&a, folder, (struct rsd_window_options){0});
    cr_assert_eq(a.pairing.heap_now.live_bytes, 42u);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 0u);
    end(&a, w, folder);
}
