/* Tagged records (FORMAT.md 5): checked, and their strings found. */
#ifndef RSD_TAGGED_H
#define RSD_TAGGED_H

#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

/* A string inside a record: not terminated. */
struct rsd_slice {
    const char *bytes;
    size_t size;
};

struct rsd_tagged {
    enum residue_tag tag;
    uint64_t time;
    union { /* by tag */
        struct residue_tagged head;
        struct residue_thread thread;
        struct residue_module module;
        struct residue_module_gone module_gone;
        struct residue_barrier barrier;
        struct residue_memory memory;
        struct residue_clock clock;
        struct residue_mapping mapping;
        struct residue_counts counts;
        struct residue_js_function js_function;
        struct residue_code code;
        struct residue_stop stop;
        struct residue_runtime runtime;
        struct residue_sampling sampling;
        struct residue_late late;
        struct residue_compacted compacted;
    };
    struct rsd_slice first;  /* MODULE: build-id; JS_FUNCTION, RUNTIME: name; else the one string */
    struct rsd_slice second; /* MODULE: path; JS_FUNCTION: file; RUNTIME: version */
};

enum rsd_tagged_result {
    RSD_TAGGED_OK,
    RSD_TAGGED_SKIP,    /* an unknown tag that may be skipped in silence */
    RSD_TAGGED_UNKNOWN, /* an unknown tag that deserves a warning */
    RSD_TAGGED_BAD,     /* a known tag and a record too short for it */
};

/* Parse the record of `size` bytes at `at`; the slices point into it. */
enum rsd_tagged_result rsd_tagged_parse(struct rsd_tagged *record, const uint8_t *at, size_t size);
/* "thread", "module", ...; NULL for an unknown tag. */
const char *rsd_tag_name(unsigned tag);

#endif
