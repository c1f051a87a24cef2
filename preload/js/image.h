/*
 * What is found in the executable's own file. See image.c.
 */
#ifndef RSD_JS_IMAGE_H
#define RSD_JS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rsd_js_image {
    uintptr_t builtins, builtins_end; /* where the embedded builtins are mapped with the executable */
    uint64_t offset, offset_end;      /* the same in the executable's file */
};

extern struct rsd_js_image rsd_js_image;

/* Look. False: no builtins, so nothing can be named. */
bool rsd_js_image_start(void);

/* Ask `is_it` about each place of the file's read-only data that is aligned to 32 bytes, with `size` bytes to read
 * there, until it says yes. */
typedef bool rsd_js_is_it(const uint8_t *at);
bool rsd_js_image_search(rsd_js_is_it *is_it, size_t size);

/* Does this part of a file hold builtins, should the file be the executable? */
static inline bool rsd_js_image_holds_builtins(uint64_t offset, uint64_t size) {
    return offset < rsd_js_image.offset_end && offset + size > rsd_js_image.offset;
}

#endif
