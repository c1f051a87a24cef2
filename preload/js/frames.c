/*
 * What a frame stands for.
 *
 *     fp - 8     the context of a JavaScript function; a small integer in V8's own frames (stub, entry, exit)
 *     fp - 16    the function
 *     fp - 32    its bytecodes           in unoptimised code only: in optimised code
 *     fp - 40    its bytecode offset     anything may stand there
 *
 * The function leads to its SharedFunctionInfo, and that to the name. Where in it we are depends on the code:
 *
 *     interpreted   pc in V8's builtins      the offset in the frame, then the bytecodes' table of positions
 *     baseline      pc in generated code     the offset from the code's own table, then the same
 *     optimised     pc in generated code     the code's table of positions, which tells inlined functions as well
 *     builtin       no script                a name, and no line; node's C++ functions have no name: no answer
 *
 * A frame of optimised code stands for its function and for all that was inlined into it down to the call. Each
 * inlining is numbered, and its entry says which function it is (a literal of the code) and from where in the next
 * outer one it was called; numbers fall on the way out, so the way ends.
 *
 * Entered by the thread that owns the state.
 */
#include "js/js.h"

#include <string.h>

#include "js/image.h"
#include "js/intern.h"
#include "js/known.h"
#include "js/positions.h"
#include "js/trust.h"
#include "js/view.h"

#define INLINING_SIZE 16u /* bytes of an entry: the position of the call, the number of the literal */
#define INLINING_FUNCTION 8u

/* ---- The frame's words ----------------------------------------------------------------------------------------- */

static uintptr_t word_below(uintptr_t fp, uintptr_t room, int32_t offset) {
    return room >= (uintptr_t)-offset ? *(const volatile uintptr_t *)(fp - (uintptr_t)-offset) : 0;
}

/* False: the frame is too small for a function's. */
static bool look(const struct rsd_registers *frame, struct rsd_js_view *view) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    uintptr_t room = frame->fp - frame->sp;
    *view = (struct rsd_js_view){.pc = frame->pc, .fp = frame->fp};
    view->in_builtins =
        frame->pc - rsd_js_builtins < rsd_js_builtins_size || rsd_js_page(frame->pc) & RSD_JS_PAGE_BUILTINS;
    view->bytecodes.type = view->code.object.type = RSD_JS_NO_TYPE;
    if (frame->fp & 7 || frame->fp < frame->sp || room < (uintptr_t)-v8->fp_function)
        return false;
    view->context = word_below(frame->fp, room, v8->fp_context);
    view->function = word_below(frame->fp, room, v8->fp_function);
    view->bytecode_array = word_below(frame->fp, room, v8->fp_bytecode_array);
    view->bytecode_offset = word_below(frame->fp, room, v8->fp_bytecode_offset);
    return true;
}

/* From the function to its SharedFunctionInfo. False: this is no frame of JavaScript after all. */
static bool find_function(struct rsd_js *js, struct rsd_js_view *view) {
    struct rsd_js_object function = rsd_js_object(js, view->function);
    if (!rsd_js_is_function(function))
        return false;
    view->shared = rsd_js_field(js, function, rsd_js_layout.function_shared);
    bool right = view->shared.type == rsd_js_layout.type_shared;
    if (right || !js->forwarded)
        rsd_js_judge(RSD_JS_FUNCTIONS, right);
    return right;
}

/* The bytecodes that a function runs on: its own data, or behind the interpreter's copy, or behind baseline code. */
static struct rsd_js_object bytecodes_of(struct rsd_js *js, struct rsd_js_object shared) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    struct rsd_js_object data = rsd_js_field(js, shared, v8->shared_data);
    if (data.type == v8->type_code)
        data = rsd_js_field(js, data, v8->code_deopt_data);
    if (data.type == v8->type_interpreter_data)
        data = rsd_js_field(js, data, 8);
    return data;
}

/* Is this an unoptimised frame? Its function must say that these are its bytecodes. */
static void find_bytecodes(struct rsd_js *js, struct rsd_js_view *view) {
    struct rsd_js_object bytecodes = rsd_js_object(js, view->bytecode_array);
    if (bytecodes.type == rsd_js_layout.type_bytecode_array && bytecodes.at == bytecodes_of(js, view->shared).at)
        view->bytecodes = bytecodes;
}

