/* A trace that is opened for its names alone: what symbolize and pack store. */
#ifndef RSD_NAMING_H
#define RSD_NAMING_H

#include "analysis.h"
#include "names/store.h"

struct rsd_naming {
    struct rsd_analysis analysis; /* history and stacks, no events */
    uint8_t *bytes;               /* the file `names` */
    size_t size;
    struct rsd_store_sums sums;
};

/* False, with a message: the trace cannot be read, or has too many names. */
bool rsd_naming_open(struct rsd_naming *naming, const char *command, const char *path, const struct rsd_places *places);
void rsd_naming_close(struct rsd_naming *naming);
/* Say on stderr what was written where, how much of it has names, and what is wrong with the trace and the files. */
void rsd_naming_say(const struct rsd_naming *naming, const char *command, const char *path, uint64_t bytes);

#endif
