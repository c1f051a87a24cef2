/*
 * What is found in the executable's own file: V8's embedded builtins and the sizes of its bytecodes. See image.c.
 */
#ifndef RSD_JS_IMAGE_H
#define RSD_JS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rsd_js_image {
    uintptr_t builtins, builtins_end; /* where the embedded builtins are mapped with the executable; 0, 0 unknown */
    uint64_t offset, offset_end;      /* the same in the executable's file */
    uint32_t bytecodes;               /* how many bytecodes there are; 0: their sizes are not known */
    uint8_t size[3 * 256];            /* bytes of bytecode b with operands of 1, 2, 4 bytes: [scale * bytecodes + b] */
};

extern struct rsd_js_image rsd_js_image;

/* Look. `sizes` is V8's own table where a symbol names it, else NULL. False: no builtins, so nothing can be named. */
bool rsd_js_image_start(const uint8_t *sizes);

/* Does this part of a file hold builtins, should the file be the executable? */
static inline bool rsd_js_image_holds_builtins(uint64_t offset, uint64_t size) {
    return offset < rsd_js_image.offset_end && offset + size > rsd_js_image.offset;
}

/* Bytes of the bytecode at `code`, prefix included; 0 when there is no such bytecode or it does not fit into `room`. */
uint32_t rsd_js_bytecode_size(const uint8_t *code, uint32_t room);

#endif
