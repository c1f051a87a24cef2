/*
 * How far the layout is believed. See trust.c.
 */
#ifndef RSD_JS_TRUST_H
#define RSD_JS_TRUST_H

#include "js/js.h"
#include "js/layout.h"

/* What is judged whenever it is met. */
enum rsd_js_topic {
    RSD_JS_FUNCTIONS,       /* a function leads to a SharedFunctionInfo */
    RSD_JS_SCOPES,          /* a ScopeInfo holds in each slot what it should */
    RSD_JS_SCRIPTS,         /* a function leads to a Script with a name that can be one, or to undefined */
    RSD_JS_BYTECODES,       /* walking along bytecodes by their sizes ends at the end, and meets the frame's offset */
    RSD_JS_SIGNED_TABLES,   /* a table of positions makes sense, read as V8 10 to 13 wrote it */
    RSD_JS_UNSIGNED_TABLES, /* the same, as V8 14 writes it */
    RSD_JS_TOPICS
};

/* One more was right, or wrong. Not for what was met in the middle of a collection. */
void rsd_js_judge(enum rsd_js_topic topic, bool right);

/* In a build that was not tested, names and lines must prove themselves before they are given out. */
enum rsd_js_verdict { RSD_JS_LEARNING, RSD_JS_GOOD, RSD_JS_BAD };

enum rsd_js_verdict rsd_js_names(void);
enum rsd_js_verdict rsd_js_lines(bool *is_unsigned); /* set if good: how tables are to be read */

/* For tests: nothing was judged yet. */
void rsd_js_trust_anew(void);

/* Is an answer that is given now as good as later ones will be? */
static inline bool rsd_js_learning(void) {
    bool is_unsigned;
    return !rsd_js_layout.tested &&
           (rsd_js_names() == RSD_JS_LEARNING || rsd_js_lines(&is_unsigned) == RSD_JS_LEARNING);
}

#endif
