/*
 * What a function is called and where it stands. See function.c.
 */
#ifndef RSD_JS_FUNCTION_H
#define RSD_JS_FUNCTION_H

#include "js/lines.h"
#include "js/object.h"

/* A SharedFunctionInfo, taken apart. The strings are in the state's `name` and `file`. */
struct rsd_js_shared {
    struct rsd_js_object script;
    bool builtin;       /* V8's own: it has no script */
    int32_t start, end; /* positions in the script, or -1 */
    uint32_t name_size, file_size;
};

/* The script of a function; undefined for a builtin. */
struct rsd_js_object rsd_js_script(struct rsd_js *js, struct rsd_js_object shared);

/* False: `shared` is no function, or has nothing to be called by: a builtin without a name. */
bool rsd_js_describe(struct rsd_js *js, struct rsd_js_object shared, struct rsd_js_shared *out);

#endif
