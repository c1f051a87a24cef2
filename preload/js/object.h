/*
 * V8's tagged values. See object.c.
 */
#ifndef RSD_JS_OBJECT_H
#define RSD_JS_OBJECT_H

#include "js/pages.h"
#include "js/state.h"

#define RSD_JS_NO_TYPE (-1)

struct rsd_js_object {
    uintptr_t at; /* untagged, where it is now; 0: none */
    int32_t type;
};

/* A pointer to an object, not a small integer, a weak reference or a forwarding address. */
static inline bool rsd_js_is_pointer(uintptr_t word) {
    return (word & 7) == 1;
}

static inline bool rsd_js_is_small_integer(uintptr_t word) {
    return (word & 0xffffffff) == 0;
}

static inline int32_t rsd_js_integer(uintptr_t word) {
    return (int32_t)(word >> 32);
}

/* The object that a tagged word points to, at its new place if it is being moved. */
struct rsd_js_object rsd_js_object(struct rsd_js *js, uintptr_t word);

/* The object that `object`'s field points to. */
static inline struct rsd_js_object rsd_js_field(struct rsd_js *js, struct rsd_js_object object, int32_t offset) {
    return rsd_js_object(js, object.at ? rsd_js_word(object.at + (uintptr_t)offset) : 0);
}

/* The small integer in `object`'s field, or -1. */
static inline int32_t rsd_js_integer_field(struct rsd_js_object object, int32_t offset) {
    uintptr_t word = object.at ? rsd_js_word(object.at + (uintptr_t)offset) : 1;
    return rsd_js_is_small_integer(word) ? rsd_js_integer(word) : -1;
}

/* The bytes of a byte array: their address, and their number in `size`; 0 when it is none. */
uintptr_t rsd_js_bytes(struct rsd_js_object object, uint32_t *size);

/* Element `index` of an array of tagged words, or 0. */
uintptr_t rsd_js_element(struct rsd_js_object array, uint32_t index);

static inline bool rsd_js_is_string(struct rsd_js_object object) {
    return object.type >= 0 && object.type < 0x80;
}

/* Where the characters of a flat string lie. */
struct rsd_js_text {
    uintptr_t at;  /* 0: not flat, or no string */
    uint32_t size; /* in characters */
    bool wide;     /* two bytes a character */
};

struct rsd_js_text rsd_js_text(struct rsd_js *js, struct rsd_js_object string);

/* A string as UTF-8, cut off at `room`; bytes written. */
uint32_t rsd_js_utf8(struct rsd_js *js, struct rsd_js_object string, char *out, uint32_t room);

#endif
