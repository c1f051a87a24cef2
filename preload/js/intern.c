/*
 * Interning functions: what a function is, never where it is.
 *
 * The collector moves functions, frees them, and puts others in their place. A function's id is therefore found by
 * what a person would call the same function: file, name, and the line and column where it starts. The table keeps a
 * hash of 64 bits and the line; with a million functions the chance that two meet is one in 10^7.
 *
 *     id(function) = number of functions that were written to this writer's log before it, plus 1
 *
 * In the middle of a collection a long source text may have no type for a while (its map is overwritten by its own
 * address), so that the start of a function is not to be had: it gets no id then, rather than a second one.
 *
 * A program may make functions without end, by eval. A table that has reached MOST_ROOM is emptied, and functions that are met
 * again get another id: the reader takes those with the same names and places for one.
 *
 * A function is written before its id is known to anybody, so a node never names a function that is not in the log.
 * Entered by the thread that owns the state; the table grows by raw mappings.
 */
#include "js/intern.h"

#include <string.h>

#include "residue/format.h"
#include "sys.h"

#define FIRST_ROOM 256u
#define MOST_ROOM 65536u

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const struct rsd_js *js, const struct rsd_js_function *function) {
    uint64_t hash = mix(residue_fnv1a(js->name, function->name_size), residue_fnv1a(js->file, function->file_size));
    return mix(mix(hash, (uint64_t)function->line << 32 | function->column), function->builtin);
}

static struct rsd_js_interned *find(struct rsd_js_interned *table, uint32_t mask, uint64_t hash, uint32_t line) {
    uint32_t at = (uint32_t)hash & mask;
    while (table[at].id && (table[at].hash != hash || table[at].line != line))
        at = (at + 1) & mask;
    return &table[at];
}

/* Room for one more. False: no memory, and the table is left with its last empty slot, which ends every search. */
static bool make_room(struct rsd_js *js) {
    if (js->interned && js->interned_used < js->interned_mask / 4 * 3)
        return true;
    if (js->interned && js->interned_mask + 1 == MOST_ROOM) {
        memset(js->interned, 0, MOST_ROOM * sizeof *js->interned);
        js->interned_used = 0;
        return true;
    }
    uint32_t room = js->interned ? (js->interned_mask + 1) * 2 : FIRST_ROOM;
    struct rsd_js_interned *bigger = rsd_sys_memory(room * sizeof *bigger);
    if (!bigger)
        return js->interned && js->interned_used < js->interned_mask;
    for (uint32_t i = 0; js->interned && i <= js->interned_mask; i++)
        if (js->interned[i].id)
            *find(bigger, room - 1, js->interned[i].hash, js->interned[i].line) = js->interned[i];
    if (js->interned)
        rsd_sys_unmap(js->interned, (js->interned_mask + 1) * sizeof *js->interned);
    js->interned = bigger;
    js->interned_mask = room - 1;
    return true;
}

uint32_t rsd_js_intern(struct rsd_js *js, const struct rsd_js_shared *shared) {
    struct rsd_js_line start = rsd_js_line(js, shared->script, shared->start);
    struct rsd_js_function function = {.id = js->functions + 1,
                                       .line = start.line,
                                       .column = start.column,
                                       .builtin = shared->builtin,
                                       .name_size = shared->name_size,
                                       .file_size = shared->file_size,
                                       .name = js->name,
                                       .file = js->file};
    if ((js->forwarded && !function.line && !function.builtin) || !make_room(js))
        return 0;
    uint64_t hash = hash_of(js, &function);
    struct rsd_js_interned *entry = find(js->interned, js->interned_mask, hash, function.line);
    if (entry->id)
        return entry->id;
    if (!js->write(js->context, &function))
        return 0;
    *entry = (struct rsd_js_interned){hash, function.line, function.id};
    js->functions++;
    js->interned_used++;
    return function.id;
}
