/* One writer of a trace: its live file and its log (FORMAT.md 2 and 3). */
#ifndef RSD_READ_H
#define RSD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "problem.h"
#include "residue/format.h"

/* The sealed segments of one kind, in order. */
struct rsd_frames {
    struct rsd_frame *list;
    size_t count, capacity;
    uint32_t last_sequence;
};

/* What a live file holds of one kind and the log does not: one segment, or two of which the first is full. */
struct rsd_open_segment {
    uint8_t *rows;
    size_t size;
    uint32_t sequence; /* of the first */
};

struct rsd_writer {
    uint32_t number;
    char *log_name, *live_name; /* within the trace, for problems */
    int log;                    /* open for reading, or -1 */
    uint64_t log_size;
    struct rsd_frames frames[RESIDUE_KINDS];
    struct rsd_open_segment copy[RESIDUE_KINDS][2]; /* as in the live file, until the log is known */
    struct rsd_open_segment open[RESIDUE_KINDS];
    struct residue_alloc *ring; /* the entries that count, oldest first */
    size_t ring_count;
    bool has_live;
    uint32_t tid, serial; /* of the slot's last thread */
    uint64_t counter[RESIDUE_COUNTER_SLOTS];
    uint64_t lost; /* segments that are missing or could not be read */
};

/* What the files must agree with; 0 for what is not known yet and then taken from the first file that says it. */
struct rsd_identity {
    uint64_t trace_id;
    bool running; /* an unfinished frame at the end of a log is then no problem */
};

/* Copy what the live file holds. Must come before rsd_writer_read_log (the essay of read.c says why). `fd`: the file, or -1
 * with errno; is closed. */
void rsd_writer_read_live(struct rsd_writer *writer, int fd, struct rsd_identity *identity,
                          struct rsd_problems *problems);
/* Index the log, then drop from the live copy what the log has already. `fd`: the same; belongs to the writer now. */
void rsd_writer_read_log(struct rsd_writer *writer, int fd, struct rsd_identity *identity,
                         struct rsd_problems *problems);
void rsd_writer_free(struct rsd_writer *writer);

/* All `size` bytes at that offset. */
bool rsd_read_at(int fd, void *to, size_t size, uint64_t offset);

/* The times of the first and last record of a kind, ring included; false when there is none. */
bool rsd_writer_span(const struct rsd_writer *writer, enum residue_kind kind, uint64_t *first, uint64_t *last);

#endif
