/*
 * Frames that were named before. See known.c.
 */
#ifndef RSD_JS_KNOWN_H
#define RSD_JS_KNOWN_H

#include "js/view.h"

/* The word by which a frame's function leads to its SharedFunctionInfo; 0 if `word` is no function. */
uintptr_t rsd_js_shared_word(struct rsd_js *js, uintptr_t word);

/* Forget all of them. */
void rsd_js_forget_known(struct rsd_js *js);

/* Fill in the answer for a frame that was named before and has not changed since, and which code it was found in. */
bool rsd_js_recall(struct rsd_js *js, struct rsd_js_view *view, struct rsd_js_answer *answer);

/* Remember the answer for a frame that was taken apart; `whole`: it lacks no line. Is it to be believed from here on? */
bool rsd_js_remember(struct rsd_js *js, const struct rsd_js_view *view, const struct rsd_js_answer *answer, bool whole);

#endif
