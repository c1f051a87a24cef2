/*
 * FORMAT.md 2.3: records of fixed size in planes.
 */
#ifndef RESIDUE_PLANES_H
#define RESIDUE_PLANES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "residue/format.h"

/* A difference as a number that is small where the difference is, whichever way it goes; and back. */
static inline uint64_t residue_zigzag(uint64_t difference) {
    return difference << 1 ^ (0 - (difference >> 63));
}
static inline uint64_t residue_unzigzag(uint64_t number) {
    return number >> 1 ^ (0 - (number & 1));
}
static inline uint32_t residue_zigzag32(uint32_t difference) {
    return difference << 1 ^ (0 - (difference >> 31));
}
static inline uint32_t residue_unzigzag32(uint32_t number) {
    return number >> 1 ^ (0 - (number & 1));
}

/* The 64-bit word that is two fields of 32 bits, in a record of this kind; all others are one field each. */
static inline uint32_t residue_halved_word(enum residue_kind kind) {
    return kind == RESIDUE_ALLOC ? 2 : kind == RESIDUE_LARGE ? 3 : UINT32_MAX;
}

static inline uint64_t residue_field(uint64_t value, uint64_t before, bool halved) {
    if (!halved)
        return residue_zigzag(value - before);
    return (uint64_t)residue_zigzag32((uint32_t)(value >> 32) - (uint32_t)(before >> 32)) << 32 |
           residue_zigzag32((uint32_t)value - (uint32_t)before);
}

/* The lower bytes of a value, `stride` apart. */
static inline void residue_put_planes(unsigned char *out, uint64_t value, uint32_t bytes, size_t stride) {
    for (uint32_t byte = 0; byte < bytes; byte++)
        out[byte * stride] = (unsigned char)(value >> (8 * byte));
}
static inline uint64_t residue_get_planes(const unsigned char *from, uint32_t bytes, size_t stride) {
    uint64_t value = 0;
    for (uint32_t byte = 0; byte < bytes; byte++)
        value |= (uint64_t)from[byte * stride] << (8 * byte);
    return value;
}

/* Fields as zigzag differences from record to record, then byte planes. `size` is a record's. */
static inline void residue_to_fields(unsigned char *out, const unsigned char *rows, uint32_t records, uint32_t size,
                                     enum residue_kind kind) {
    for (uint32_t word = 0; word < size / 8; word++) {
        unsigned char *plane = out + (size_t)word * 8 * records;
        bool halved = word == residue_halved_word(kind);
        uint64_t before = 0;
        for (uint32_t i = 0; i < records; i++) {
            uint64_t value;
            memcpy(&value, rows + (size_t)i * size + word * 8, 8);
            residue_put_planes(plane + i, residue_field(value, before, halved), 8, records);
            before = value;
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

#endif
