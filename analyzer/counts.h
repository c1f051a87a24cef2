/* What died in the nursery: COUNTS records, summed into call sites. */
#ifndef RSD_COUNTS_H
#define RSD_COUNTS_H

#include "analysis.h"

/* Add the COUNTS records of the window to the sums of the heap's sites; those before it to their `start`, too. */
void rsd_counts_add(struct rsd_analysis *analysis);

#endif
