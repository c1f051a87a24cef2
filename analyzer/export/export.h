/* A trace in the formats of other tools. */
#ifndef RSD_EXPORT_H
#define RSD_EXPORT_H

#include "report/report.h"

/* pprof's protobuf, uncompressed: inuse_space, inuse_objects, alloc_space, alloc_objects. */
void rsd_export_pprof(struct rsd_report *report, FILE *out);
/* speedscope's JSON: one profile, weighted by the metric of the report's options. */
void rsd_export_speedscope(struct rsd_report *report, FILE *out);

#endif
