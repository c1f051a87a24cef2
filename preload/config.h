/*
 * The options: environment variables RESIDUE_*, read once.
 */
#ifndef RSD_CONFIG_H
#define RSD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

struct rsd_config {
    char out[512];   /* RESIDUE_OUT: pattern of the trace directory; %p = pid, %e = executable name */
    uint32_t depth;  /* RESIDUE_DEPTH: frames of a stack, 1 to 1,024 */
    bool javascript; /* RESIDUE_JS: auto (true): name V8's frames from its objects; off */
    bool follow;     /* RESIDUE_FOLLOW: children made by fork() are recorded (1), or not (0) */
    char only[256];  /* RESIDUE_ONLY: names of executables, with commas between them; empty: all */
    bool survivors;  /* RESIDUE_MODE: survivors (true), or full: every event is logged */
};

/* Fill in what the environment says, else the defaults. A value that makes no sense is named on stderr and ignored. */
void rsd_config_read(struct rsd_config *config);

#endif