/* How often no code was found for this frame: NULL: never, or it is forgotten. */
static uint32_t *misses(struct rsd_js *js, const struct rsd_js_view *view) {
    for (unsigned i = 0; i < RSD_JS_MISSES; i++)
        if (js->miss[i].pc == view->pc && js->miss[i].function == view->function)
            return &js->miss[i].times;
    return NULL;
}

static void find_code(struct rsd_js *js, struct rsd_js_view *view) {
    uint32_t *times = view->in_builtins ? NULL : misses(js, view);
    if (view->in_builtins || (times && *times >= RSD_JS_SEARCHES))
        return;
    view->code = rsd_js_code_at(js, view->pc);
    if (view->code.object.at || js->forwarded)
        return;
    if (times) {
        ++*times;
        return;
    }
    js->miss[js->next_miss].pc = view->pc;
    js->miss[js->next_miss].function = view->function;
    js->miss[js->next_miss].times = 1;
    js->next_miss = (js->next_miss + 1) % RSD_JS_MISSES;
}

/* ---- Places ---------------------------------------------------------------------------------------------------- */

/* Describe a function and give it an id; while names have not proved right, only to learn. */
static bool name(struct rsd_js *js, struct rsd_js_object shared, struct rsd_js_shared *about,
                 struct rsd_js_place *out) {
    *out = (struct rsd_js_place){0};
    if (!rsd_js_describe(js, shared, about) || rsd_js_names() != RSD_JS_GOOD)
        return false;
    out->function = rsd_js_intern(js, about);
    return out->function != 0;
}

/* A position counts only if it lies in the function that it is said to be in. */
static void set_line(struct rsd_js *js, const struct rsd_js_shared *about, rsd_js_position position,
                     struct rsd_js_place *out) {
    int32_t at = rsd_js_position_in_script(position);
    if (at < 0 || (about->start >= 0 && (at < about->start - 1 || at > about->end + 1)))
        return;
    struct rsd_js_line line = rsd_js_line(js, about->script, at);
    out->line = line.line;
    out->column = line.column;
}

/* The bytecode at which an unoptimised frame stands, or -1. */
static int32_t bytecode_of(struct rsd_js *js, const struct rsd_js_view *view) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    if (view->code.object.at && view->code.kind == (uint32_t)v8->code_kind_baseline)
        return rsd_js_bytecode_at(rsd_js_field(js, view->code.object, v8->code_positions), view->bytecodes,
                                  view->code.offset - 1);
    if (!rsd_js_is_small_integer(view->bytecode_offset))
        return -1;
    return rsd_js_integer(view->bytecode_offset) - (v8->bytecode_data - 1); /* V8 counts from the tagged address */
}

static void place_unoptimised(struct rsd_js *js, const struct rsd_js_view *view, const struct rsd_js_shared *about,
                              struct rsd_js_place *out) {
    int32_t length = rsd_js_integer_field(view->bytecodes, rsd_js_layout.array_length);
    int32_t offset = bytecode_of(js, view);
    if (offset < 0 || offset >= length || !rsd_js_is_bytecode_start(js, view->bytecodes, (uint32_t)offset))
        return;
    struct rsd_js_bounds bounds = {(uint32_t)length, about->start, about->end, true};
    struct rsd_js_object table = rsd_js_field(js, view->bytecodes, rsd_js_layout.bytecode_positions);
    set_line(js, about, rsd_js_position_at(js, table, (uint32_t)offset, &bounds), out);
}

/* What optimised code says about what was inlined into it. */
struct inlinings {
    struct rsd_js_object literals;
    uintptr_t entries;
    uint32_t count;
};

static struct inlinings inlinings_of(struct rsd_js *js, struct rsd_js_object code) {
    struct rsd_js_object data = rsd_js_field(js, code, rsd_js_layout.code_deopt_data);
    struct inlinings all = {.literals =
                                rsd_js_object(js, rsd_js_element(data, (uint32_t)rsd_js_layout.deopt_literals))};
    uint32_t size;
    uintptr_t table = rsd_js_element(data, (uint32_t)rsd_js_layout.deopt_inlining);
    all.entries = rsd_js_bytes(rsd_js_object(js, table), &size);
    all.count = size / INLINING_SIZE;
    return all;
}

