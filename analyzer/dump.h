/* The raw records of a trace as text. */
#ifndef RSD_DUMP_H
#define RSD_DUMP_H

#include <stdio.h>

#include "trace.h"

struct rsd_dump_options {
    bool has_writer;
    uint32_t writer;
    unsigned kinds; /* set of 1 << enum residue_kind */
};

void rsd_dump(struct rsd_trace *trace, struct rsd_source *source, const struct rsd_dump_options *options, FILE *out);

#endif
