/* Write a trace as one file (FORMAT.md 9). */
#ifndef RSD_PACK_H
#define RSD_PACK_H

#include <stdio.h>

#include "trace.h"

/* Write the trace to `out`, with `names`, the content of its file of that name. False, with *why (to be freed). */
bool rsd_pack(const struct rsd_trace *trace, const uint8_t *names, size_t size, FILE *out, char **why);

#endif
