/* The parts of a report that judge: verdict, memory over time, ledger. */
#ifndef RSD_JUDGEMENT_H
#define RSD_JUDGEMENT_H

#include "report/report.h"

/* Fields of the head. `limit` in bytes, 0: none was given. */
void rsd_print_verdict(FILE *out, const struct rsd_report *report, uint64_t limit);
void rsd_print_timeline(FILE *out, const struct rsd_analysis *analysis);
void rsd_print_ledger(FILE *out, const struct rsd_report *report);
/* The verdict in one line; to be freed. */
char *rsd_headline(const struct rsd_report *report);
/* Units of work in the window, 0 where they are not known, and what they are. */
double rsd_units(const struct rsd_report *report, const char **unit);
/* "leak, 2.1 MiB/s, ..." for a call site; NULL where there is nothing to say. To be freed. */
char *rsd_trend_text(const struct rsd_group *group);
/* "libfoo.so (foo@1.2.3)"; to be freed. */
char *rsd_owner_text(const struct rsd_report *report, uint32_t binary);

#endif
