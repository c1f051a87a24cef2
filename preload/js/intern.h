/*
 * Numbers for functions. See intern.c.
 */
#ifndef RSD_JS_INTERN_H
#define RSD_JS_INTERN_H

#include "js/function.h"
#include "js/state.h"

/* The id of the function that `shared` describes, whose strings are still in the state; 0 when it cannot be written.
 * */
uint32_t rsd_js_intern(struct rsd_js *js, const struct rsd_js_shared *shared);

#endif
