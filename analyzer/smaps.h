/* What the kernel said was resident, mapping by mapping, at both ends of the window. */
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

/* The first whole sample at or after `from`, and the last up to `to`; the second may be the first again. */
void rsd_smaps_read(struct rsd_smaps ends[2], struct rsd_trace *trace, struct rsd_source *source, uint64_t from,
                    uint64_t to);
/* Some samples up to `to`, evenly spread: `most` of them, or at least half as many where there are more. Returns how many;
 * *list is to be freed. */
size_t rsd_smaps_read_some(struct rsd_smaps **list, size_t most, struct rsd_trace *trace, struct rsd_source *source,
                           uint64_t to);
void rsd_smaps_free(struct rsd_smaps *smaps);

#endif
