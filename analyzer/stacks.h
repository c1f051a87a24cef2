/* All stacks of a trace in one trie: the same stack in two threads is one node. */
#ifndef RSD_STACKS_H
#define RSD_STACKS_H

#include "history.h"

#define RSD_NO_STACK 0u     /* a record without a stack, or one whose node is lost */
#define RSD_TRACER_STACK 1u /* libc allocated it for the recorder itself: not the program's */
#define RSD_END_LOST 64u    /* the rest of the stack is in a lost segment */

struct rsd_stack_node {
    uint32_t parent; /* towards the root; 0 behind the outermost frame */
    uint32_t owner;  /* NATIVE: number of the binary; JS, and JIT with a name: number of the function; else 0 */
    uint64_t
        offset;   /* NATIVE: address in the binary's file; JS: line << 32 | column; else the pc, but 0 of a named JIT */
    uint8_t kind; /* enum residue_node_kind */
    uint8_t source; /* enum residue_source */
    uint8_t end;    /* why the stack ends, enum residue_end; of the outermost frame only */
    bool interrupted;
    bool has_binary; /* NATIVE: its MODULE record is there; JS, JIT: it has a name */
    uint16_t depth;  /* nodes from here to the root */
};

/* A writer's node ids from `first` on, and the nodes that they are here. */
struct rsd_run {
    uint32_t first, count;
    uint32_t *node;
};

struct rsd_runs {
    struct rsd_run *list;
    size_t count, capacity;
};

struct rsd_stacks {
    struct rsd_stack_node *nodes; /* [0] is RSD_NO_STACK, [1] RSD_TRACER_STACK */
    size_t count, capacity;
    uint32_t *slots; /* hash table of node numbers, 0 free */
    size_t slot_count;
    struct rsd_runs *runs; /* by place of the writer in the trace */
    size_t writer_count;
    uint64_t read; /* NODE records */
};

void rsd_stacks_read(struct rsd_stacks *stacks, struct rsd_trace *trace, const struct rsd_history *history,
                     struct rsd_source *source);
void rsd_stacks_free(struct rsd_stacks *stacks);

/* The node here for a writer's node id; RSD_NO_STACK when it has none. */
uint32_t rsd_stacks_find(const struct rsd_stacks *stacks, size_t writer, uint32_t id);

/* Why the stack of a node ends: enum residue_end, or RSD_END_LOST. */
unsigned rsd_stacks_end(const struct rsd_stacks *stacks, uint32_t node);

#endif
