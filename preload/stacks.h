/*
 * A writer's trie of stacks: a stack is the id of its leaf's node. See stacks.c.
 */
#ifndef RSD_STACKS_H
#define RSD_STACKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "unwind/unwind.h"

struct rsd_trie_entry {
    uint64_t key; /* pc, with the frame's flags in bits 60 to 63 */
    uint32_t parent;
    uint32_t node; /* 0: empty */
};

struct rsd_trie {
    struct rsd_trie_entry *entry;
    uint32_t mask; /* room - 1; room is a power of two */
    uint32_t used;
    uint32_t epoch; /* of the code whose addresses stand here */
};

struct rsd_thread;

bool rsd_trie_init(struct rsd_trie *trie);

/* The node of the calling thread's stack, outward from `from`; 0 when recording has stopped. */
uint32_t rsd_stack_node(struct rsd_thread *thread, const struct rsd_registers *from);

/* Code was unmapped: addresses in the tries may mean something else from now on. Any thread. */
void rsd_stacks_new_epoch(void);

#endif
