/*
 * Summing words up; they are looked at in the header.
 */
#include "summed.h"

static bool lies_at(uintptr_t address, uintptr_t base, uint16_t *at) {
    uintptr_t far = address - base;
    *at = (uint16_t)(far / sizeof(uintptr_t));
    return far % sizeof(uintptr_t) == 0 && far / sizeof(uintptr_t) <= UINT16_MAX;
}

/* Of the dozen that ends before `end`; where there are fewer, the first word stands for those that are missing. */
static bool sum_dozen(struct rsd_summed *out, const struct rsd_word *first, const struct rsd_word *end,
                      uintptr_t base) {
    uintptr_t value[RSD_SUMMED];
    uint16_t place[RSD_SUMMED];
    for (unsigned i = 0; i < RSD_SUMMED; i++) {
        if (end > first)
            end--;
        value[i] = end->value;
        place[i] = (uint16_t)i;
        if (!lies_at(end->address, base, &out->at[i]))
            return false;
    }
    out->sum = rsd_sum_now(place, value);
    return true;
}

bool rsd_sum_up(struct rsd_summed *out, const struct rsd_word *word, uint32_t count, uintptr_t base) {
    for (uint32_t done = 0; done < count; done += RSD_SUMMED)
        if (!sum_dozen(out++, word, word + (count - done), base))
            return false;
    return true;
}
