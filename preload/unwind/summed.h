/*
 * Words that must still be what they were, told by a sum of them.
 *
 * To look at eighty words of the stack is quick; to look up in memory where each lies and what it was is not, for that is as
 * much again as the stack itself, and each of a few hundred stacks has its own. Here a dozen words take half a line of the
 * cache: how far each lies from a base, and one sum.
 *
 *     sum = a ^ b <<< 16 ^ c <<< 32 ^ d <<< 48        each of a, b, c, d over every fourth word:
 *     a = ((w[0] M + w[4]) M + w[8]) M                modulo 2^64; M is odd, so no single change is ever missed
 *
 * Several changes that come to the same sum all the same are one case in 2^64, as for any hash of that size; what changes here
 * are addresses, and nobody chooses them to that end.
 */
#ifndef RSD_SUMMED_H
#define RSD_SUMMED_H

#include <stdbool.h>
#include <stdint.h>

/* A word that something hangs on, and what it was. */
struct rsd_word {
    uintptr_t address;
    uintptr_t value;
};

#define RSD_SUMMED 12u

struct rsd_summed {
    uint64_t sum;
    uint16_t at[RSD_SUMMED]; /* in words from the base */
};
_Static_assert(sizeof(struct rsd_summed) == 32, "half a line");

/* So many of them for `words` words. */
static inline uint32_t rsd_summed_needed(uint32_t words) {
    return (words + RSD_SUMMED - 1) / RSD_SUMMED;
}

#define RSD_SUM_FACTOR UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio */

static inline uint64_t rsd_sum_turned(uint64_t x, unsigned bits) {
    return x << bits | x >> (64 - bits);
}

static inline uint64_t rsd_sum_ended(uint64_t a, uint64_t b, uint64_t c, uint64_t d) {
    const uint64_t m = RSD_SUM_FACTOR;
    return (a * m) ^ rsd_sum_turned(b * m, 16) ^ rsd_sum_turned(c * m, 32) ^ rsd_sum_turned(d * m, 48);
}

/* What the sum of these words is now. */
static inline uint64_t rsd_sum_now(const uint16_t *at, const volatile uintptr_t *base) {
    const uint64_t m = RSD_SUM_FACTOR;
    uint64_t a = base[at[0]], b = base[at[1]], c = base[at[2]], d = base[at[3]];
    for (unsigned i = 4; i < RSD_SUMMED; i += 4) {
        a = a * m + base[at[i]];
        b = b * m + base[at[i + 1]];
        c = c * m + base[at[i + 2]];
        d = d * m + base[at[i + 3]];
    }
    return rsd_sum_ended(a, b, c, d);
}

/* Are all words of `count` dozens what they were? The first are the likeliest to have changed. */
static inline bool rsd_sums_hold(const struct rsd_summed *summed, uint32_t count, uintptr_t base) {
    for (const struct rsd_summed *end = summed + count; summed < end; summed++)
        if (rsd_sum_now(summed->at, (const volatile uintptr_t *)base) != summed->sum)
            return false;
    return true;
}

/* Sum up `count` words, the last one first, into rsd_summed_needed(count) of `out`. False: one lies at no whole number of words
 * from the base, or too far. */
bool rsd_sum_up(struct rsd_summed *out, const struct rsd_word *word, uint32_t count, uintptr_t base);

#endif
