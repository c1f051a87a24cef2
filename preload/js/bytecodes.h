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

/* Bytes of the bytecode at `code`, prefix included; 0 when there is none, or it does not fit into `room`. */
uint32_t rsd_js_bytecode_size(const uint8_t *code, uint32_t room);

#endif
