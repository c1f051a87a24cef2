/* What died in the nursery: COUNTS records, summed into call sites. */
#ifndef RSD_COUNTS_H
#define RSD_COUNTS_H

#include "analysis.h"

/* Add the COUNTS records up to the end of the window to the sums of the heap's sites, those up to its start to `start`. */
void rsd_counts_add(struct rsd_analysis *analysis);

#endif
