/* Collect all names of a trace, to be stored in it. */
#ifndef RSD_STORE_H
#define RSD_STORE_H

#include "names/lookup.h"
#include "stacks.h"

struct rsd_store_sums {
    size_t addresses, named; /* named: a symbol covers them */
};

/* The file `names` for a trace, to be freed; NULL when there is more than it may hold. Files that could not be used become
 * problems of the trace. */
uint8_t *rsd_store_names(struct rsd_trace *trace, const struct rsd_history *history, const struct rsd_stacks *stacks,
                         struct rsd_lookup *lookup, size_t *size, struct rsd_store_sums *sums);

#endif
