/* What the texts about several traces share: versions, and workers. */
#ifndef RSD_MATCH_TEXT_H
#define RSD_MATCH_TEXT_H

#include "match.h"
#include "text.h"

/* A value of the metric: "1.5 MiB", "+1.5 MiB", "0.25 B". */
struct rsd_short rsd_match_value(const struct rsd_match *match, double value, bool sign);
/* " ± 1.5 MiB" of a standard error, or nothing when it is 0. */
struct rsd_short rsd_match_error_text(const struct rsd_match *match, double error);
/* A field that says that the figures of a side are estimates, if they are. */
void rsd_match_estimates(FILE *out, const struct rsd_match *match, size_t side, const char *label);
/* "A +52.6 MiB, B +7.0 MiB ± 1.2 MiB" of a row, or of the totals when it is NULL; to be freed. */
char *rsd_match_values(const struct rsd_match *match, const struct rsd_row *row, bool sign);
/* What the rows from place `shown` on add up to, on one side. */
double rsd_match_rest(const struct rsd_match *match, size_t shown, size_t side);

#endif
