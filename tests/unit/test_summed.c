/*
 * preload/unwind/summed.h: words that are told by a sum of them.
 */
#include <criterion/criterion.h>

#include "unwind/summed.h"

#define WORDS 200u

static uintptr_t stack[70000];
static struct rsd_word row[WORDS];
static struct rsd_summed summed[(WORDS + RSD_SUMMED - 1) / RSD_SUMMED];

/* Addresses, as they lie on a stack, at growing distances. */
static void lay_out(void) {
    for (unsigned i = 0; i < WORDS; i++) {
        uintptr_t *word = &stack[i * 8 + i * i % 7];
        *word = 0x7f3200000000 + i * 0x12340;
        row[i] = (struct rsd_word){(uintptr_t)word, *word};
    }
}

static bool hold(uint32_t count) {
    return rsd_sums_hold(summed, rsd_summed_needed(count), (uintptr_t)stack);
}

/* However many there are, one that changes is told, whatever of it does, and so are two that change places. */
Test(summed, each_word_counts, .init = lay_out) {
    static const uint32_t counts[] = {0, 1, 11, 12, 13, 36, WORDS};
    for (unsigned c = 0; c < sizeof counts / sizeof *counts; c++) {
        uint32_t count = counts[c];
        cr_assert(rsd_sum_up(summed, row, count, (uintptr_t)stack));
        for (uint32_t i = 0; i < WORDS; i++) {
            uintptr_t *word = (uintptr_t *)row[i].address;
            for (unsigned bit = 0; bit < 64; bit++) {
                cr_assert(hold(count));
                *word ^= (uintptr_t)1 << bit;
                cr_assert_eq(hold(count), i >= count, "word %u of %u, bit %u", i, count, bit);
                *word ^= (uintptr_t)1 << bit;
            }
        }
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < i; k++) {
                uintptr_t *one = (uintptr_t *)row[i].address, *other = (uintptr_t *)row[k].address, kept = *one;
                *one = *other;
                *other = kept;
                cr_assert_not(hold(count), "words %u and %u of %u", i, k, count);
                *other = *one;
                *one = kept;
            }
    }
}

/* What was is what the row says, not what has become of it meanwhile. */
Test(summed, are_what_the_words_were, .init = lay_out) {
    *(uintptr_t *)row[5].address += 8;
    cr_assert(rsd_sum_up(summed, row, 20, (uintptr_t)stack));
    cr_assert_not(hold(20));
    *(uintptr_t *)row[5].address -= 8;
    cr_assert(hold(20));
}

/* Half a mebibyte from the base is as far as a word may lie; below it, or between two words, is nowhere. */
Test(summed, lie_at_whole_words_from_the_base) {
    static const struct {
        intptr_t at;
        bool can;
    } cases[] = {{0, true}, {8, true}, {65535 * 8, true}, {65536 * 8, false}, {-8, false}, {4, false}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct rsd_word word = {(uintptr_t)stack + (uintptr_t)cases[i].at, 1};
        cr_assert_eq(rsd_sum_up(summed, &word, 1, (uintptr_t)stack), cases[i].can, "%td", cases[i].at);
    }
}
