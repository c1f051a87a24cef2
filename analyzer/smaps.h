/* What the kernel said was resident, mapping by mapping, at both ends of the window and in between. */
#ifndef RSD_SMAPS_H
#define RSD_SMAPS_H

#include "history.h"

struct rsd_resident { /* one MAPPING record */
    uint64_t start, end;
    uint64_t bytes; /* resident */
    uint64_t anonymous_bytes;
    uint32_t prot; /* as in the record */
    char *name;    /* "" for an anonymous one */
};

struct rsd_smaps {
    uint64_t time;             /* of the sample's last record; 0: there is no sample */
    struct rsd_resident *list; /* by address */
    size_t count, capacity;
};

#define RSD_SMAPS_MOST 64

/* Samples of a stretch of time: its first and its last, and others between them, evenly. */
struct rsd_smaps_list {
    struct rsd_smaps sample[RSD_SMAPS_MOST];
    size_t count;
    size_t step, passed; /* every step-th sample is kept, and how many have come since the first */
};

/* The whole samples from `from` to `to`. */
void rsd_smaps_read(struct rsd_smaps_list *list, struct rsd_trace *trace, struct rsd_source *source, uint64_t from,
                    uint64_t to);
void rsd_smaps_free(struct rsd_smaps_list *list);

#endif
