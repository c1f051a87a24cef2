/*
 * FORMAT.md 2.3, trie: nodes by what is new about them.
 */
#ifndef RESIDUE_TRIE_H
#define RESIDUE_TRIE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "residue/planes.h"

#define RESIDUE_TRIE_SLOTS 4096u
#define RESIDUE_TRIE_FAR 255u   /* a rise that is none: the parent is among the far ones */
#define RESIDUE_TRIE_PLANES 22u /* 4 of far parents, 2 of distances, 16 of unmet nodes */

enum residue_likeness { RESIDUE_FORETOLD = 0, RESIDUE_MET = 1, RESIDUE_UNMET = 2 };

/* Numbers of nodes in the frame plus one, 0: none. Zeros at first. */
struct residue_trie_state {
    const unsigned char *rows;             /* of the nodes of the frame, as far as they are known */
    uint32_t first;                        /* id of the first */
    uint16_t youngest[RESIDUE_TRIE_SLOTS]; /* by parent: its last child */
    uint16_t foretold[RESIDUE_TRIE_SLOTS]; /* by the pcs of parent and elder: the last node that had these */
    uint16_t by_pc[RESIDUE_TRIE_SLOTS];    /* the last node of a pc; the writer's alone */
    uint64_t last_pc[64];                  /* by owner: of its last unmet node */
};

static inline struct residue_node residue_trie_node(const struct residue_trie_state *state, uint32_t i) {
    struct residue_node node;
    memcpy(&node, state->rows + (size_t)i * sizeof node, sizeof node);
    return node;
}

/* The parent of the node `id`, of a frame that is known up to the node `i`; false: `id` is not in there. */
static inline bool residue_trie_rise(const struct residue_trie_state *state, uint32_t i, uint32_t *id) {
    uint32_t at = *id - state->first;
    if (at >= i)
        return false;
    *id = residue_trie_node(state, at).parent;
    return true;
}

static inline uint16_t *residue_trie_slot(uint16_t *table, uint64_t key) {
    return &table[key * 0x9e3779b97f4a7c15u >> 52];
}

/* Where the number of the node stands that the node `i` below this parent is foretold to be like; `i` becomes the parent's
 * youngest. The caller puts `i` there. */
static inline uint16_t *residue_trie_foretell(struct residue_trie_state *state, uint32_t i, uint32_t parent) {
    uint32_t at = parent - state->first;
    uint64_t caller = at < i ? residue_trie_node(state, at).pc : parent;
    uint16_t *youngest = &state->youngest[parent % RESIDUE_TRIE_SLOTS];
    uint64_t elder = *youngest ? residue_trie_node(state, *youngest - 1u).pc : 0;
    *youngest = (uint16_t)(i + 1);
    return residue_trie_slot(state->foretold, caller ^ elder * 0xbf58476d1ce4e5b9u);
}

/* What an unmet node's pc is counted from; NULL: nothing. */
static inline uint64_t *residue_trie_base(struct residue_trie_state *state, const struct residue_node *node) {
    return node->kind == RESIDUE_NODE_JS ? NULL : &state->last_pc[node->owner % 64];
}

/* All of a node but its pc and its parent. */
static inline uint64_t residue_trie_rest(const struct residue_node *node) {
    return node->owner | (uint64_t)node->kind << 32 | (uint64_t)node->source << 40 | (uint64_t)node->flags << 48;
}

/* ---- the writer's half ---- */

static inline bool residue_trie_alike(const struct residue_trie_state *state, uint16_t other,
                                      const struct residue_node *node) {
    if (!other)
        return false;
    struct residue_node it = residue_trie_node(state, other - 1u);
    return it.pc == node->pc && residue_trie_rest(&it) == residue_trie_rest(node);
}

/* How many steps up the parent is from the node before; RESIDUE_TRIE_FAR: it is none of its ancestors, or too far. */
static inline uint8_t residue_trie_rises(const struct residue_trie_state *state, uint32_t i, uint32_t parent) {
    uint32_t id = state->first + i - 1;
    for (uint32_t steps = 0; steps < RESIDUE_TRIE_FAR; steps++)
        if (id == parent)
            return (uint8_t)steps;
        else if (id < parent || !residue_trie_rise(state, i, &id))
            break;
    return RESIDUE_TRIE_FAR;
}

/* The content of a frame of nodes, of less than 24 bytes for each, in a room of 24 for each; its size. The state is zeros. */
static inline size_t residue_to_trie(unsigned char *out, const unsigned char *rows, uint32_t nodes, uint64_t first,
                                     struct residue_trie_state *state) {
    unsigned char *plane = out + 2 * (size_t)nodes; /* at first with room for all nodes in each */
    uint32_t far = 0, met = 0, unmet = 0;
    state->rows = rows;
    state->first = (uint32_t)first;
    for (uint32_t i = 0; i < nodes; i++) {
        struct residue_node node = residue_trie_node(state, i);
        uint16_t *foretold = residue_trie_foretell(state, i, node.parent);
        uint16_t *by_pc = residue_trie_slot(state->by_pc, node.pc);
        uint8_t likeness = residue_trie_alike(state, *foretold, &node) ? RESIDUE_FORETOLD
                           : residue_trie_alike(state, *by_pc, &node)  ? RESIDUE_MET
                                                                       : RESIDUE_UNMET;
        out[i] = residue_trie_rises(state, i, node.parent);
        out[nodes + i] = likeness;
        if (out[i] == RESIDUE_TRIE_FAR)
            residue_put_planes(plane + far++, state->first + i - node.parent, 4, nodes);
        if (likeness == RESIDUE_MET)
            residue_put_planes(plane + 4 * (size_t)nodes + met++, i + 1u - *by_pc, 2, nodes);
        if (likeness == RESIDUE_UNMET) {
            uint64_t *base = residue_trie_base(state, &node), pc = node.pc;
            residue_put_planes(plane + 6 * (size_t)nodes + unmet, base ? residue_zigzag(pc - *base) : pc, 8, nodes);
            residue_put_planes(plane + 14 * (size_t)nodes + unmet++, residue_trie_rest(&node), 8, nodes);
            if (base)
                *base = pc;
        }
        *foretold = *by_pc = (uint16_t)(i + 1);
    }
    unsigned char *end = plane;
    for (uint32_t k = 0; k < RESIDUE_TRIE_PLANES; k++, plane += nodes) {
        uint32_t count = k < 4 ? far : k < 6 ? met : unmet;
        memmove(end, plane, count);
        end += count;
    }
    return (size_t)(end - out);
}

#endif
