/*
 * How long V8's bytecodes are. See bytecodes.c.
 */
#ifndef RSD_JS_BYTECODES_H
#define RSD_JS_BYTECODES_H

#include <stdbool.h>
#include <stdint.h>

extern uint32_t rsd_js_bytecodes; /* how many there are; 0: their sizes are not known */

/* `own` is V8's table where the executable exports it, else NULL. */
void rsd_js_bytecodes_start(const uint8_t *own);

/* Is `table`, of which 3 * 256 bytes can be read, V8's? Then the number of bytecodes, else 0. */
uint32_t rsd_js_bytecodes_in(const uint8_t *table);

#define RSD_JS_BYTECODES_MOST 256u
#define RSD_JS_BYTECODE_PREFIXES 4u /* the first bytecodes, each of which widens the operands of the next */

/* Of bytecode b with operands of 1, 2, 4 bytes: [scale * bytecodes + b]. */
extern uint8_t rsd_js_bytecode_sizes[3 * RSD_JS_BYTECODES_MOST];

/* The same where it may have a prefix. */
uint32_t rsd_js_bytecode_size_wide(const uint8_t *code, uint32_t room);

/* Bytes of the bytecode at `code`, prefix included; 0 when there is none, or it does not fit into `room`, which is not 0. */
static inline uint32_t rsd_js_bytecode_size(const uint8_t *code, uint32_t room) {
    uint32_t plain = *code < rsd_js_bytecodes ? rsd_js_bytecode_sizes[*code] : 0;
    if (__builtin_expect(*code < RSD_JS_BYTECODE_PREFIXES, 0))
        return rsd_js_bytecode_size_wide(code, room);
    return plain <= room ? plain : 0;
}

#endif
