/*
 * Tables of source positions and of bytecode offsets.
 *
 * A table is a run of entries, each the difference to the one before: how far the code has moved on, how far the source
 * position has. Numbers are in base 128, least significant part first, the top bit of a byte saying that more follows;
 * a signed one has its sign in the lowest bit.
 *
 *     V8 10 to 13   code: signed, n or -n - 1 for an entry that is no statement      source: signed
 *     V8 14         code: unsigned, n * 4 + two flags                                 source: signed
 *
 * Nobody promises that V8 15 keeps this, so every table is judged before it is believed: it must be read to its last
 * byte, offsets must rise and stay inside the code, positions inside the function, and in bytecode the table must reach
 * far enough. Read in the wrong way no table of any size passes (0 of 156,000 on Node 26). The judgements are counted
 * over the process:
 *
 *     lines are trusted   <=>   the build was tested, or PROOF tables passed in one way of reading and failed in the other
 *     lines are dropped   when  more than one table in TOLERANCE fails
 *
 * Baseline code has a table of another kind: for each bytecode in turn the size of its machine code, behind that of the
 * prologue. It is walked together with the bytecodes, whose sizes image.c found.
 *
 * Entered by all threads; the counts are atomic, and a race between them costs a judgement, nothing else.
 */
#include "js/positions.h"

#include <stdatomic.h>

#include "js/image.h"

#define TABLE_MOST (4u << 20)
#define JUDGED_LEAST 6u /* bytes: a smaller table can look right by accident */
#define PROOF 24u
#define TOLERANCE 50u
#define NOISE 8u
#define TRIALS 4096u /* tables after which a build that has proved nothing is given up */

static _Atomic uint32_t passed[2], failed[2]; /* by way of reading: signed, unsigned */

/* ---- Numbers ------------------------------------------------------------------------------------------------------- */

/* False: it runs past `end`, or has more bits than 63. */
static bool get_unsigned(const uint8_t **at, const uint8_t *end, uint64_t *value) {
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

/* ---- Judgement ----------------------------------------------------------------------------------------------------- */

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

bool rsd_js_table_is_plausible(const uint8_t *table, uint32_t size, bool is_unsigned, const struct rsd_js_bounds *bounds) {
    rsd_js_position found;
    return judge(table, size, is_unsigned, bounds, 0, &found);
}

static void count(bool is_unsigned, bool good) {
    atomic_fetch_add_explicit(good ? &passed[is_unsigned] : &failed[is_unsigned], 1, memory_order_relaxed);
}

static bool mostly_fails(bool is_unsigned) {
    uint32_t bad = atomic_load_explicit(&failed[is_unsigned], memory_order_relaxed);
    return bad > NOISE && bad > atomic_load_explicit(&passed[is_unsigned], memory_order_relaxed) / TOLERANCE;
}

static bool proved(bool is_unsigned) {
    return atomic_load_explicit(&passed[is_unsigned], memory_order_relaxed) >= PROOF && !mostly_fails(is_unsigned) &&
           mostly_fails(!is_unsigned);
}

/* In a tested build the way of reading is known; in another one it is what has proved itself. */
enum rsd_js_reading rsd_js_reading(void) {
    bool expected = rsd_js_layout.positions_unsigned;
    if (rsd_js_layout.tested)
        return mostly_fails(expected) ? RSD_JS_UNREADABLE : expected ? RSD_JS_UNSIGNED : RSD_JS_SIGNED;
    if (proved(true))
        return RSD_JS_UNSIGNED;
    if (proved(false))
        return RSD_JS_SIGNED;
    uint32_t judged = atomic_load_explicit(&passed[0], memory_order_relaxed) +
                      atomic_load_explicit(&failed[0], memory_order_relaxed);
    return judged > TRIALS ? RSD_JS_UNREADABLE : RSD_JS_LEARNING;
}

/* ---- Positions ----------------------------------------------------------------------------------------------------- */

/* Where nothing is known yet, bytecode tables are judged in both ways, to learn; they say nothing meanwhile. */
static void learn(const uint8_t *table, uint32_t size, const struct rsd_js_bounds *bounds) {
    if (!bounds->bytecode || size < JUDGED_LEAST || bounds->start < 0)
        return;
    count(false, rsd_js_table_is_plausible(table, size, false, bounds));
    count(true, rsd_js_table_is_plausible(table, size, true, bounds));
}

rsd_js_position rsd_js_position_at(struct rsd_js *js, struct rsd_js_object table, uint32_t offset,
                                   const struct rsd_js_bounds *bounds) {
    uint32_t size;
    uintptr_t bytes = rsd_js_bytes(table, &size);
    if (!bytes || size > TABLE_MOST || !rsd_js_range_is_readable(bytes, size))
        return RSD_JS_NO_POSITION;
    enum rsd_js_reading way = rsd_js_reading();
    if (way == RSD_JS_LEARNING && !js->forwarded)
        learn((const uint8_t *)bytes, size, bounds);
    if (way == RSD_JS_LEARNING || way == RSD_JS_UNREADABLE)
        return RSD_JS_NO_POSITION;
    rsd_js_position found = RSD_JS_NO_POSITION;
    bool good = judge((const uint8_t *)bytes, size, way == RSD_JS_UNSIGNED, bounds, offset, &found);
    if (!js->forwarded)
        count(way == RSD_JS_UNSIGNED, good);
    return good ? found : RSD_JS_NO_POSITION;
}

/* ---- Baseline code ------------------------------------------------------------------------------------------------- */

int32_t rsd_js_bytecode_at(struct rsd_js_object offsets, struct rsd_js_object bytecodes, uint32_t offset) {
    uint32_t size;
    uintptr_t table = rsd_js_bytes(offsets, &size);
    int32_t length = rsd_js_integer_field(bytecodes, rsd_js_layout.array_length);
    uintptr_t code = bytecodes.at + (uintptr_t)rsd_js_layout.bytecode_data;
    if (!table || size > TABLE_MOST || length <= 0 || length > (int32_t)TABLE_MOST || !rsd_js_image.bytecodes ||
        !rsd_js_range_is_readable(table, size) || !rsd_js_range_is_readable(code, (size_t)length))
        return -1;
    const uint8_t *at = (const uint8_t *)table, *end = at + size;
    uint64_t machine_end, step;
    if (!get_unsigned(&at, end, &machine_end))
        return -1;
    if (machine_end > offset)
        return 0; /* in the prologue */
    for (uint32_t bytecode = 0; get_unsigned(&at, end, &step);) {
        machine_end += step;
        if (machine_end > offset)
            return (int32_t)bytecode;
        uint32_t bytes = rsd_js_bytecode_size((const uint8_t *)code + bytecode, (uint32_t)length - bytecode);
        if (bytes == 0 || (bytecode += bytes) >= (uint32_t)length)
            return -1;
    }
    return -1;
}
