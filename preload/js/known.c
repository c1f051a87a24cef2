/*
 * Frames that were named before.
 *
 * Taking a frame apart costs a microsecond or two; most frames are met again. An answer is kept under
 *
 *     (pc, word that leads from the function to its SharedFunctionInfo, word of the bytecode offset if the pc is in V8's
 *     builtins)
 *
 * and so it is the same for all closures made from one function. All three are volatile: the collector moves objects and
 * code and puts others in their place. So an answer is used only if what the words lead to still hangs together: the
 * frame's word is a function, its SharedFunctionInfo has the same name and the same script, and the Code object that
 * covered the pc has the same table of positions. After a move they differ and the frame is taken apart again, with the
 * same ids for the same functions.
 *
 * An answer without a line, where there should be one, is not used until it was found so RSD_JS_DOUBTS times: kept for good
 * it would take the line from all that the frame allocates later on.
 *
 * Nothing is kept of a stack that met an object on its way to another place, and no answer while a build has still to
 * prove itself, for it would stay without a line: frames.c sees to both.
 *
 * Entered by the thread that owns the state.
 */
#include "js/known.h"

#include <string.h>

static uintptr_t key_offset(const struct rsd_js_view *view) {
    return view->in_builtins && rsd_js_is_small_integer(view->bytecode_offset) ? view->bytecode_offset : 0;
}

static uint16_t *place(struct rsd_js *js, const struct rsd_js_view *view, uintptr_t shared) {
    uint64_t hash = (view->pc * 0x9e3779b97f4a7c15u) ^ (shared * 0xc2b2ae3d27d4eb4fu) ^ key_offset(view);
    hash = (hash ^ hash >> 31) * 0x9e3779b97f4a7c15u;
    return &js->known_at[hash >> 32 & (RSD_JS_CACHE_SLOTS - 1)];
}

uintptr_t rsd_js_shared_word(struct rsd_js *js, uintptr_t word) {
    struct rsd_js_object function = rsd_js_object(js, word);
    return rsd_js_is_function(function) ? rsd_js_word(function.at + (uintptr_t)rsd_js_layout.function_shared) : 0;
}

static bool still_hangs_together(struct rsd_js *js, const struct rsd_js_known *known) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    return rsd_js_word(known->shared - 1 + (uintptr_t)v8->shared_name) == known->name &&
           rsd_js_word(known->shared - 1 + (uintptr_t)v8->shared_script) == known->script &&
           (!known->code || rsd_js_word(known->code + (uintptr_t)v8->code_positions) == known->positions) &&
           !js->forwarded;
}

bool rsd_js_recall(struct rsd_js *js, struct rsd_js_view *view, struct rsd_js_answer *answer) {
    uintptr_t shared = rsd_js_shared_word(js, view->function);
    const struct rsd_js_known *known = &js->known[*place(js, view, shared)];
    if (!shared || known->pc != view->pc || known->shared != shared || known->offset != key_offset(view) ||
        (known->doubts && known->doubts < RSD_JS_DOUBTS) || !still_hangs_together(js, known))
        return false;
    view->code.object.at = known->code;
    answer->count = known->count;
    memcpy(answer->place, known->place, known->count * sizeof *known->place);
    return true;
}

/* How often this frame was looked at, with no line found: this time included. */
static uint32_t doubts_about(const struct rsd_js_known *known, const struct rsd_js_view *view, uintptr_t shared) {
    bool again = known->pc == view->pc && known->shared == shared && known->offset == key_offset(view);
    return again && known->doubts ? known->doubts + 1 : 1;
}

bool rsd_js_remember(struct rsd_js *js, const struct rsd_js_view *view, const struct rsd_js_answer *answer,
                     bool whole) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    bool is_baseline = view->code.object.at && view->code.kind == (uint32_t)v8->code_kind_baseline;
    bool interpreted_elsewhere = !view->in_builtins && view->bytecodes.at && !is_baseline;
    if (answer->count > RSD_JS_KNOWN_PLACES || interpreted_elsewhere)
        return whole; /* with --interpreted-frames-native-stack each function has its own copy of the interpreter's entry */
    uintptr_t shared = rsd_js_shared_word(js, view->function);
    uint16_t *at = place(js, view, shared);
    if (!*at)
        *at = ++js->known_used;
    struct rsd_js_known *known = &js->known[*at];
    uint32_t doubts = whole ? 0 : doubts_about(known, view, shared);
    *known = (struct rsd_js_known){
        .pc = view->pc,
        .shared = shared,
        .offset = key_offset(view),
        .name = rsd_js_word(view->shared.at + (uintptr_t)v8->shared_name),
        .script = rsd_js_word(view->shared.at + (uintptr_t)v8->shared_script),
        .code = view->code.object.at,
        .positions = view->code.object.at ? rsd_js_word(view->code.object.at + (uintptr_t)v8->code_positions) : 0,
        .doubts = doubts,
        .count = answer->count};
    memcpy(known->place, answer->place, answer->count * sizeof *known->place);
    return doubts == 0 || doubts >= RSD_JS_DOUBTS;
}

void rsd_js_forget_known(struct rsd_js *js) {
    memset(js->known_at, 0, sizeof js->known_at);
    memset(js->known, 0, (js->known_used + 1u) * sizeof *js->known);
    js->known_used = 0;
}
