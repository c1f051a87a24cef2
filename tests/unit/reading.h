/* A trace read by the analyzer, for tests. */
#ifndef READING_H
#define READING_H

#include <stdio.h>

#include "trace.h"
#include "trace_writer.h"

struct reading {
    struct rsd_trace trace;
    struct rsd_source source;
};

void reading_open(struct reading *reading, const char *folder);
void reading_close(struct reading *reading);

/* One record of the merged stream, for comparisons: kind, time, address. */
struct seen {
    enum residue_kind kind;
    uint64_t time, address;
    uint32_t writer;
    enum rsd_place place;
};
/* All records of these kinds in the order of the merge; returns how many there are, even beyond `most`. */
size_t reading_all(struct reading *reading, unsigned kinds, struct seen *list, size_t most);

/* What `write` writes, as a string; to be freed. */
char *text_of(void (*write)(FILE *out, void *context), void *context);
/* Compare with tests/golden/NAME. With RESIDUE_GOLDEN=write in the environment, write the file instead. */
void golden(const char *name, const char *text);

#endif
