/*
 * Copies of V8's embedded builtins. See copy.c.
 */
#ifndef RSD_JS_COPY_H
#define RSD_JS_COPY_H

#include <stdint.h>

/* Where the code that a return address points into lies in the executable, if it is a copy of a builtin; else 0. */
uintptr_t rsd_js_original(uintptr_t pc);

#endif
