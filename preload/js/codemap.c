/*
 * Which code lies where, as V8's own code map tells it.
 *
 * V8 says of each piece of code that it makes where it lies and what it is called, and says so again when the collector
 * moves it. Addresses come again: code dies, and other code is put in its place. A frame must be named after the code that
 * lies there when the frame is seen, so each line of the map is a generation of its own with an id of its own, and
 *
 *     id(pc) = id of the newest line that covers pc
 *
 * A stack's node names the id, not the address, and so never means another function later on. What is kept from the stack
 * before is checked by its address alone; `reused` counts the lines that took the place of others, and a thread that sees
 * it change looks up every frame again (stacks.c).
 *
 * The table has one word for each 32 bytes of code, in a radix tree whose nodes are made on demand and stay. Code is
 * aligned to 32 bytes or more and its object's header lies before it, so no such grain belongs to two. A line that says
 * again what is known (every isolate tells V8's builtins anew) gets no new id: a hash of 36 bits beside the id knows it;
 * that other code with the same hash lies at the same place with the same size has odds of one in 70 thousand million.
 *
 * Entered by all threads, without a lock: an isolate's code is told and run by one thread, two isolates never share a
 * grain but for the builtins, and words are atomic.
 */
#include "js/codemap.h"

#include <string.h>

#include "residue/format.h"
#include "sys.h"

#define GRAIN ((uint64_t)1 << RSD_CODE_GRAIN_SHIFT)
#define ADDRESS_END ((uint64_t)1 << RSD_CODE_TOP_SHIFT)
#define CODE_MOST (256u << 20)

struct rsd_codemap rsd_codemap;

/* ---- The tree -------------------------------------------------------------------------------------------------- */

static struct rsd_code_middle *middle_of(uintptr_t address, bool make) {
    struct rsd_code_middle *_Atomic *slot = &rsd_codemap.root[address >> RSD_CODE_MID_SHIFT];
    struct rsd_code_middle *middle = atomic_load_explicit(slot, memory_order_acquire);
    if (middle || !make)
        return middle;
    struct rsd_code_middle *fresh = rsd_sys_memory(sizeof *fresh);
    if (fresh && !atomic_compare_exchange_strong(slot, &middle, fresh)) {
        rsd_sys_unmap(fresh, sizeof *fresh);
        return middle;
    }
    return fresh;
}

static struct rsd_code_leaf *leaf_of(uintptr_t address, bool make) {
    struct rsd_code_middle *middle = middle_of(address, make);
    if (!middle)
        return NULL;
    struct rsd_code_leaf *_Atomic *slot =
        &middle->leaf[address >> RSD_CODE_LEAF_SHIFT & ((1u << (RSD_CODE_MID_SHIFT - RSD_CODE_LEAF_SHIFT)) - 1)];
    struct rsd_code_leaf *leaf = atomic_load_explicit(slot, memory_order_acquire);
    if (leaf || !make)
        return leaf;
    struct rsd_code_leaf *fresh = rsd_sys_memory(sizeof *fresh);
    if (fresh && !atomic_compare_exchange_strong(slot, &leaf, fresh)) {
        rsd_sys_unmap(fresh, sizeof *fresh);
        return leaf;
    }
    return fresh;
}

/* NULL: nothing is known about 16 MiB around `address`, and there is no memory to `make` a table. */
static rsd_code_grain *grain_of(uintptr_t address, bool make) {
    if (address >> RSD_CODE_TOP_SHIFT)
        return NULL;
    struct rsd_code_leaf *leaf = leaf_of(address, make);
    size_t index = address >> RSD_CODE_GRAIN_SHIFT & ((1u << (RSD_CODE_LEAF_SHIFT - RSD_CODE_GRAIN_SHIFT)) - 1);
    return leaf ? &leaf->grain[index] : NULL;
}

static uint64_t load(uintptr_t address) {
    const rsd_code_grain *grain = grain_of(address, false);
    return grain ? atomic_load_explicit(grain, memory_order_acquire) : 0;
}

/* A call may be the last instruction: the address behind it belongs to what is before it. */
uint32_t rsd_codemap_find(uintptr_t pc) {
    return (uint32_t)load(pc - 1) & (RSD_CODE_IDS - 1);
}

/* ---- A line ---------------------------------------------------------------------------------------------------- */

/* A hexadecimal number and the space behind it. */
static const char *number(const char *at, const char *end, uint64_t *value) {
    const char *begin = at;
    for (*value = 0; at < end && at - begin < 16; at++) {
        char c = *at;
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;
        if (digit == 16)
            break;
        *value = *value << 4 | digit;
    }
    return at > begin && at < end && *at == ' ' ? at + 1 : NULL;
}

bool rsd_codemap_parse(const char *text, size_t text_size, struct rsd_code_line *line) {
    const char *end = text + text_size, *at = text;
    uint64_t size;
    if (!(at = number(at, end, &line->start)) || !(at = number(at, end, &size)))
        return false;
    if (end > at && end[-1] == '\n')
        end--;
    line->size = (uint32_t)size;
    line->name = at;
    line->name_size = (uint32_t)(end - at);
    return size > 0 && size <= CODE_MOST && line->start > 0 && line->start <= ADDRESS_END - size;
}

/* What stands in the table above the id. */
static uint64_t hash_of(const struct rsd_code_line *line) {
    uint64_t hash = residue_fnv1a(line->name, line->name_size) ^ line->start * 0x9e3779b97f4a7c15u ^ line->size;
    return (hash ^ hash >> 32) * 0xbf58476d1ce4e5b9u & ~(uint64_t)(RSD_CODE_IDS - 1);
}

static bool is_known(const struct rsd_code_line *line) {
    uint64_t word = load(line->start);
    bool known = word && (word & ~(uint64_t)(RSD_CODE_IDS - 1)) == hash_of(line);
    for (uint64_t at = line->start; known && at < line->start + line->size; at += GRAIN)
        known = load(at) == word;
    return known;
}

uint32_t rsd_codemap_new(const struct rsd_code_line *line) {
    if (is_known(line) || atomic_load_explicit(&rsd_codemap.codes, memory_order_relaxed) >= RSD_CODE_IDS - 1)
        return 0;
    return atomic_fetch_add(&rsd_codemap.codes, 1) + 1;
}

void rsd_codemap_publish(const struct rsd_code_line *line, uint32_t id) {
    uint64_t word = hash_of(line) | id;
    bool reused = false;
    for (uint64_t at = line->start & ~(GRAIN - 1); at < line->start + line->size; at += GRAIN) {
        rsd_code_grain *grain = grain_of(at, true);
        if (grain)
            reused |= atomic_exchange_explicit(grain, word, memory_order_acq_rel) != 0;
    }
    if (reused)
        atomic_fetch_add(&rsd_codemap.reused, 1);
    atomic_store_explicit(&rsd_codemap.used, true, memory_order_release);
}
