/*
 * Sizes as people write them, for the recorder's variables and the commands' options alike. It allocates nothing and uses
 * no floating point: the recorder reads its variables inside of the program's first malloc.
 */
#ifndef RESIDUE_SIZE_H
#define RESIDUE_SIZE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool residue_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "4096", "512KiB", "1.5g": a number, then nothing or a power of 1,024. K, KB and KiB are the same, and so are k, kb and
 * kib. False: it is no such text, or 2^63 bytes and more. */
static inline bool residue_parse_size(const char *text, uint64_t *bytes) {
    uint64_t whole = 0, part = 0, scale = 1;
    const char *at = text;
    for (; residue_is_digit(*at); at++) {
        if (whole >> 59)
            return false;
        whole = whole * 10 + (uint64_t)(*at - '0');
    }
    if (*at == '.')
        for (at++; residue_is_digit(*at); at++)
            if (scale < 1000000) {
                part = part * 10 + (uint64_t)(*at - '0');
                scale *= 10;
            }
    if (at == text || !residue_is_digit(at[-1]))
        return false;
    static const char units[] = "kmgt";
    const char *unit = *at ? strchr(units, *at | 0x20) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (unit) {
        at++;
        at += *at == 'i' || *at == 'I';
    }
    at += *at == 'B' || *at == 'b';
    if (*at || whole >> (63 - shift))
        return false;
    *bytes = (whole << shift) + (part << shift) / scale;
    return true;
}

#endif
