/*
 * The Code object that a place in machine code belongs to. See code.c.
 */
#ifndef RSD_JS_CODE_H
#define RSD_JS_CODE_H

#include "js/object.h"

struct rsd_js_code {
    struct rsd_js_object object; /* type RSD_JS_NO_TYPE: not found */
    uint32_t kind;               /* as V8 numbers them: compare with the layout's code_kind_baseline */
    uint32_t offset, size;       /* of the place in the instructions, and of these */
};

struct rsd_js_code rsd_js_code_at(struct rsd_js *js, uintptr_t pc);

#endif
