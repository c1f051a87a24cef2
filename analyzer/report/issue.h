/* A bug report for whoever wrote the library. */
#ifndef RSD_ISSUE_H
#define RSD_ISSUE_H

#include "report/report.h"

/* Markdown about the call site at `rank` (from 0). Paths are cut to packages, environment and arguments left out. */
void rsd_report_issue(struct rsd_report *report, size_t rank, FILE *out);

#endif
