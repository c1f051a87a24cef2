/*
 * Tables of source positions and of bytecode offsets.
 *
 * A table is a run of entries, each the difference to the one before: how far the code has moved on, how far the
 * source position has. Numbers are in base 128, least significant part first, the top bit of a byte saying that more
 * follows; a signed one has its sign in the lowest bit.
 *
 *     V8 10 to 13   code: signed, n or -n - 1 for an entry that is no statement      source: signed
 *     V8 14         code: unsigned, n * 4 + two flags                                 source: signed
 *
 * Every table is judged before it is believed (trust.c): it must be read to its last byte, offsets must stay inside
 * the code, positions inside the function, and in bytecode the table must reach far enough.
 *
 * Baseline code has a table of another kind: for each bytecode in turn the size of its machine code, behind that of
 * the prologue. It is walked together with the bytecodes, whose sizes bytecodes.c knows.
 *
 * Entered by all threads; nothing here keeps state.
 */
#include "js/positions.h"

#include "js/bytecodes.h"
#include "js/trust.h"

#define TABLE_MOST (4u << 20)
#define JUDGED_LEAST 6u /* bytes: a smaller table can look right by accident */

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

/* False: it runs past `end`, or has more bits than 63. Most have seven at most. */
static inline bool get_unsigned(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    if (__builtin_expect(*at < end && **at < 128, 1)) {
        *value = *(*at)++;
        return true;
    }
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 63; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128))
            return true;
    }
    return false;
}

static bool get_signed(const uint8_t **at, const uint8_t *end, int64_t *value) {
    uint64_t folded;
    if (!get_unsigned(at, end, &folded))
        return false;
    *value = (int64_t)(folded >> 1) ^ -(int64_t)(folded & 1);
    return true;
}

struct entry {
    int64_t code;
    rsd_js_position position;
};

/* Move `entry` on by one. */
static bool next(const uint8_t **at, const uint8_t *end, bool is_unsigned, struct entry *entry) {
    uint64_t folded;
    int64_t code, position;
    if (is_unsigned) {
        if (!get_unsigned(at, end, &folded))
            return false;
        code = (int64_t)(folded >> 2);
    } else {
        if (!get_signed(at, end, &code))
            return false;
        code = code >= 0 ? code : -(code + 1);
    }
    if (!get_signed(at, end, &position))
        return false;
    entry->code += code;
    entry->position += position;
    return true;
}

/* ---- Judgement ------------------------------------------------------------------------------------------------- */

/* The entry of the function as such has offset -1: numbers start from there. */
static bool fits(const struct entry *entry, const struct rsd_js_bounds *bounds) {
    if (entry->code >= bounds->code_size || entry->position < 0)
        return false;
    if (!bounds->bytecode)
        return entry->position < (rsd_js_position)1 << 47;
    int32_t at = rsd_js_position_in_script(entry->position);
    return !(entry->position & 1) && entry->position >> 31 == 0 &&
           (bounds->start < 0 || (at >= bounds->start - 1 && at <= bounds->end + 1));
}

static bool judge(const uint8_t *table, uint32_t size, bool is_unsigned, const struct rsd_js_bounds *bounds,
                  uint32_t offset, rsd_js_position *found) {
    const uint8_t *at = table, *end = table + size;
    struct entry entry = {-1, 0};
    while (at < end) {
        if (!next(&at, end, is_unsigned, &entry) || !fits(&entry, bounds))
            return false;
        if (entry.code <= (int64_t)offset)
            *found = entry.position;
    }
    return !bounds->bytecode || entry.code >= (int64_t)bounds->code_size * 2 / 5;
}

bool rsd_js_table_is_plausible(const uint8_t *table, uint32_t size, bool is_unsigned,
                               const struct rsd_js_bounds *bounds) {
    rsd_js_position found;
    return judge(table, size, is_unsigned, bounds, 0, &found);
}

/* ---- Positions ------------------------------------------------------------------------------------------------- */

/* Where nothing is known yet, bytecode tables are judged in both ways, to learn; they say nothing meanwhile. */
static void learn(const uint8_t *table, uint32_t size, const struct rsd_js_bounds *bounds) {
    if (!bounds->bytecode || size < JUDGED_LEAST || bounds->start < 0)
        return;
    rsd_js_judge(RSD_JS_SIGNED_TABLES, rsd_js_table_is_plausible(table, size, false, bounds));
    rsd_js_judge(RSD_JS_UNSIGNED_TABLES, rsd_js_table_is_plausible(table, size, true, bounds));
}

