/*
 * Interning stacks.
 *
 * The trie of a writer is a hash table from (parent node, pc) to node; a node is written to the log once, when it is
 * made, and ids count from 1 in that order. The unwinder keeps the nodes of the frames that it kept from the stack
 * before, so only new frames are looked up here.
 *
 *     node(frame i) = child(node(frame i - 1), pc of frame i)        node(frame -1) = the end node for why it ends
 *
 * An address means a function only as long as the code is mapped. When code goes away a global epoch is raised; a
 * thread that notices empties its table and makes new nodes, whose modules are looked up again.
 *
 * Entered by the thread that has the slot; the epoch is read and raised by any.
 */
#include "stacks.h"

#include "init.h"
#include "modules.h"
#include "sys.h"
#include "thread.h"

#define FIRST_ROOM 4096u

static _Atomic uint32_t code_epoch;

void rsd_stacks_new_epoch(void) {
    atomic_fetch_add(&code_epoch, 1);
}

static struct rsd_trie_entry *make_table(uint32_t room) {
    return rsd_sys_memory(room * sizeof(struct rsd_trie_entry));
}

bool rsd_trie_init(struct rsd_trie *trie) {
    *trie = (struct rsd_trie){.entry = make_table(FIRST_ROOM), .mask = FIRST_ROOM - 1};
    return trie->entry != NULL;
}

/* Multiply and fold; the odd constant is 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3,
 * 6.4). */
static uint32_t hash(uint64_t key, uint32_t parent) {
    uint64_t h = (key ^ (uint64_t)parent << 29) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32 ^ h >> 15);
}

static struct rsd_trie_entry *find(const struct rsd_trie *trie, uint64_t key, uint32_t parent) {
    uint32_t at = hash(key, parent) & trie->mask;
    struct rsd_trie_entry *entry = &trie->entry[at];
    while (entry->node && (entry->key != key || entry->parent != parent)) {
        at = (at + 1) & trie->mask;
        entry = &trie->entry[at];
    }
    return entry;
}

static bool grow(struct rsd_trie *trie) {
    struct rsd_trie bigger = {make_table((trie->mask + 1) * 2), trie->mask * 2 + 1, trie->used, trie->epoch};
    if (!bigger.entry)
        return false;
    for (uint32_t i = 0; i <= trie->mask; i++)
        if (trie->entry[i].node)
            *find(&bigger, trie->entry[i].key, trie->entry[i].parent) = trie->entry[i];
    rsd_sys_unmap(trie->entry, (trie->mask + 1) * sizeof *trie->entry);
    *trie = bigger;
    return true;
}

/* Write the node; its id, or 0 when recording has stopped. */
static uint32_t write_node(struct rsd_thread *thread, const struct residue_node *node) {
    struct rsd_writer *writer = &thread->writer;
    struct residue_node *room = rsd_writer_reserve(writer, RESIDUE_NODE, sizeof *node);
    if (!room)
        return 0;
    *room = *node;
    writer->last_node++;
    rsd_writer_commit(writer, RESIDUE_NODE, sizeof *node);
    writer->counter[RESIDUE_COUNTER_NODES]++;
    return (uint32_t)writer->last_node;
}

/* Fill the empty entry that find() gave for (parent, key). */
static uint32_t remember(struct rsd_trie *trie, struct rsd_trie_entry *entry, uint64_t key, uint32_t parent,
                         uint32_t node) {
    *entry = (struct rsd_trie_entry){key, parent, node};
    if (++trie->used > trie->mask / 4 * 3 && !grow(trie))
        trie->used--; /* stays over-full until memory is to be had */
    return node;
}

__attribute__((cold, noinline)) static uint32_t make_node(struct rsd_thread *thread, struct rsd_trie_entry *entry,
                                                          uint64_t key, const struct residue_node *node) {
    uint32_t id = write_node(thread, node);
    return id ? remember(&thread->trie, entry, key, node->parent, id) : 0;
}

static uint32_t end_node(struct rsd_thread *thread, uint8_t end) {
    uint64_t key = end;
    struct rsd_trie_entry *entry = find(&thread->trie, key, 0);
    struct residue_node node = {.pc = end, .kind = RESIDUE_NODE_END};
    return entry->node ? entry->node : make_node(thread, entry, key, &node);
}

static uint32_t frame_node(struct rsd_thread *thread, const struct rsd_frame *frame, uint32_t parent) {
    uint64_t key = (frame->pc & RESIDUE_ADDRESS_MASK) | (uint64_t)frame->flags << 60;
    struct rsd_trie_entry *entry = find(&thread->trie, key, parent);
    if (__builtin_expect(entry->node != 0, 1))
        return entry->node;
    if (rsd_module_is_ours(frame->pc)) /* a hook that the real function called the program through */
        return remember(&thread->trie, entry, key, parent, parent);
    struct residue_node node = {.pc = frame->pc & RESIDUE_ADDRESS_MASK,
                                .parent = parent,
                                .owner = rsd_module_at(thread, frame->pc),
                                .source = frame->source,
                                .flags = frame->flags};
    node.kind = node.owner ? RESIDUE_NODE_NATIVE : RESIDUE_NODE_JIT;
    return make_node(thread, entry, key, &node);
}

__attribute__((cold, noinline)) static void forget_all(struct rsd_thread *thread, uint32_t epoch) {
    struct rsd_trie *trie = &thread->trie;
    __builtin_memset(trie->entry, 0, (trie->mask + 1) * sizeof *trie->entry);
    trie->used = 0;
    trie->epoch = epoch;
    rsd_unwinder_init(thread->unwinder, rsd_trace.depth);
}

uint32_t rsd_stack_node(struct rsd_thread *thread, const struct rsd_registers *from) {
    uint32_t epoch = atomic_load_explicit(&code_epoch, memory_order_relaxed);
    if (__builtin_expect(epoch != thread->trie.epoch, 0))
        forget_all(thread, epoch);
    if (__builtin_expect(thread->ours, 0))
        return end_node(thread, RESIDUE_END_TRACER);
    struct rsd_stack *stack = rsd_unwind(thread->unwinder, from, thread->writer.counter);
    uint32_t node = stack->kept ? stack->frame[stack->kept - 1].node : end_node(thread, stack->end);
    for (uint32_t i = stack->kept; i < stack->depth; i++) {
        node = frame_node(thread, &stack->frame[i], node);
        stack->frame[i].node = node;
    }
    return node;
}
