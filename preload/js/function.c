/*
 * Functions: SharedFunctionInfo, ScopeInfo, Script.
 *
 * All closures of one function share a SharedFunctionInfo. Its name is a string, or it stands in the ScopeInfo, an
 * array of words whose flags say what it has:
 *
 *     V8 10 to 12   flags, parameters, locals (n), names of locals..., infos of locals..., [class variable],
 *                   [name, info], [inferred name], start, end
 *     V8 13, 14     flags, parameters, locals (n), start, end, [module's variables], names..., infos..., the same
 *
 * The names are one hash table when there are 75 or more. A module's scope has a count of variables before them (V8
 * 13) or before the range (V8 12): a small integer where there would be none.
 *
 * A function without a name gets the one that V8 inferred from where it was assigned. A script without a name is the
 * text of an eval or of new Function; it is called after the function whose code it is in.
 */
#include "js/function.h"

#include <string.h>

#include "js/trust.h"

#define EVAL_DEPTH 3u
#define LOCALS_MOST 100000
#define LOCALS_LOOKED_AT 8
#define LOCALS_INLINE_MOST 75
#define DEBUG_INFO_SIZE 64

enum scope_flags { HAS_CLASS_VARIABLE = 1 << 10, HAS_NAME = 3 << 12, HAS_INFERRED_NAME = 1 << 14 };

/* ---- ScopeInfo ------------------------------------------------------------------------------------------------- */

struct scope {
    struct rsd_js_object name, inferred;
    int32_t start, end;
};

static uintptr_t slot(struct rsd_js_object scope, int32_t index) {
    return rsd_js_word(scope.at + 8 + 8 * (uintptr_t)index);
}

static bool is_integer_slot(struct rsd_js_object scope, int32_t index) {
    return rsd_js_is_small_integer(slot(scope, index));
}

static bool range_at(struct rsd_js_object scope, int32_t index, struct scope *out) {
    if (!is_integer_slot(scope, index) || !is_integer_slot(scope, index + 1))
        return false;
    out->start = rsd_js_integer(slot(scope, index));
    out->end = rsd_js_integer(slot(scope, index + 1));
    return out->start >= 0 && out->start <= out->end;
}

/* Names are strings and infos small integers; some of each are looked at. */
static bool locals_fit(struct rsd_js *js, struct rsd_js_object scope, int32_t index, int32_t locals) {
    if (locals >= LOCALS_INLINE_MOST)
        return rsd_js_object(js, slot(scope, index)).at && is_integer_slot(scope, index + 1);
    for (int32_t i = 0; i < locals && i < LOCALS_LOOKED_AT; i++)
        if (!rsd_js_is_string(rsd_js_object(js, slot(scope, index + i))) || !is_integer_slot(scope, index + locals + i))
            return false;
    return true;
}

/* Index of the first slot behind the locals, or -1. */
static int32_t behind_locals(struct rsd_js *js, struct rsd_js_object scope, uint32_t flags, int32_t locals) {
    int32_t index = rsd_js_layout.scope_first_slot;
    bool is_module = is_integer_slot(scope, index) &&
                     (locals > 0 || (rsd_js_layout.scope_range_is_fixed && !(flags & (HAS_CLASS_VARIABLE | HAS_NAME))));
    index += is_module;
    if (!is_integer_slot(scope, 2) || locals < 0 || locals > LOCALS_MOST || !locals_fit(js, scope, index, locals))
        return -1;
    return index + (locals < LOCALS_INLINE_MOST ? locals : 1) + locals;
}

/* False: the slots do not hold what they should. */
static bool take_scope_apart(struct rsd_js *js, struct rsd_js_object scope, struct scope *out) {
    uintptr_t word = slot(scope, 0); /* a small integer, or since V8 13 a plain one */
    uint32_t flags = word >> 32 ? (uint32_t)(word >> 32) : (uint32_t)word;
    if (rsd_js_layout.scope_range_is_fixed && !range_at(scope, 3, out))
        return false;
    int32_t index = behind_locals(js, scope, flags, rsd_js_integer(slot(scope, 2)));
    if (index < 0)
        return false;
    if (flags & HAS_CLASS_VARIABLE)
        index++;
    if (flags & HAS_NAME) {
        out->name = rsd_js_object(js, slot(scope, index));
        if (!rsd_js_is_string(out->name) && !is_integer_slot(scope, index))
            return false;
        if (!is_integer_slot(scope, index + 1))
            return false;
        index += 2;
    }
    if (flags & HAS_INFERRED_NAME)
        out->inferred = rsd_js_object(js, slot(scope, index++));
    return rsd_js_layout.scope_range_is_fixed || range_at(scope, index, out) || range_at(scope, index + 1, out);
}

