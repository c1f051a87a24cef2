/*
 * FORMAT.md 2.3: records of fixed size in planes.
 */
#ifndef RESIDUE_PLANES_H
#define RESIDUE_PLANES_H

#include <stdint.h>
#include <string.h>

#include "residue/format.h"

/* Differences of 64-bit words from record to record, then byte planes. `size` is a record's, a multiple of 8. */
static inline void residue_to_planes(unsigned char *out, const unsigned char *rows, uint32_t records, uint32_t size) {
    for (uint32_t word = 0; word < size / 8; word++) {
        unsigned char *plane = out + (size_t)word * 8 * records;
        uint64_t before = 0;
        for (uint32_t i = 0; i < records; i++) {
            uint64_t value;
            memcpy(&value, rows + (size_t)i * size + word * 8, 8);
            uint64_t difference = value - before;
            before = value;
            for (uint32_t byte = 0; byte < 8; byte++)
                plane[(size_t)byte * records + i] = (unsigned char)(difference >> (8 * byte));
        }
    }
}

/* FORMAT.md 2.3, kin: the node of the frame, by number, that `i` is like: the last one whose parent's pc has the same slot,
 * else the one before; -1: none. `last` has RESIDUE_KIN_SLOTS of node numbers plus one, at first 0. */
#define RESIDUE_KIN_SLOTS 4096u
static inline int64_t residue_kin_of(const unsigned char *rows, uint32_t i, uint32_t parent, uint64_t first,
                                     uint16_t *last) {
    uint64_t context = parent;
    uint32_t in_frame = parent - (uint32_t)first;
    if (in_frame < i)
        memcpy(&context, rows + (size_t)in_frame * sizeof(struct residue_node), 8);
    uint16_t *slot = &last[context * 0x9e3779b97f4a7c15u >> 52];
    int64_t kin = *slot ? *slot - 1 : (int64_t)i - 1;
    *slot = (uint16_t)(i + 1);
    return kin;
}

/* Nodes in planes, with what they have in common with their kin left out. `first` is the id of the first. */
static inline void residue_to_kin(unsigned char *out, const unsigned char *rows, uint32_t records, uint64_t first,
                                  uint16_t *last) {
    memset(last, 0, RESIDUE_KIN_SLOTS * sizeof *last);
    for (uint32_t i = 0; i < records; i++) {
        struct residue_node node, kin = {.pc = 0};
        uint64_t word[3], like[3];
        memcpy(&node, rows + (size_t)i * sizeof node, sizeof node);
        int64_t at = residue_kin_of(rows, i, node.parent, first, last);
        if (at >= 0)
            memcpy(&kin, rows + (size_t)at * sizeof kin, sizeof kin);
        node.parent = (uint32_t)first + i - 1 - node.parent;
        node.owner -= kin.owner;
        memcpy(word, &node, sizeof word);
        memcpy(like, &kin, sizeof like);
        word[0] -= like[0];
        word[2] -= like[2];
        for (uint32_t byte = 0; byte < 24; byte++)
            out[(size_t)byte * records + i] = (unsigned char)(word[byte / 8] >> (8 * (byte % 8)));
    }
}

#endif
