/*
 * A writer's trie of stacks: a stack is the id of its leaf's node. See stacks.c.
 */
#ifndef RSD_STACKS_H
#define RSD_STACKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "js/js.h"
#include "origin.h"
#include "unwind/unwind.h"

struct rsd_trie_entry {
    uint64_t key; /* pc, with the frame's flags in bits 60 to 63 */
    uint32_t parent;
    uint32_t node;
};

/* By hash: the number of an entry, and as many bits of its hash as there is room for; 0: none. */
struct rsd_table {
    uint32_t *place;
    uint32_t mask; /* room - 1; room is a power of two */
};

#define RSD_TRIE_RECENT 8192u

struct rsd_trie {
    struct rsd_trie_entry *entry; /* by number, from 1, in the order in which they were made */
    uint32_t used;                /* the last number */
    struct rsd_table now;
    struct rsd_table before;  /* the smaller table that is being moved; place NULL: none */
    uint32_t moved;           /* the last number that was */
    uint32_t to_move;         /* the last number in `before` */
    bool full;                /* it has no room for more and may not grow */
    uint32_t epoch;           /* of the code whose addresses stand here */
    uint32_t reused;          /* rsd_codemap.reused when these stacks were taken */
    struct rsd_origin origin; /* of the stacks whose nodes the unwinder keeps */
    /* Copies of the entries found last, by hash. The tables grow to many megabytes, where each look-up costs a line of the
     * cache and a page; what is in use at a time is little. */
    struct rsd_trie_entry recent[RSD_TRIE_RECENT];
};

#define RSD_NAMES_CHANGING 4u /* names of a stack that keep changing, at most */
#define RSD_NAMES_DOZENS 4u   /* words on the stack that the others hang on, at most, in dozens */

/* The frames that could be JavaScript of each stack that the unwinder remembers, outermost first. */
struct rsd_names {
    struct rsd_js *js; /* NULL: JavaScript is not named */
    struct rsd_named_frames {
        _Alignas(64) struct rsd_js_proof *named; /* by what their names, or that they have none, can be told again */
        uint32_t count;                          /* of `named` */
        uint32_t room;                           /* frames */
        uint32_t taken; /* rsd_js_pages_taken when the words were true; 0: they were not put down */
        uint32_t dozens, heap_words;
        uint8_t changing[RSD_NAMES_CHANGING]; /* which of `named` keep changing */
        uint8_t changings, next_changing;     /* how many do; which of `changing` the next one takes, counted on */
        /* All words that the other proofs hang on: of a stack that was met more than once. */
        struct rsd_word *in_heap;                                  /* read only if those on the stack hold */
        _Alignas(64) struct rsd_summed on_stack[RSD_NAMES_DOZENS]; /* from the stack pointer of the leaf */
    } of[RSD_STACKS];                                              /* by rsd_stack.place */
    char *rest; /* room for places that have none yet, or too little */
};

struct rsd_thread;

/* Bytes of zeroed memory, aligned to 64, for the names of stacks of up to `depth` frames; and make them in it. */
size_t rsd_names_size(uint32_t depth);
void rsd_names_init(struct rsd_thread *thread, void *memory);

/* The slot passes to another thread. */
void rsd_names_hand_over(struct rsd_thread *thread);

bool rsd_trie_init(struct rsd_trie *trie);
void rsd_trie_release(struct rsd_trie *trie);

/* The node of the calling thread's stack, outward from `from`; 0 when recording has stopped. */
uint32_t rsd_stack_node(struct rsd_thread *thread, const struct rsd_registers *from);

/* Code was unmapped: addresses in the tries may mean something else from now on. Any thread. */
void rsd_stacks_new_epoch(void);

#endif
