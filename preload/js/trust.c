/*
 * How far the layout is believed.
 *
 * Nobody promises that the next V8 looks like the last. A build whose version was tested (layout.c) is believed from
 * the start, any other only when it has proved itself; and both are judged as long as the program runs:
 *
 *     names are given   <=>   functions, ScopeInfos and Scripts are right: tested, or PROOF of each were and none wrong
 *     lines are given   <=>   bytecodes and tables of positions are right: tested, or PROOF of each were, the tables in
 *                             one way of reading while the other way failed
 *     either is dropped when  more than NOISE judgements, and more than one in TOLERANCE, were "wrong"
 *
 * The judgements are strict: on tested builds none of millions was wrong, and a table read in the wrong way never
 * passes (0 of 156,000 on Node 26). So a new layout costs names, but does not give wrong ones.
 *
 * The words by which the rest of this folder runs are written at start, before any other thread; counts are atomic,
 * and a race between them costs a judgement, nothing else.
 */
#include "js/trust.h"

#include <stdatomic.h>

#include "js/bytecodes.h"
#include "js/image.h"

#define PROOF 24u
#define NOISE 8u
#define TOLERANCE 50u
#define TRIALS 4096u /* judgements after which a build that has proved nothing is given up */

uintptr_t rsd_js_builtins, rsd_js_builtins_size;

static const char *why_nothing = "JavaScript: not looked at yet";
static struct { _Atomic uint32_t right, wrong; } judged[RSD_JS_TOPICS];

void rsd_js_start(void) {
    const uint8_t *bytecode_sizes = NULL;
    why_nothing = rsd_js_layout_start(&bytecode_sizes);
    if (why_nothing)
        return;
    if (!rsd_js_image_start()) {
        why_nothing = "V8's embedded builtins were not found in this executable";
        return;
    }
    rsd_js_bytecodes_start(bytecode_sizes);
    rsd_js_builtins = rsd_js_image.builtins;
    rsd_js_builtins_size = rsd_js_image.builtins_end - rsd_js_image.builtins;
    rsd_js_pages_kept = true;
}

bool rsd_js_known(void) {
    return !why_nothing && rsd_js_layout.tested;
}

void rsd_js_judge(enum rsd_js_topic topic, bool right) {
    atomic_fetch_add_explicit(right ? &judged[topic].right : &judged[topic].wrong, 1, memory_order_relaxed);
}

void rsd_js_trust_anew(void) {
    for (unsigned topic = 0; topic < RSD_JS_TOPICS; topic++)
        judged[topic].right = judged[topic].wrong = 0;
}

static uint32_t right(enum rsd_js_topic topic) {
    return atomic_load_explicit(&judged[topic].right, memory_order_relaxed);
}

static uint32_t wrong(enum rsd_js_topic topic) {
    return atomic_load_explicit(&judged[topic].wrong, memory_order_relaxed);
}

static bool fails(enum rsd_js_topic topic) {
    return wrong(topic) > NOISE && wrong(topic) > right(topic) / TOLERANCE;
}

static bool proves(enum rsd_js_topic topic) {
    return right(topic) >= PROOF && !fails(topic);
}

static bool given_up(enum rsd_js_topic topic) {
    return right(topic) + wrong(topic) > TRIALS;
}

enum rsd_js_verdict rsd_js_names(void) {
    if (fails(RSD_JS_FUNCTIONS) || fails(RSD_JS_SCOPES) || fails(RSD_JS_SCRIPTS))
        return RSD_JS_BAD;
    if (rsd_js_layout.tested || (proves(RSD_JS_FUNCTIONS) && proves(RSD_JS_SCOPES) && proves(RSD_JS_SCRIPTS)))
        return RSD_JS_GOOD;
    /* A layout that is only a little wrong is wrong early: until it is proved a single failure ends it. */
    return wrong(RSD_JS_FUNCTIONS) || wrong(RSD_JS_SCOPES) || wrong(RSD_JS_SCRIPTS) ? RSD_JS_BAD : RSD_JS_LEARNING;
}

static enum rsd_js_verdict lines_of_tested(enum rsd_js_topic tables) {
    return fails(tables) || fails(RSD_JS_BYTECODES) ? RSD_JS_BAD : RSD_JS_GOOD;
}

enum rsd_js_verdict rsd_js_lines(bool *is_unsigned) {
    *is_unsigned = rsd_js_layout.positions_unsigned;
    if (rsd_js_layout.tested)
        return lines_of_tested(*is_unsigned ? RSD_JS_UNSIGNED_TABLES : RSD_JS_SIGNED_TABLES);
    if (fails(RSD_JS_BYTECODES))
        return RSD_JS_BAD;
    *is_unsigned = proves(RSD_JS_UNSIGNED_TABLES) && fails(RSD_JS_SIGNED_TABLES);
    bool is_signed = proves(RSD_JS_SIGNED_TABLES) && fails(RSD_JS_UNSIGNED_TABLES);
    if (proves(RSD_JS_BYTECODES) && (*is_unsigned || is_signed))
        return RSD_JS_GOOD;
    return given_up(RSD_JS_SIGNED_TABLES) || wrong(RSD_JS_BYTECODES) ? RSD_JS_BAD : RSD_JS_LEARNING;
}

enum rsd_js_trust rsd_js_trusted(const char **why) {
    static const char *const names_say[] = {"this V8 was not tested: names have not proved right yet", NULL,
                                            "V8's functions do not look as expected: no names"};
    static const char *const lines_say[] = {"this V8 was not tested: lines have not proved right yet",
                                            "names and lines are read from V8's own objects",
                                            "V8's tables of source positions do not look as expected: no lines"};
    bool is_unsigned;
    enum rsd_js_verdict names = rsd_js_names(), lines = rsd_js_lines(&is_unsigned);
    bool named = !why_nothing && names == RSD_JS_GOOD;
    if (why)
        *why = why_nothing ? why_nothing : !named ? names_say[names] : lines_say[lines];
    if (why && named && lines == RSD_JS_GOOD && !rsd_js_bytecodes)
        *why = "the sizes of V8's bytecodes were not found: no lines in baseline code";
    return !named ? RSD_JS_NOTHING : lines == RSD_JS_GOOD ? RSD_JS_LINES : RSD_JS_NAMES;
}
