/* What call sites are ranked and drawn by. */
#ifndef RSD_METRIC_H
#define RSD_METRIC_H

#include <stdbool.h>

#include "sites.h"

#define RSD_METRICS(X)                                                                                                 \
    X(GROWTH, "growth", "GROWTH", "outstanding bytes at the end of the window minus those at its start")               \
    X(OUTSTANDING, "outstanding", "OUTSTANDING BYTES", "bytes outstanding at the end of the window")                   \
    X(PEAK, "peak", "BYTES AT THE PEAK", "bytes outstanding when all together had most")                               \
    X(TEMPORARY, "temporary", "TEMPORARY BLOCKS", "blocks that died young, in the nursery (of samples: within 10 ms)") \
    X(ALLOCATED, "allocated", "BYTES ALLOCATED", "bytes allocated in the window")                                      \
    X(CALLS, "calls", "CALLS", "allocations in the window")

enum rsd_metric {
#define X(name, key, title, text) RSD_METRIC_##name,
    RSD_METRICS(X)
#undef X
        RSD_METRIC_COUNT
};

/* False: there is none of that name. */
bool rsd_metric_named(const char *name, enum rsd_metric *metric);
const char *rsd_metric_name(enum rsd_metric metric);
const char *rsd_metric_title(enum rsd_metric metric);
/* "growth, outstanding, ..." for messages */
const char *rsd_metric_list(void);
/* Is it in bytes? */
bool rsd_metric_is_bytes(enum rsd_metric metric);
/* Of a site or a group; for PEAK what is outstanding (group.c knows the peak of a group). */
int64_t rsd_metric_of(const struct rsd_site *site, enum rsd_metric metric);
/* The standard error of an estimate from samples, 0 where all was recorded. `value`: what it had at the PEAK, whose error
 * is taken to be that of as many bytes of all it allocated. */
double rsd_metric_error(const struct rsd_site *site, enum rsd_metric metric, int64_t value);

#endif
