/*
 * How long V8's bytecodes are.
 *
 * Needed to walk along a function's bytecodes, which is how a place in baseline code becomes a bytecode offset. Three
 * sources, in this order:
 *
 *     V8's own table     where the executable exports it (Node 18 to 22)
 *     the rows below     for the versions of V8 that they were read from (the builds of Node 24, 26 on nodejs.org)
 *     a search           for V8's table in the executable's read-only data (any other build)
 *
 * The table begins with prefixes, debug breaks and loads, whose sizes have not changed in years; the same row follows
 * for operands of two and of four bytes, and the distance between the three says how many bytecodes there are.
 * Nothing else in the file looks like that. The search reads up to 14 MB, some milliseconds of a start, and reads the
 * file instead of the mapping, so that these pages do not count as the program's.
 *
 * A wrong table cannot name a wrong line: whoever walks must arrive exactly at the end (positions.c).
 *
 * Entered once, in the constructor; the table does not change afterwards.
 */
#include "js/bytecodes.h"

#include <string.h>

#include "js/image.h"
#include "js/layout.h"

#define BYTECODES_LEAST 128u

uint32_t rsd_js_bytecodes;
uint8_t rsd_js_bytecode_sizes[3 * RSD_JS_BYTECODES_MOST];

/* One character a bytecode, in base 36: 6 * (bytes of operands that never grow) + operands that grow with the prefix.
 * */
static const struct {
    int32_t major, minor;
    const char *bytecodes;
} row[] = {
    {13, 6,
     "000001234ef10100000133311112111000622231311333133373324223339392222222222222222222222221111001111344"
     "34542344ef8844222222222011100e8018082812222000311111111113111111111111331241000010013433011000000000"
     "00000000"},
    {14, 6,
     "000001234ef10100000133311112111000622231311333133373324223339392222222222222822222222222211110011113"
     "4434542344ef88442dddddd22011100e80180828122222000311111111113111111111111331241400001001343301600000"
     "000000000000"},
};

/* Four prefixes and a debug break, six more debug breaks, Ldar, LdaZero, LdaSmi. */
static const uint8_t begin_1[] = {1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 6, 2, 1, 2};
static const uint8_t begin_2[] = {1, 1, 1, 1, 1, 3, 5, 7, 9, 7, 9, 3, 1, 3};
static const uint8_t begin_4[] = {1, 1, 1, 1, 1, 5, 9, 13, 17, 11, 15, 5, 1, 5};

uint32_t rsd_js_bytecodes_in(const uint8_t *table) {
    if (memcmp(table, begin_1, sizeof begin_1) != 0)
        return 0;
    for (uint32_t count = BYTECODES_LEAST; count < RSD_JS_BYTECODES_MOST; count++)
        if (memcmp(table + count, begin_2, sizeof begin_2) == 0)
            return memcmp(table + 2 * count, begin_4, sizeof begin_4) == 0 ? count : 0;
    return 0;
}

static bool take(const uint8_t *table) {
    uint32_t count = rsd_js_bytecodes_in(table);
    memcpy(rsd_js_bytecode_sizes, table, count * 3);
    rsd_js_bytecodes = count;
    return count != 0;
}

static uint32_t digit(char c) {
    return c <= '9' ? (uint32_t)(c - '0') : (uint32_t)(c - 'a') + 10;
}

static bool take_row(void) {
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        if (row[i].major != rsd_js_layout.major || row[i].minor != rsd_js_layout.minor)
            continue;
        uint32_t count = (uint32_t)strlen(row[i].bytecodes);
        for (uint32_t b = 0; b < count; b++)
            for (uint32_t scale = 0; scale < 3; scale++) {
                uint32_t fixed = digit(row[i].bytecodes[b]) / 6, growing = digit(row[i].bytecodes[b]) % 6;
                rsd_js_bytecode_sizes[scale * count + b] = (uint8_t)(1 + fixed + (growing << scale));
            }
        rsd_js_bytecodes = count;
        return true;
    }
    return false;
}

void rsd_js_bytecodes_start(const uint8_t *own) {
    if ((!own || !take(own)) && !take_row())
        rsd_js_image_search(take, sizeof rsd_js_bytecode_sizes);
}

uint32_t rsd_js_bytecode_size_wide(const uint8_t *code, uint32_t room) {
    enum { WIDE, EXTRA_WIDE, DEBUG_BREAK_WIDE, DEBUG_BREAK_EXTRA_WIDE };
    uint32_t prefix = room > 1 && code[0] < RSD_JS_BYTECODE_PREFIXES;
    uint32_t scale = prefix ? (code[0] & EXTRA_WIDE) + 1u : 0;
    if (room <= prefix || code[prefix] >= rsd_js_bytecodes)
        return 0;
    uint32_t size = prefix + rsd_js_bytecode_sizes[scale * rsd_js_bytecodes + code[prefix]];
    return size <= room ? size : 0;
}