rsd_js_position rsd_js_position_at(struct rsd_js *js, struct rsd_js_object table, uint32_t offset,
                                   const struct rsd_js_bounds *bounds) {
    uint32_t size;
    uintptr_t bytes = rsd_js_bytes(table, &size);
    if (!bytes || size > TABLE_MOST || !rsd_js_range_is_readable(bytes, size))
        return RSD_JS_NO_POSITION;
    bool is_unsigned;
    enum rsd_js_verdict lines = rsd_js_lines(&is_unsigned);
    if (lines == RSD_JS_LEARNING && !js->forwarded)
        learn((const uint8_t *)bytes, size, bounds);
    if (lines != RSD_JS_GOOD)
        return RSD_JS_NO_POSITION;
    rsd_js_position found = RSD_JS_NO_POSITION;
    bool good = judge((const uint8_t *)bytes, size, is_unsigned, bounds, offset, &found);
    if (!js->forwarded)
        rsd_js_judge(is_unsigned ? RSD_JS_UNSIGNED_TABLES : RSD_JS_SIGNED_TABLES, good);
    return good ? found : RSD_JS_NO_POSITION;
}

/* ---- Bytecodes ------------------------------------------------------------------------------------------------- */

/* A function's bytecodes, NULL if they cannot be walked along. */
static const uint8_t *code_of(struct rsd_js_object bytecodes, uint32_t *length) {
    int32_t size = rsd_js_integer_field(bytecodes, rsd_js_layout.array_length);
    uintptr_t code = bytecodes.at + (uintptr_t)rsd_js_layout.bytecode_data;
    if (size <= 0 || size > (int32_t)TABLE_MOST || !rsd_js_bytecodes || !rsd_js_range_is_readable(code, (size_t)size))
        return NULL;
    *length = (uint32_t)size;
    return (const uint8_t *)code;
}

static bool meets(const uint8_t *code, uint32_t length, uint32_t offset) {
    bool met = false;
    for (uint32_t at = 0, size; at < length; at += size) {
        met |= at == offset;
        if ((size = rsd_js_bytecode_size(code + at, length - at)) == 0)
            return false;
    }
    return met;
}

bool rsd_js_is_bytecode_start(struct rsd_js *js, struct rsd_js_object bytecodes, uint32_t offset) {
    uint32_t length;
    const uint8_t *code = code_of(bytecodes, &length);
    if (!code)
        return rsd_js_layout.tested;
    bool met = meets(code, length, offset);
    if (!js->forwarded)
        rsd_js_judge(RSD_JS_BYTECODES, met);
    return met;
}

/* Walk both tables to their ends. Only if they arrive there together, the sizes of the bytecodes are right. */
static int32_t walk(const uint8_t *at, const uint8_t *end, const uint8_t *code, uint32_t length, uint32_t offset) {
    uint64_t machine_end, step;
    int32_t found = -1;
    if (!get_unsigned(&at, end, &machine_end))
        return -1;
    if (machine_end > offset)
        found = 0; /* in the prologue */
    uint32_t bytecode = 0;
    while (at < end) {
        uint32_t bytes = rsd_js_bytecode_size(code + bytecode, length - bytecode);
        if (bytes == 0 || !get_unsigned(&at, end, &step))
            return -1;
        machine_end += step;
        if (machine_end > offset && found < 0)
            found = (int32_t)bytecode;
        bytecode += bytes;
    }
    return bytecode == length ? found : -1;
}

int32_t rsd_js_bytecode_at(struct rsd_js_object offsets, struct rsd_js_object bytecodes, uint32_t offset) {
    uint32_t size, length;
    uintptr_t table = rsd_js_bytes(offsets, &size);
    const uint8_t *code = code_of(bytecodes, &length);
    if (!code || !table || size > TABLE_MOST || !rsd_js_range_is_readable(table, size))
        return -1;
    return walk((const uint8_t *)table, (const uint8_t *)table + size, code, length, offset);
}
