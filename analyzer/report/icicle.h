/* A flame graph in plain characters. */
#ifndef RSD_ICICLE_H
#define RSD_ICICLE_H

#include "match.h"

/* By the metric of the options, at most `width` columns. Files are shown by their path within a package, or by name. */
void rsd_report_icicle(struct rsd_report *report, size_t width, FILE *out);
/* Of two sides, what changed. */
void rsd_diff_icicle(const struct rsd_match *match, size_t width, FILE *out);

#endif
