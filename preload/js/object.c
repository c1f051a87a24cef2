/*
 * Tagged values: objects, forwarding, instance types, strings.
 *
 *     word & 7 == 1    a pointer to an object, plus 1
 *     low half 0       a small integer in the high half
 *     word & 3 == 3    a weak reference
 *
 * An object begins with its map; while the collector moves it, the old copy begins with the new address instead,
 * which is aligned and so has no tag: it is followed, and counted, for nothing may be learned from such a stack.
 * Every object is checked by its instance type before anything in it is believed, and a word that cannot be read is
 * 0, so a wrong turn ends as "no such object".
 *
 * A string is sequential, external (its characters in memory of the embedder), or made of others: a cons of two, a
 * slice of one, or thin, that is replaced by another. The low bits of the instance type say which, and those have not
 * changed from V8 10 to 14.
 */
#include "js/object.h"

#define MAP_INSTANCE_TYPE 12u
#define STRING_DATA 16u /* of a sequential string; also the first reference of the other kinds */
#define STRING_SECOND 24u
#define STRING_DEPTH 8u

enum string_kind { SEQUENTIAL = 0, CONS = 1, EXTERNAL = 2, SLICED = 3, THIN = 5, KIND_MASK = 7, ONE_BYTE = 8 };

struct rsd_js_object rsd_js_object(struct rsd_js *js, uintptr_t word) {
    struct rsd_js_object none = {0, RSD_JS_NO_TYPE};
    if (!rsd_js_is_pointer(word))
        return none;
    uintptr_t at = word - 1, map = rsd_js_word(at);
    if (map && (map & 3) == 0) {
        js->forwarded++;
        at = map;
        map = rsd_js_word(at);
    }
    if (!rsd_js_is_pointer(map))
        return none;
    uintptr_t type_at = map - 1 + MAP_INSTANCE_TYPE;
    if (!(rsd_js_page(type_at) & RSD_JS_PAGE_READABLE))
        return none;
    uint16_t type = *(const volatile uint16_t *)type_at;
    return (struct rsd_js_object){at, type};
}

uintptr_t rsd_js_bytes(struct rsd_js_object object, uint32_t *size) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    *size = 0;
    if (object.type != v8->type_byte_array &&
        (v8->type_trusted_byte_array < 0 || object.type != v8->type_trusted_byte_array))
        return 0;
    int32_t length = rsd_js_integer_field(object, v8->array_length);
    if (length <= 0)
        return 0;
    *size = (uint32_t)length;
    return object.at + (uintptr_t)v8->array_length + 8;
}

uintptr_t rsd_js_element(struct rsd_js_object array, uint32_t index) {
    int32_t length = rsd_js_integer_field(array, rsd_js_layout.array_length);
    if (length < 0 || index >= (uint32_t)length)
        return 0;
    return rsd_js_word(array.at + (uintptr_t)rsd_js_layout.array_length + 8 + 8ul * index);
}

/* ---- Strings --------------------------------------------------------------------------------------------------- */

static uint32_t length_of(struct rsd_js_object string) {
    return rsd_js_word32(string.at + (uintptr_t)rsd_js_layout.string_length);
}

/* The string that a thin one stands for, and the only part of a cons that was flattened. */
static struct rsd_js_object resolve(struct rsd_js *js, struct rsd_js_object string) {
    for (unsigned depth = 0; depth < STRING_DEPTH && rsd_js_is_string(string); depth++) {
        int32_t kind = string.type & KIND_MASK;
        if (kind != THIN && kind != CONS)
            break;
        struct rsd_js_object first = rsd_js_field(js, string, STRING_DATA);
        if (kind == CONS && rsd_js_is_string(first) && length_of(first) != length_of(string))
            break;
        string = first;
    }
    return string;
}

struct rsd_js_text rsd_js_text(struct rsd_js *js, struct rsd_js_object string) {
    struct rsd_js_text text = {0};
    string = resolve(js, string);
    if (!rsd_js_is_string(string))
        return text;
    text.size = length_of(string);
    uint32_t from = 0;
    if ((string.type & KIND_MASK) == SLICED) {
        from = (uint32_t)rsd_js_integer_field(string, STRING_SECOND);
        string = resolve(js, rsd_js_field(js, string, STRING_DATA));
        if (!rsd_js_is_string(string) || from > length_of(string) || text.size > length_of(string) - from)
            return text;
    }
    text.wide = !(string.type & ONE_BYTE);
    if ((string.type & KIND_MASK) == SEQUENTIAL)
        text.at = string.at + STRING_DATA;
    else if ((string.type & KIND_MASK) == EXTERNAL)
        text.at = rsd_js_word(string.at + STRING_SECOND);
    if (text.wide && text.at & 1)
        text.at = 0;
    if (text.at)
        text.at += (uintptr_t)from << text.wide;
    return text;
}

static uint32_t encode(uint32_t c, char *out) {
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

static uint32_t unit(const void *text, bool wide, uint32_t at) {
    return wide ? ((const uint16_t *)text)[at] : ((const uint8_t *)text)[at];
}

/* A lone half of a surrogate pair becomes U+FFFD: what leaves here is UTF-8. */
static uint32_t character(const void *text, bool wide, uint32_t *at, uint32_t size) {
    uint32_t c = unit(text, wide, (*at)++);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    uint32_t next = c < 0xdc00 && *at < size ? unit(text, wide, *at) : 0;
    if (next < 0xdc00 || next > 0xdfff)
        return 0xfffd;
    (*at)++;
    return 0x10000 + ((c - 0xd800) << 10) + (next - 0xdc00);
}

static uint32_t flat_utf8(struct rsd_js *js, struct rsd_js_text text, char *out, uint32_t room) {
    uint32_t size = text.size < room ? text.size : room;
    if (size == 0 || (size_t)size << text.wide > sizeof js->chunk)
        return 0;
    const void *units = rsd_js_view(text.at, (size_t)size << text.wide, js->chunk);
    uint32_t used = 0, at = 0;
    while (units && at < size && used + 4 <= room)
        used += encode(character(units, text.wide, &at, size), out + used);
    return used;
}

static uint32_t utf8(struct rsd_js *js, struct rsd_js_object string, char *out, uint32_t room, unsigned depth) {
    struct rsd_js_text text = rsd_js_text(js, string);
    if (text.at)
        return flat_utf8(js, text, out, room);
    string = resolve(js, string);
    if (depth == 0 || !rsd_js_is_string(string) || (string.type & KIND_MASK) != CONS)
        return 0;
    uint32_t used = utf8(js, rsd_js_field(js, string, STRING_DATA), out, room, depth - 1);
    return used + utf8(js, rsd_js_field(js, string, STRING_SECOND), out + used, room - used, depth - 1);
}

uint32_t rsd_js_utf8(struct rsd_js *js, struct rsd_js_object string, char *out, uint32_t room) {
    return utf8(js, string, out, room, STRING_DEPTH);
}
