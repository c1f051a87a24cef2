/*
 * Re-unwinding: the stack before, and what must still be true for it to hold.
 *
 * Successive stacks of a thread share most of their outer frames. A frame found now that was found at the same place
 * before (pc, stack pointer, frame pointer) has the same callers as before if every word that the steps outward from
 * it read is what it was: those steps are functions of these words alone. So the words are kept as one flat array of
 * (address, value), root first, and holding on to fifty frames costs fifty to a hundred loads and compares.
 *
 *     word[0, word_end[i])  are the words of the steps  i -> i-1 -> ... -> 0
 *     word_end[0] = 0       nothing is read outward from the root
 *
 * A step that is a guess depends on more than the words it ended with, so it gets a word that never compares equal.
 * The same holds for a signal frame, whose registers come from elsewhere.
 *
 * The addresses lie on the thread's own stack above the frame that was met, so they can be read. Stacks on foreign
 * memory are never kept (unwind.c).
 *
 * Used by its own thread only. A signal handler may interrupt anything here and never come back; so `depth` says at
 * each moment how many frames are in order.
 */
#include "again.h"

#include "bounds.h"

static const uintptr_t never;

static bool holds(const struct rsd_word *word) {
    return rsd_word_at(word->address) == word->value;
}

static uintptr_t difference(const struct rsd_word *word) {
    return rsd_word_at(word->address) ^ word->value;
}

/* The number of leading words up to and with the last one that does not hold; 0: all `count` hold. */
static uint32_t last_failure(const struct rsd_word *word, uint32_t count) {
    uint32_t i = count;
    while (i >= 4 &&
           !(difference(&word[i - 1]) | difference(&word[i - 2]) | difference(&word[i - 3]) | difference(&word[i - 4])))
        i -= 4;
    while (i > 0 && holds(&word[i - 1]))
        i--;
    return i;
}

uint32_t rsd_again_verify(const struct rsd_again *again, uint32_t from) {
    uint32_t failed = last_failure(again->word, again->word_end[from]);
    uint32_t low = 0, high = from;
    while (low < high) { /* the outermost frame whose steps include the failed word */
        uint32_t middle = (low + high) / 2;
        if (again->word_end[middle] >= failed)
            high = middle;
        else
            low = middle + 1;
    }
    return failed ? low : 0;
}

void rsd_again_copy(const struct rsd_again *again, uint32_t from, uint32_t to, struct rsd_fresh *fresh) {
    for (uint32_t i = from; i > to; i--, fresh++) {
        fresh->frame = again->frame[i];
        fresh->fp_slot = again->slots[i].fp_slot;
        fresh->cfa_slot = again->slots[i].cfa_slot;
    }
}

/* Append the words of the step from `fresh` to `outer`. */
static uint32_t append_words(struct rsd_word *word, const struct rsd_fresh *fresh, const struct rsd_frame *outer) {
    uint32_t count = 0;
    if (fresh->fp_slot == RSD_SLOT_GUESS) {
        word[0] = (struct rsd_word){(uintptr_t)&never, 1};
        return 1;
    }
    word[count++] = (struct rsd_word){outer->sp + (uintptr_t)(intptr_t)RSD_RA_FROM_CFA, outer->pc};
    if (fresh->fp_slot)
        word[count++] = (struct rsd_word){fresh->fp_slot, outer->fp};
    if (fresh->cfa_slot)
        word[count++] = (struct rsd_word){fresh->cfa_slot, outer->sp};
    return count;
}

rsd_tally_t rsd_again_append(struct rsd_again *again, uint32_t kept, const struct rsd_fresh *fresh, uint32_t count) {
    rsd_tally_t tally = 0;
    uint32_t words = kept ? again->word_end[kept - 1] : 0;
    again->depth = again->depth < kept ? again->depth : kept;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = kept; i < kept + count; i++) {
        const struct rsd_fresh *from = &fresh[kept + count - 1 - i];
        tally += UINT64_C(1) << 10 * from->frame.source;
        again->frame[i] = from->frame;
        again->frame[i].node = 0;
        again->slots[i] = (struct rsd_slots){from->fp_slot, from->cfa_slot};
        if (i)
            words += append_words(&again->word[words], from, &again->frame[i - 1]);
        again->word_end[i] = words;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    again->depth = kept + count;
    return tally;
}
