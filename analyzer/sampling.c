/*
 * Samples and their weights.
 *
 * "From here on this writer records samples of allocations: one of n bytes with probability 1 - exp(-max(n, 1) / rate)."
 *
 * A sample that was taken with probability P stands for 1 / P blocks like it. Sums of such are right in the mean whatever
 * the sizes (Horvitz and Thompson), and their variance is estimated from the same samples:
 *
 *     estimate = sum of y / P          variance = sum of y^2 (1 - P) / P^2
 *
 * with y the bytes of a block, or 1. A block much smaller than the rate stands for about `rate` bytes, whatever its size, and a
 * sum of n such samples has a standard error of 1 in the square root of n. One much larger stands for itself, exactly.
 *
 * What was not seen is in no variance of what was: with no sample it would be 0. So one sample more is added to it, taken with
 * the largest rate up to the end of the window: n samples of small blocks are off by rate * sqrt(n + 1), and where there is
 * none, by the rate.
 *
 * Sums are kept in whole bytes and blocks, and what a block added is subtracted again when it is freed. 1 / P blocks are
 * not whole: they are rounded up or down at random, with the odds that keep the mean, and the dice are a hash of the
 * block, so that both times fall the same.
 */
#include "sampling.h"

#include <math.h>
#include <stdlib.h>

#include "memory.h"
#include "text.h"

bool rsd_sampling_add(struct rsd_sampling *sampling, uint32_t writer, uint64_t time, uint64_t rate) {
    uint32_t place = 1;
    while (place <= sampling->rates && sampling->rate[place] != rate)
        place++;
    if (place == RSD_RATES)
        return false;
    sampling->rate[place] = rate;
    sampling->rates = place > sampling->rates ? place : sampling->rates;
    RSD_ROOM(sampling->changes, sampling->count, sampling->capacity);
    sampling->since = sampling->count && sampling->since < time ? sampling->since : time;
    sampling->changes[sampling->count++] = (struct rsd_rate_change){time, writer, place};
    return true;
}

static int by_writer(const void *first, const void *second) {
    const struct rsd_rate_change *a = first, *b = second;
    if (a->writer != b->writer)
        return a->writer < b->writer ? -1 : 1;
    return a->time < b->time ? -1 : a->time > b->time;
}

void rsd_sampling_sort(struct rsd_sampling *sampling) {
    if (sampling->count)
        qsort(sampling->changes, sampling->count, sizeof *sampling->changes, by_writer);
}

const struct rsd_rate_change *rsd_sampling_of(const struct rsd_sampling *sampling, uint32_t writer, size_t *count) {
    size_t from = 0;
    while (from < sampling->count && sampling->changes[from].writer != writer)
        from++;
    *count = 0;
    while (from + *count < sampling->count && sampling->changes[from + *count].writer == writer)
        ++*count;
    return *count ? &sampling->changes[from] : NULL;
}

uint32_t rsd_sampling_rate(const struct rsd_sampling *sampling, uint32_t writer, uint64_t time) {
    size_t count;
    uint32_t rate = 0;
    const struct rsd_rate_change *change = rsd_sampling_of(sampling, writer, &count);
    for (; count && change->time < time; count--)
        rate = change++->rate;
    return rate;
}

uint64_t rsd_sampling_coarsest(const struct rsd_sampling *sampling, uint64_t time) {
    uint64_t most = 0;
    for (size_t i = 0; i < sampling->count; i++) {
        uint64_t rate = sampling->rate[sampling->changes[i].rate];
        if (sampling->changes[i].time <= time && rate > most)
            most = rate;
    }
    return most;
}

bool rsd_sampling_is_coarse(uint64_t rate, double bytes) {
    double samples = rate ? bytes / (double)rate : INFINITY;
    return samples < RSD_SURE * sqrt(samples + 1);
}

void rsd_sampling_range(const struct rsd_sampling *sampling, uint64_t *least, uint64_t *most) {
    *least = *most = sampling->rate[1];
    for (uint32_t i = 2; i <= sampling->rates; i++) {
        *least = sampling->rate[i] < *least ? sampling->rate[i] : *least;
        *most = sampling->rate[i] > *most ? sampling->rate[i] : *most;
    }
}

char *rsd_sampling_text(const struct rsd_sampling *sampling, double since) {
    uint64_t least, most;
    rsd_sampling_range(sampling, &least, &most);
    char *from = since >= 0.1 ? rsd_format("from %.1f s on ", since) : rsd_strdup("");
    char *later = most > least ? rsd_format(", at last in each %s", rsd_bytes(most).text) : rsd_strdup("");
    char *text = rsd_format("%sa sample in each %s allocated%s", from, rsd_bytes(least).text, later);
    free(from);
    free(later);
    return text;
}

void rsd_sampling_free(struct rsd_sampling *sampling) {
    free(sampling->changes);
    *sampling = (struct rsd_sampling){0};
}

/* From 0 up to 1, the same each time for a block. */
static double dice(const struct rsd_block *block) {
    uint64_t h = (block->key ^ block->time << 20) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return (double)((h ^ h >> 32) >> 11) * 0x1p-53;
}

struct rsd_weight rsd_weigh_sample(uint64_t rate, const struct rsd_block *block) {
    double size = (double)rsd_block_size(block);
    double weight = 1 / -expm1(-(size < 1 ? 1 : size) / (double)rate), variance = weight * (weight - 1);
    return (struct rsd_weight){.bytes = (uint64_t)llround(size * weight),
                               .blocks = (uint64_t)(weight + dice(block)),
                               .bytes_variance = size * size * variance,
                               .blocks_variance = variance};
}
