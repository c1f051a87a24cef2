/*
 * A stack that was met before, and what must still be true for it to hold.
 */
#ifndef RSD_AGAIN_H
#define RSD_AGAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../arch/x86_64.h"
#include "summed.h"
#include "unwind.h"

#define RSD_WORDS_PER_FRAME 3u /* return address, saved frame pointer, CFA */

/* A frame just found, with the places of the words that the step outward from it reads. */
struct rsd_fresh {
    struct rsd_frame frame;
    uintptr_t fp_slot;  /* 0: the caller's frame pointer is not read from the stack */
    uintptr_t cfa_slot; /* 0: the CFA is not read from the stack */
};
#define RSD_SLOT_GUESS 1u /* as fp_slot: the step is a guess, or follows no words, and is never taken for true again */

/* A line of the cache, and behind it the sums of the words: all that is looked at when the stack is met again. */
struct rsd_again {
    _Alignas(64) struct rsd_registers leaf; /* of frame[depth - 1] */
    struct rsd_frame *frame;                /* root first; these are the frames that the caller sees */
    struct rsd_word *word;                  /* that some step outward has read, root first */
    uint32_t node;                          /* the caller's: what the whole stack is to it; 0 in a new stack */
    uint16_t depth;                         /* frames that may be taken for true again; 0 when the stack is of no use */
    uint16_t words;                         /* ends[depth - 1] */
    uint16_t room;                          /* frames */
    uint16_t follows;                       /* place of the stack that came after this one the last time (met.h) */
    uint8_t dozens;                         /* of words that are summed up */
    uint8_t end;                            /* enum residue_end */
    bool leaf_fp;                           /* the leaf's frame pointer is live */
    bool used;                              /* met since it was last thought of giving its place to another */
    /* All words, from leaf.sp; of a stack that has a place of its own. */
    _Alignas(64) struct rsd_summed summed[RSD_STACKS_ROOM * RSD_WORDS_PER_FRAME / RSD_SUMMED];
};

/* By frame: word[0, ends[i]) are those of the steps from frame i and from all outside of it. */
static inline uint32_t *rsd_again_ends(const struct rsd_again *again) {
    return (uint32_t *)again->frame - again->room;
}

_Static_assert(RSD_DEPTH_MAX *RSD_WORDS_PER_FRAME <= UINT16_MAX, "depth, words");
_Static_assert(offsetof(struct rsd_again, summed) == 64, "one line");

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

/* Does the whole stack hold, now that there is this leaf? It is sealed. */
static inline bool rsd_again_holds(const struct rsd_again *again, const struct rsd_registers *leaf) {
    return again->leaf.pc == leaf->pc && again->leaf.sp == leaf->sp && again->depth &&
           (again->leaf.fp == leaf->fp || !again->leaf_fp) && rsd_sums_hold(again->summed, again->dozens, leaf->sp);
}

/* Make `again` a copy of the outermost `depth` frames of `other`. */
void rsd_again_assign(struct rsd_again *again, const struct rsd_again *other, uint32_t depth);

/* Make it a copy of all of them that stays as it is, sealed. False: it cannot be, and is of no use. */
bool rsd_again_settle(struct rsd_again *again, const struct rsd_again *other);

/* How many frames came from which source: ten bits for each enum residue_source. (The leaf has a source of its own, so
 * no other has more than 1,023.) */
typedef uint64_t rsd_tally_t;
static inline uint32_t rsd_tally(rsd_tally_t tally, enum residue_source source) {
    return (uint32_t)(tally >> 10 * source & 1023);
}

/* The stack is now: the first `kept` frames as they are, and the `count` fresh ones, which are leaf first. */
rsd_tally_t rsd_again_append(struct rsd_again *again, uint32_t kept, const struct rsd_fresh *fresh, uint32_t count);

#endif
