/* A flame graph in plain characters. */
#ifndef RSD_ICICLE_H
#define RSD_ICICLE_H

#include "report/report.h"

/* By the metric of the options, at most `width` columns. Files are shown by their path within a package, or by name. */
void rsd_report_icicle(struct rsd_report *report, size_t width, FILE *out);

#endif
