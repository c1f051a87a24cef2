/*
 * V8's tables from places in code to positions in source. See positions.c.
 */
#ifndef RSD_JS_POSITIONS_H
#define RSD_JS_POSITIONS_H

#include "js/object.h"

/* A source position as V8 packs it: bit 0 external, bits 1-30 the position in the script + 1, from bit 31 the number
 * of the inlining, 0 for the function itself. */
typedef int64_t rsd_js_position;

#define RSD_JS_NO_POSITION ((rsd_js_position)-1)

static inline int32_t rsd_js_position_in_script(rsd_js_position position) {
    return position < 0 || position & 1 ? -1 : (int32_t)(position >> 1 & 0x3fffffff) - 1;
}

static inline uint32_t rsd_js_position_inlining(rsd_js_position position) {
    return position < 0 ? 0 : (uint32_t)(position >> 31 & 0xffff);
}

/* The source range [start, end] of a function and the size of its code, which a table must respect. */
struct rsd_js_bounds {
    uint32_t code_size;
    int32_t start, end; /* -1: not known */
    bool bytecode;      /* else machine code, with parts of inlined functions */
};

/* The position that holds at `offset`, which lies in the code that the table is of: the last entry at or before it.
 * */
rsd_js_position rsd_js_position_at(struct rsd_js *js, struct rsd_js_object table, uint32_t offset,
                                   const struct rsd_js_bounds *bounds);

/* The bytecode offset of a place in baseline code, `offset` bytes into it, or -1. `offsets` is the code's table. */
int32_t rsd_js_bytecode_at(struct rsd_js_object offsets, struct rsd_js_object bytecodes, uint32_t offset);

/* Does a bytecode begin at `offset`? Yes, if it is not known how long they are. */
bool rsd_js_is_bytecode_start(struct rsd_js *js, struct rsd_js_object bytecodes, uint32_t offset);

/* For tests: does a table of `size` bytes make sense, read in this way? */
bool rsd_js_table_is_plausible(const uint8_t *table, uint32_t size, bool is_unsigned,
                               const struct rsd_js_bounds *bounds);

#endif
