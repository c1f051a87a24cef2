/* The workers of one service, as one. */
#ifndef RSD_WORKERS_H
#define RSD_WORKERS_H

#include "match.h"

/* Match the traces of workers, largest sum first; what leaks in one of them comes before what leaks in none. */
void rsd_workers_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per);

struct rsd_spread { /* of a row's values over all workers */
    size_t workers; /* those with more than nothing */
    double sum, least, median, most;
};
struct rsd_spread rsd_spread_of(const struct rsd_match *match, const struct rsd_row *row);
/* "2 of 3 workers leak: A and C"; to be freed. */
char *rsd_workers_verdict(const struct rsd_match *match);

void rsd_workers_text(const struct rsd_match *match, size_t top, FILE *out);
void rsd_workers_json(const struct rsd_match *match, size_t top, FILE *out);

#endif