static struct rsd_js_object inlined_function(struct rsd_js *js, const struct inlinings *all, uintptr_t entry) {
    uintptr_t literal = rsd_js_element(all->literals, rsd_js_word32(entry + INLINING_FUNCTION));
    return rsd_js_object(js, (literal & 3) == 3 ? literal & ~(uintptr_t)2 : literal);
}

/* Name what was inlined at `position`, innermost first; how many were named. `position` becomes that of the outermost
 * call, in the function itself. */
static unsigned place_inlined(struct rsd_js *js, const struct inlinings *all, rsd_js_position *position,
                              struct rsd_js_place *out) {
    unsigned count = 0;
    for (uint32_t id; (id = rsd_js_position_inlining(*position)) != 0;) {
        if (id > all->count)
            break;
        uintptr_t entry = all->entries + (uintptr_t)INLINING_SIZE * (id - 1);
        struct rsd_js_shared about;
        if (count < RSD_JS_INLINED && name(js, inlined_function(js, all, entry), &about, &out[count]))
            set_line(js, &about, *position, &out[count++]);
        *position = (rsd_js_position)rsd_js_word(entry);
        if (rsd_js_position_inlining(*position) >= id)
            break;
    }
    if (rsd_js_position_inlining(*position) != 0)
        *position = RSD_JS_NO_POSITION;
    return count;
}

static void place_optimised(struct rsd_js *js, const struct rsd_js_view *view, const struct rsd_js_shared *about,
                            struct rsd_js_answer *answer) {
    struct rsd_js_bounds bounds = {view->code.size + 1, -1, -1, false};
    struct rsd_js_object table = rsd_js_field(js, view->code.object, rsd_js_layout.code_positions);
    rsd_js_position position = rsd_js_position_at(js, table, view->code.offset - 1, &bounds);
    if (position == RSD_JS_NO_POSITION)
        return;
    struct rsd_js_place inlined[RSD_JS_INLINED];
    struct inlinings all = inlinings_of(js, view->code.object);
    unsigned count = place_inlined(js, &all, &position, inlined);
    set_line(js, about, position, &answer->place[0]);
    while (count > 0)
        answer->place[answer->count++] = inlined[--count];
}

/* ---- The answer ------------------------------------------------------------------------------------------------ */

static bool is_optimised(const struct rsd_js_view *view) {
    return view->code.object.at && view->code.kind > (uint32_t)rsd_js_layout.code_kind_baseline;
}

static void prove(struct rsd_js_proof *proof, const int32_t *offset, uint32_t words, uintptr_t fp) {
    *proof = (struct rsd_js_proof){.words = (uint8_t)words, .fp = fp};
    for (unsigned i = 0; i < words; i++) {
        proof->offset[i] = (int8_t)(offset[i] / (int32_t)sizeof(uintptr_t));
        proof->value[i] = *rsd_js_proven(proof, i);
    }
}

/* The word by which the function leads to its SharedFunctionInfo: where it is not `shared`, it stands behind the words. */
static uintptr_t source_of(const struct rsd_js_proof *proof) {
    return proof->words < RSD_JS_WORDS ? proof->value[proof->words] : proof->shared;
}

/* Where the function leads to its source must be a word that can be loaded each time; else the answer is not settled. Of
 * generated code the word by which it leads to its positions tells more: the same function may have got other code, with
 * another meaning of the same pc, at the same place. */
static bool prove_function(struct rsd_js *js, const struct rsd_js_view *view, struct rsd_js_proof *proof) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    uintptr_t code = view->code.object.at;
    proof->shared_at = code && rsd_js_is_pointer(rsd_js_word(code + (uintptr_t)v8->code_positions))
                           ? code + (uintptr_t)v8->code_positions
                           : view->function - 1 + (uintptr_t)v8->function_shared;
    proof->shared = rsd_js_word(proof->shared_at);
    proof->region = rsd_js_region(proof->shared_at);
    if (proof->words < RSD_JS_WORDS)
        proof->value[proof->words] = rsd_js_shared_word(js, view->function);
    return proof->region != NULL && !(proof->shared_at & 7);
}

/* Of a frame whose code was found the pc says where it stands. What else lies in the frame of optimised code may look like
 * bytecodes and an offset, and changes with every call. */
static bool stands_by_pc(const struct rsd_js_view *view) {
    return view->code.object.at &&
           (!view->bytecodes.at || view->code.kind == (uint32_t)rsd_js_layout.code_kind_baseline);
}

