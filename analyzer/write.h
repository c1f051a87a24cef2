/* A writer's files, written anew (FORMAT.md 2 and 3). */
#ifndef RSD_WRITE_H
#define RSD_WRITE_H

#include <stdio.h>

#include "trace.h"

struct rsd_output {
    const struct rsd_writer *writer;
    int log;
    int error;              /* errno of the first thing that failed; what follows is not written */
    enum residue_kind kind; /* of the records that are being put */
    uint32_t sequence, records;
    uint8_t *rows, *planes, *packed; /* of the frame that is being filled */
    size_t used;
    uint64_t bytes; /* written */
};

/* Make the log of a writer in `folder`. */
void rsd_output_open(struct rsd_output *output, const char *folder, const struct rsd_trace *trace,
                     const struct rsd_writer *writer);
/* Records of a kind begin; those of one kind follow each other by time. */
void rsd_output_begin(struct rsd_output *output, enum residue_kind kind);
void rsd_output_put(struct rsd_output *output, const void *record, size_t size);
/* The records of a kind are complete. */
void rsd_output_end(struct rsd_output *output);
/* All records of a kind, as they are. */
void rsd_output_copy(struct rsd_output *output, enum residue_kind kind);
/* Write the live file, with the counters and no records. Returns 0, or the errno of what failed. */
int rsd_output_close(struct rsd_output *output, const char *folder, const struct rsd_trace *trace);

/* Create a file that its owner alone may read, as the recorder does; `how`: O_EXCL or O_TRUNC. NULL, with errno. */
FILE *rsd_create(const char *path, int how);

/* The header of a writer's live file, with its counters, without segments and ring. */
void rsd_live_header(struct residue_live_header *header, const struct rsd_writer *writer, const struct rsd_meta *meta);

#endif
