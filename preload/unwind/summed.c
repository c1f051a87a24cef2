/*
 * Summing words up; they are looked at in the header.
 */
#include "summed.h"

#define FARTHEST (UINT16_MAX * sizeof(uintptr_t))

/* Of the dozen whose last word is `last`; where there are only `count`, the first stands for those that are missing. */
static bool sum_dozen(struct rsd_summed *out, const struct rsd_word *last, uint32_t count, uintptr_t base) {
    uint64_t sum[4] = {0};
    bool outside = false;
    for (uint32_t i = 0; i < RSD_SUMMED; i++) {
        const struct rsd_word *word = last - (i < count ? i : count - 1);
        uintptr_t far = word->address - base;
        outside |= far % sizeof(uintptr_t) != 0 || far > FARTHEST;
        out->at[i] = (uint16_t)(far / sizeof(uintptr_t));
        sum[i % 4] = sum[i % 4] * RSD_SUM_FACTOR + word->value;
    }
    out->sum = rsd_sum_ended(sum[0], sum[1], sum[2], sum[3]);
    return !outside;
}

bool rsd_sum_up(struct rsd_summed *out, const struct rsd_word *word, uint32_t count, uintptr_t base) {
    for (; count > 0; count -= count < RSD_SUMMED ? count : RSD_SUMMED)
        if (!sum_dozen(out++, &word[count - 1], count, base))
            return false;
    return true;
}
