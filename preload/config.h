/*
 * The options: environment variables RESIDUE_*, read once.
 */
#ifndef RSD_CONFIG_H
#define RSD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct rsd_config {
    char out[512];             /* RESIDUE_OUT: pattern of the trace directory; %p = pid, %e = executable name */
    uint32_t depth;            /* RESIDUE_DEPTH: frames of a stack, 1 to 1,024 */
    bool javascript;           /* RESIDUE_JS: auto (true): name V8's frames from its objects; off */
    bool started;              /* RESIDUE_START: on (true); off: blocks are not recorded before `residue start` */
    bool survivors;            /* RESIDUE_MODE: survivors (true), or full: every event is logged */
    uint32_t snapshot_percent; /* RESIDUE_SNAPSHOT_AT: of the cgroup's and V8's limits; 0: not so */
    uint64_t snapshot_bytes;   /* RESIDUE_SNAPSHOT_AT: of RSS; 0: not so */
};

/* Fill in what the environment says, else the defaults. A value that makes no sense is named on stderr and ignored. */
void rsd_config_read(struct rsd_config *config);

#endif