/* Which words of the frame the answer hangs on. False: nothing shows whether it still holds. */
static bool prove_by_kind(struct rsd_js *js, const struct rsd_js_view *view, struct rsd_js_proof *proof) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    const int32_t function[] = {v8->fp_function, v8->fp_bytecode_array, v8->fp_bytecode_offset};
    bool unoptimised = !stands_by_pc(view) && view->bytecode_offset && rsd_js_is_pointer(view->bytecode_array);
    if (!(view->context & 1)) /* of one of V8's own frames, or too small for any */
        prove(proof, &v8->fp_context, view->context != 0, view->fp);
    else
        prove(proof, function, unoptimised ? 3 : 1, view->fp);
    return !(view->context & 1) || !rsd_js_is_pointer(view->function) || prove_function(js, view, proof);
}

bool rsd_js_renew(struct rsd_js *js, struct rsd_js_proof *proof) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    uintptr_t function = proof->region && source_of(proof) ? *rsd_js_proven(proof, 0) : 0;
    struct rsd_js_proof now = *proof;
    if (!rsd_js_is_pointer(function) || function == proof->value[0])
        return false;
    now.value[0] = function;
    if (proof->shared_at == proof->value[0] - 1 + (uintptr_t)v8->function_shared) {
        now.shared_at = function - 1 + (uintptr_t)v8->function_shared;
        now.region = rsd_js_region(now.shared_at);
    }
    if (!now.region || !rsd_js_holds(&now) || rsd_js_shared_word(js, function) != source_of(proof) || js->forwarded)
        return false;
    *proof = now;
    return true;
}

/* Generated code that is neither a function's nor the interpreter's: a regular expression, a stub of wasm. */
static bool is_foreign(const struct rsd_js_view *view) {
    return view->code.object.at && !view->bytecodes.at && view->code.kind <= (uint32_t)rsd_js_layout.code_kind_baseline;
}

/* False: a line is missing. */
static bool take_apart(struct rsd_js *js, struct rsd_js_view *view, struct rsd_js_answer *answer) {
    struct rsd_js_shared about;
    if (!find_function(js, view))
        return true;
    find_code(js, view);
    if (!is_optimised(view)) /* there a value may stand in their place that the collector does not keep up */
        find_bytecodes(js, view);
    if (is_foreign(view) || !name(js, view->shared, &about, &answer->place[0]))
        return true;
    answer->count = 1;
    if (about.builtin)
        return true;
    if (is_optimised(view))
        place_optimised(js, view, &about, answer);
    else if (view->bytecodes.at)
        place_unoptimised(js, view, &about, &answer->place[0]);
    return answer->place[0].line != 0;
}

/* An answer is final if the heap was at rest and nothing had to be learned yet when the looking began. */
void rsd_js_frame(struct rsd_js *js, const struct rsd_registers *frame, struct rsd_js_answer *answer) {
    struct rsd_js_view view;
    bool learning = rsd_js_learning(), believed = true;
    js->used = true;
    bool is_function = look(frame, &view) && view.context & 1 && rsd_js_names() != RSD_JS_BAD;
    answer->count = 0;
    if (is_function && !rsd_js_recall(js, &view, answer)) {
        believed = take_apart(js, &view, answer);
        if (view.shared.at && !learning && !js->forwarded)
            believed = rsd_js_remember(js, &view, answer, believed);
    }
    answer->proof.settled = prove_by_kind(js, &view, &answer->proof) && believed && !learning && !js->forwarded;
}

/* ---- The state ------------------------------------------------------------------------------------------------- */

size_t rsd_js_size(void) {
    return (sizeof(struct rsd_js) + 63) & ~(size_t)63;
}

void rsd_js_init(struct rsd_js *js, rsd_js_write *write, void *context) {
    js->write = write;
    js->context = context;
}

void rsd_js_hand_over(struct rsd_js *js) {
    if (!js->used)
        return; /* most threads run no JavaScript: their state stays untouched memory */
    js->stream_map = 0;
    memset(js->miss, 0, sizeof js->miss);
    rsd_js_forget_known(js);
    memset(js->source, 0, sizeof js->source);
    js->used = false;
}

void rsd_js_begin(struct rsd_js *js) {
    js->forwarded = 0;
    js->sampled = NULL;
}
