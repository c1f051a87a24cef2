/*
 * The options: environment variables RESIDUE_*, read once.
 */
#ifndef RSD_CONFIG_H
#define RSD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RESIDUE_JS: how V8's frames are named. */
enum rsd_javascript {
    RSD_JAVASCRIPT_OFF,
    RSD_JAVASCRIPT_AUTO,   /* from V8's objects; by its code map where the build is not known */
    RSD_JAVASCRIPT_FRAMES, /* from V8's objects only */
    RSD_JAVASCRIPT_MAP     /* by V8's code map only */
};

struct rsd_config {
    char out[512];  /* RESIDUE_OUT: pattern of the trace directory; %p = pid, %e = executable name */
    uint32_t depth; /* RESIDUE_DEPTH: frames of a stack, 1 to 1,024 */
    enum rsd_javascript javascript;
    bool survivors;            /* RESIDUE_MODE: survivors (true), or full: every event is logged, or sample=BYTES */
    uint64_t sample;           /* BYTES of that; 0: no samples */
    uint64_t max_size;         /* RESIDUE_MAX_SIZE: bytes of the trace; 0: no limit */
    bool follow;               /* RESIDUE_FOLLOW: children made by fork() are recorded (1), or not (0) */
    char only[256];            /* RESIDUE_ONLY: names of executables, with commas between them; empty: all */
    bool started;              /* RESIDUE_START: on (true); off: blocks are not recorded before `residue start` */
    uint32_t snapshot_percent; /* RESIDUE_SNAPSHOT_AT: of the cgroup's and V8's limits; 0: not so */
    uint64_t snapshot_bytes;   /* RESIDUE_SNAPSHOT_AT: of RSS; 0: not so */
};

/* The values of RESIDUE_JS, by enum rsd_javascript. */
extern const char *const rsd_javascript_name[4];

/* Fill in what the environment says, else the defaults. A value that makes no sense is named on stderr and ignored. */
void rsd_config_read(struct rsd_config *config);

/* The mode as it is written: "sample=524288". */
void rsd_config_mode(const struct rsd_config *config, char *out, size_t size);

#endif
