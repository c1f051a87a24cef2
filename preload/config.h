/*
 * The options: environment variables RESIDUE_*, read once.
 */
#ifndef RSD_CONFIG_H
#define RSD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rsd_config {
    char out[512];     /* RESIDUE_OUT: pattern of the trace directory; %p = pid, %e = executable name */
    uint32_t depth;    /* RESIDUE_DEPTH: frames of a stack, 1 to 1,024 */
    bool javascript;   /* RESIDUE_JS: auto (true): name V8's frames from its objects; off */
    bool survivors;    /* RESIDUE_MODE: survivors (true), or full: every event is logged, or sample=BYTES */
    uint64_t sample;   /* BYTES of that; 0: no samples */
    uint64_t max_size; /* RESIDUE_MAX_SIZE: bytes of the trace; 0: no limit */
};

/* Fill in what the environment says, else the defaults. A value that makes no sense is named on stderr and ignored. */
void rsd_config_read(struct rsd_config *config);

/* The mode as it is written: "sample=524288". */
void rsd_config_mode(const struct rsd_config *config, char *out, size_t size);

#endif
