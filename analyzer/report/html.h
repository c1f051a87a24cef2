/* A trace, or two, as one page. */
#ifndef RSD_HTML_H
#define RSD_HTML_H

#include "diff.h"

/* One self-contained page on `count` (1 or 2) reports; `diff` of the two, or NULL. */
void rsd_report_html(struct rsd_report *const *reports, size_t count, const struct rsd_match *diff, FILE *out);

#endif
