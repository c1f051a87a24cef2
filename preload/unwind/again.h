/*
 * A stack that was met before, and what must still be true for it to hold.
 */
#ifndef RSD_AGAIN_H
#define RSD_AGAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "../arch/x86_64.h"
#include "unwind.h"

/* A word of the stack that some step outward has read, and what it was. */
struct rsd_word {
    uintptr_t address;
    uintptr_t value;
};
#define RSD_WORDS_PER_FRAME 3u /* return address, saved frame pointer, CFA */

/* A frame just found, with the places of the words that the step outward from it reads. */
struct rsd_fresh {
    struct rsd_frame frame;
    uintptr_t fp_slot;  /* 0: the caller's frame pointer is not read from the stack */
    uintptr_t cfa_slot; /* 0: the CFA is not read from the stack */
};
#define RSD_SLOT_GUESS 1u /* as fp_slot: the step is a guess, or follows no words, and is never taken for true again */

/* One line of the cache: with the words behind it, all that is looked at when the stack is met again. */
struct rsd_again {
    _Alignas(64) struct rsd_registers leaf; /* of frame[depth - 1] */
    struct rsd_frame *frame;                /* root first; these are the frames that the caller sees */
    struct rsd_word *word;                  /* of all steps, root first */
    uint32_t *word_end; /* word[0, word_end[i]) are those of the steps from frame i and from all outside of it */
    uint32_t node;      /* the caller's: what the whole stack is to it; 0 in a new stack */
    uint16_t depth;     /* frames that may be taken for true again; 0 when the stack is of no use */
    uint16_t words;     /* word_end[depth - 1] */
    uint16_t room;      /* frames */
    uint16_t follows;   /* place of the stack that came after this one the last time (met.h) */
    uint8_t end;        /* enum residue_end */
    bool leaf_fp;       /* the leaf's frame pointer is live */
    bool used;          /* met since it was last thought of giving its place to another */
};
_Static_assert(RSD_DEPTH_MAX *RSD_WORDS_PER_FRAME <= UINT16_MAX, "depth, words");
_Static_assert(sizeof(struct rsd_again) == 64, "one line");

/* Bytes for so many frames of one stack and words of their steps, and make one in them; `memory` is aligned to 64. */
size_t rsd_again_size(uint32_t frames, uint32_t words);
void rsd_again_init(struct rsd_again *again, uint32_t frames, void *memory);

/* Is frame `b` the same as `a`, which was met before? Flag and pc are compared as one sum, which cannot be the same for
 * different ones (rule.h). To compare the flag by itself would let the compiler read it together with the source, as
 * one word of what has just been written as two, and that stalls the processor. */
static inline bool rsd_again_same(const struct rsd_frame *a, const struct rsd_frame *b) {
    return a->pc + a->flags == b->pc + b->flags && a->sp == b->sp && a->source == b->source &&
           (a->fp == b->fp || !(a->fp_use & RSD_FP_LIVE));
}

/* Frame `from` is met again. Returns the outermost frame that is still true: 0 when everything outside holds. */
uint32_t rsd_again_verify(const struct rsd_again *again, uint32_t from);

/* The number of leading words up to and with the last one that does not hold; 0: all `count` hold. Four are read before
 * the first branch: whole stacks hold more often than not. */
static inline uint32_t rsd_again_last_failure(const struct rsd_word *first, uint32_t count) {
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

/* Does the whole stack hold, now that there is this leaf? */
static inline bool rsd_again_holds(const struct rsd_again *again, const struct rsd_registers *leaf) {
    return again->leaf.pc == leaf->pc && again->leaf.sp == leaf->sp && again->depth &&
           (again->leaf.fp == leaf->fp || !again->leaf_fp) && !rsd_again_last_failure(again->word, again->words);
}

/* Make `again` a copy of the outermost `depth` frames of `other`. */
void rsd_again_assign(struct rsd_again *again, const struct rsd_again *other, uint32_t depth);

/* How many frames came from which source: ten bits for each enum residue_source. (The leaf has a source of its own, so
 * no other has more than 1,023.) */
typedef uint64_t rsd_tally_t;
static inline uint32_t rsd_tally(rsd_tally_t tally, enum residue_source source) {
    return (uint32_t)(tally >> 10 * source & 1023);
}

/* The stack is now: the first `kept` frames as they are, and the `count` fresh ones, which are leaf first. */
rsd_tally_t rsd_again_append(struct rsd_again *again, uint32_t kept, const struct rsd_fresh *fresh, uint32_t count);

#endif
