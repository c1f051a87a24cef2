/* What V8 calls a piece of code in its code map. */
#ifndef RSD_CODENAME_H
#define RSD_CODENAME_H

#include <stdbool.h>

#include "tagged.h"

struct rsd_codename {
    struct rsd_slice name, file; /* in the text; V8's own code has no file */
    uint32_t line, column;       /* where the function begins; 0: not said */
    bool builtin;                /* V8's own */
    bool entry;                  /* a copy of the interpreter's entry, made for the map: it exists because of it */
};

struct rsd_codename rsd_codename_parse(struct rsd_slice text);

#endif