static struct scope scope_of(struct rsd_js *js, struct rsd_js_object shared) {
    struct rsd_js_object none = {0, RSD_JS_NO_TYPE};
    struct scope scope = {none, none, -1, -1};
    struct rsd_js_object name = rsd_js_field(js, shared, rsd_js_layout.shared_name);
    if (rsd_js_is_string(name))
        scope.name = name;
    else if (name.type == rsd_js_layout.type_scope_info) {
        bool right = take_scope_apart(js, name, &scope);
        if (!js->forwarded)
            rsd_js_judge(RSD_JS_SCOPES, right);
        if (!right)
            return (struct scope){none, none, -1, -1};
    }
    return scope;
}

/* ---- Script ---------------------------------------------------------------------------------------------------- */

/* While a debugger is attached, V8 10 and 11 keep a DebugInfo in the script's place, and the script in that. */
static struct rsd_js_object script_in(struct rsd_js *js, struct rsd_js_object debug_info) {
    for (int32_t at = 8; debug_info.at && at <= DEBUG_INFO_SIZE; at += 8) {
        struct rsd_js_object script = rsd_js_field(js, debug_info, at);
        if (script.type == rsd_js_layout.type_script)
            return script;
    }
    return (struct rsd_js_object){0, RSD_JS_NO_TYPE};
}

struct rsd_js_object rsd_js_script(struct rsd_js *js, struct rsd_js_object shared) {
    struct rsd_js_object script = rsd_js_field(js, shared, rsd_js_layout.shared_script);
    if (script.type == rsd_js_layout.type_script || script.type == rsd_js_layout.type_oddball)
        return script;
    return script_in(js, script);
}

/* A script's name is a text of one line; that of an eval is undefined. */
static bool script_fits(struct rsd_js *js, struct rsd_js_object script, uint32_t file_size) {
    if (script.type == rsd_js_layout.type_oddball)
        return true;
    struct rsd_js_object name = rsd_js_field(js, script, rsd_js_layout.script_name);
    return script.type == rsd_js_layout.type_script && !memchr(js->file, '\n', file_size) &&
           (rsd_js_is_string(name) || name.type == rsd_js_layout.type_oddball);
}

static uint32_t append(char *out, uint32_t used, uint32_t room, const char *text) {
    uint32_t size = (uint32_t)strlen(text);
    if (size > room - used)
        size = room - used;
    memcpy(out + used, text, size);
    return used + size;
}

/* As V8 prints it: what has no name in the text of an eval is called after that. */
static const char *name_of_nameless(struct rsd_js *js, struct rsd_js_object script, int32_t start) {
    struct rsd_js_object outer = rsd_js_field(js, script, rsd_js_layout.script_eval_shared);
    if (outer.type == rsd_js_layout.type_shared)
        return "eval";
    return start == 0 ? "(top level)" : "(anonymous)";
}

static uint32_t name_into(struct rsd_js *js, struct rsd_js_object script, const struct scope *scope, char *out,
                          uint32_t room) {
    uint32_t used = rsd_js_utf8(js, scope->name, out, room);
    if (used == 0)
        used = rsd_js_utf8(js, scope->inferred, out, room);
    if (used == 0 && script.type == rsd_js_layout.type_script)
        used = append(out, 0, room, name_of_nameless(js, script, scope->start));
    return used;
}

/* "/app/a.js", or "eval at outer (/app/a.js)" as in V8's own stacks. */
static uint32_t file_into(struct rsd_js *js, struct rsd_js_object script, char *out, uint32_t room, unsigned depth) {
    uint32_t used = rsd_js_utf8(js, rsd_js_field(js, script, rsd_js_layout.script_name), out, room);
    if (used > 0)
        return used;
    struct rsd_js_object outer = rsd_js_field(js, script, rsd_js_layout.script_eval_shared);
    struct rsd_js_object outer_script = rsd_js_script(js, outer);
    if (depth == 0 || outer.type != rsd_js_layout.type_shared || outer_script.type != rsd_js_layout.type_script)
        return append(out, 0, room, "(eval)");
    struct scope scope = scope_of(js, outer);
    used = append(out, 0, room, "eval at ");
    used += name_into(js, outer_script, &scope, out + used, room - used);
    used = append(out, used, room, " (");
    used += file_into(js, outer_script, out + used, room - used, depth - 1);
    return append(out, used, room, ")");
}

/* ---- All of it ------------------------------------------------------------------------------------------------- */

bool rsd_js_describe(struct rsd_js *js, struct rsd_js_object shared, struct rsd_js_shared *out) {
    if (shared.type != rsd_js_layout.type_shared)
        return false;
    out->script = rsd_js_script(js, shared);
    out->builtin = out->script.type == rsd_js_layout.type_oddball;
    struct scope scope = scope_of(js, shared);
    out->start = scope.start;
    out->end = scope.end;
    out->name_size = name_into(js, out->script, &scope, js->name, sizeof js->name);
    out->file_size = out->builtin ? 0 : file_into(js, out->script, js->file, sizeof js->file, EVAL_DEPTH);
    bool fits = script_fits(js, out->script, out->file_size);
    if (fits || !js->forwarded)
        rsd_js_judge(RSD_JS_SCRIPTS, fits);
    return fits && out->name_size > 0;
}
