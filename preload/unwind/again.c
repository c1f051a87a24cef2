/*
 * Re-unwinding: stacks met before, and what must still be true for one to hold.
 *
 * Successive stacks of a thread share most of their outer frames, and a program comes back to the same few stacks. A
 * frame found now that was found at the same place before (pc, stack pointer, frame pointer) has the same callers as
 * before if every word that the steps outward from it read is what it was: those steps are functions of these words
 * alone. So the words are kept as one flat array of (address, value), root first, and holding on to fifty frames costs
 * fifty to a hundred loads and compares.
 *
 *     word[0, ends[i])  are the words of the steps  i -> i-1 -> ... -> 0
 *     ends[0] = 0       nothing is read outward from the root
 *
 * A stack that has a place of its own is sealed: its words are summed up (summed.h), and nothing else of it is looked at as long
 * as it comes back whole.
 *
 * Most steps do not look at the frame pointer: where code keeps other things in that register, its saved values differ
 * from one stack to the next and mean nothing. It is live in a frame if the step outward from there uses it, or if the
 * caller has the same one and it is live there:
 *
 *     live(i) = used(i) or (passed on(i) and live(i - 1))         live(-1) = false
 *
 * A saved frame pointer is a word that must hold only if it is live in the caller.
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

#include <string.h>

static const uintptr_t never;

static size_t aligned(size_t size) {
    return (size + 63) & ~(size_t)63;
}

static size_t ends_size(uint32_t frames) {
    return aligned(frames * sizeof(uint32_t));
}

size_t rsd_again_size(uint32_t frames, uint32_t words) {
    return ends_size(frames) + aligned(frames * sizeof(struct rsd_frame)) + aligned(words * sizeof(struct rsd_word));
}

/* The longest of the three comes last: few stacks are as deep as there is room, and then what is used lies in fewer pages. */
void rsd_again_init(struct rsd_again *again, uint32_t frames, void *memory) {
    char *first = (char *)memory + ends_size(frames);
    again->depth = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memset(again, 0, offsetof(struct rsd_again, summed)); /* which are not looked at before they are made */
    again->frame = (struct rsd_frame *)first;
    again->word = (struct rsd_word *)(first + aligned(frames * sizeof(struct rsd_frame)));
    again->room = (uint16_t)frames;
}

/* The stack now has `depth` frames, which are in order. */
static void set_depth(struct rsd_again *again, uint32_t depth) {
    const struct rsd_frame *leaf = depth ? &again->frame[depth - 1] : NULL;
    if (leaf) {
        again->leaf = (struct rsd_registers){leaf->pc, leaf->sp, leaf->fp};
        again->leaf_fp = leaf->fp_use & RSD_FP_LIVE;
        again->words = (uint16_t)rsd_again_ends(again)[depth - 1];
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    again->depth = (uint16_t)depth;
}

/* The number of leading words up to and with the last one that does not hold; 0: all `count` hold. Four are read before
 * the first branch: whole stacks hold more often than not. */
static uint32_t last_failure(const struct rsd_word *first, uint32_t count) {
#define DIFFERENCE(w) (*(const uintptr_t *)(w)->address ^ (w)->value)
    const struct rsd_word *word = first + count;
    for (; word - first >= 4; word -= 4)
        if (DIFFERENCE(word - 1) | DIFFERENCE(word - 2) | DIFFERENCE(word - 3) | DIFFERENCE(word - 4))
            break;
    for (; word > first; word--)
        if (DIFFERENCE(word - 1))
            break;
    return (uint32_t)(word - first);
#undef DIFFERENCE
}

uint32_t rsd_again_verify(const struct rsd_again *again, uint32_t from) {
    const uint32_t *ends = rsd_again_ends(again);
    uint32_t failed = last_failure(again->word, ends[from]);
    if (__builtin_expect(!failed, 1))
        return 0;
    uint32_t low = 0, high = from;
    while (low < high) { /* the outermost frame whose steps include the failed word */
        uint32_t middle = (low + high) / 2;
        if (ends[middle] >= failed)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void copy(struct rsd_again *again, const struct rsd_again *other, uint32_t depth) {
    again->depth = 0;
    again->node = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(again->frame, other->frame, depth * sizeof *again->frame);
    memcpy(rsd_again_ends(again), rsd_again_ends(other), depth * sizeof(uint32_t));
    memcpy(again->word, other->word, depth ? rsd_again_ends(other)[depth - 1] * sizeof *again->word : 0);
    again->end = other->end;
    again->node = depth == other->depth ? other->node : 0;
}

void rsd_again_assign(struct rsd_again *again, const struct rsd_again *other, uint32_t depth) {
    copy(again, other, depth);
    set_depth(again, depth);
}

bool rsd_again_settle(struct rsd_again *again, const struct rsd_again *other) {
    copy(again, other, other->depth);
    if (!rsd_sum_up(again->summed, again->word, other->words, other->leaf.sp))
        return false;
    again->dozens = (uint8_t)rsd_summed_needed(other->words);
    set_depth(again, other->depth);
    return true;
}

/* Append the words of the step from `fresh` to `outer`. Returns the end of them. */
static inline struct rsd_word *append_words(struct rsd_word *word, const struct rsd_fresh *fresh,
                                            const struct rsd_frame *outer) {
    if (__builtin_expect(fresh->fp_slot == RSD_SLOT_GUESS, 0)) {
        *word = (struct rsd_word){(uintptr_t)&never, 1};
        return word + 1;
    }
    *word++ = (struct rsd_word){outer->sp + (uintptr_t)(intptr_t)RSD_RA_FROM_CFA, outer->pc};
    if (fresh->fp_slot && outer->fp_use & RSD_FP_LIVE)
        *word++ = (struct rsd_word){fresh->fp_slot, outer->fp};
    if (fresh->cfa_slot)
        *word++ = (struct rsd_word){fresh->cfa_slot, outer->sp};
    return word;
}

static inline uint8_t liveness(uint8_t use, uint8_t outer) {
    bool live = use & RSD_FP_USED || (use & RSD_FP_PASSED && outer & RSD_FP_LIVE);
    return (uint8_t)((use & ~RSD_FP_LIVE) | (live ? RSD_FP_LIVE : 0));
}

rsd_tally_t rsd_again_append(struct rsd_again *again, uint32_t kept, const struct rsd_fresh *fresh, uint32_t count) {
    rsd_tally_t tally = 0;
    uint32_t *ends = rsd_again_ends(again);
    struct rsd_word *word = again->word + (kept ? ends[kept - 1] : 0);
    struct rsd_frame *frame = again->frame + kept;
    uint8_t outer_use = kept ? frame[-1].fp_use : 0;
    again->depth = (uint16_t)(again->depth < kept ? again->depth : kept);
    again->node = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = kept; i < kept + count; i++, frame++) {
        const struct rsd_fresh *from = &fresh[kept + count - 1 - i];
        tally += UINT64_C(1) << 10 * from->frame.source;
        *frame = from->frame;
        frame->node = 0;
        frame->fp_use = outer_use = liveness(from->frame.fp_use, outer_use);
        if (i)
            word = append_words(word, from, frame - 1);
        ends[i] = (uint32_t)(word - again->word);
    }
    set_depth(again, kept + count);
    return tally;
}
