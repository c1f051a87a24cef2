/*
 * FORMAT.md 2.3: records of fixed size in planes.
 */
#ifndef RESIDUE_PLANES_H
#define RESIDUE_PLANES_H

#include <stdint.h>
#include <string.h>

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

#endif
