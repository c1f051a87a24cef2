/*
 * A frame that is being looked at: its words, and what they were found to be.
 */
#ifndef RSD_JS_VIEW_H
#define RSD_JS_VIEW_H

#include "js/code.h"
#include "js/object.h"

struct rsd_js_view {
    uintptr_t pc, fp;
    bool in_builtins; /* the pc is in V8's own code: the frame is neither baseline nor optimised */
    uintptr_t context, function, bytecode_array, bytecode_offset; /* the words; 0 where the frame is too small */
    struct rsd_js_object shared;
    struct rsd_js_object bytecodes; /* of an unoptimised frame; else type RSD_JS_NO_TYPE */
    struct rsd_js_code code;        /* of generated code, if it was found */
};

static inline bool rsd_js_is_function(struct rsd_js_object object) {
    return object.type >= rsd_js_layout.type_first_function && object.type <= rsd_js_layout.type_last_function;
}

#endif
