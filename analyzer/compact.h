/* A trace without the records of blocks that died before a moment. */
#ifndef RSD_COMPACT_H
#define RSD_COMPACT_H

#include "analysis.h"

struct rsd_compaction {
    uint64_t records, dropped; /* ALLOC, FREE and LARGE records of the trace, and those that were left out */
    uint64_t bytes;            /* of the new trace */
};

/* Write the trace to the empty folder `to`, without blocks that died by `before`, a moment of the window or its start. False,
 * with *why (to be freed): it could not be written. */
bool rsd_compact(struct rsd_analysis *outline, uint64_t start, uint64_t before, const char *to,
                 struct rsd_compaction *result, char **why);

#endif
