/*
 * Which code lies where, as V8's own code map tells it. See codemap.c.
 */
#ifndef RSD_JS_CODEMAP_H
#define RSD_JS_CODEMAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSD_CODE_ID_BITS 28
#define RSD_CODE_IDS (UINT32_C(1) << RSD_CODE_ID_BITS)
#define RSD_CODE_GRAIN_SHIFT 5 /* V8 aligns code to 32 bytes at least: no grain holds two */
#define RSD_CODE_LEAF_SHIFT 24 /* a leaf describes 16 MiB, */
#define RSD_CODE_MID_SHIFT 35  /* a middle table 32 GiB, */
#define RSD_CODE_TOP_SHIFT 47  /* and the root what a process can address */

/* id in the lower 28 bits, above them a hash of start, size and name; 0: no code is known here. */
typedef _Atomic uint64_t rsd_code_grain;

struct rsd_code_leaf {
    rsd_code_grain grain[1 << (RSD_CODE_LEAF_SHIFT - RSD_CODE_GRAIN_SHIFT)];
};

struct rsd_code_middle {
    struct rsd_code_leaf *_Atomic leaf[1 << (RSD_CODE_MID_SHIFT - RSD_CODE_LEAF_SHIFT)];
};

struct rsd_codemap {
    _Atomic bool used;       /* a line has come */
    _Atomic uint32_t codes;  /* ids given out */
    _Atomic uint32_t reused; /* how often code came to lie where other code had been */
    struct rsd_code_middle *_Atomic root[1 << (RSD_CODE_TOP_SHIFT - RSD_CODE_MID_SHIFT)];
};
extern struct rsd_codemap rsd_codemap;

/* A line of the map: code that was made, or that has moved. */
struct rsd_code_line {
    uint64_t start;
    uint32_t size;
    uint32_t name_size;
    const char *name; /* in the text that was parsed */
};

/* "ADDRESS SIZE NAME\n" in hexadecimal. False: that is not what it is. */
bool rsd_codemap_parse(const char *text, size_t text_size, struct rsd_code_line *line);

/* An id for the code, from 1; 0 if this very code is known to lie there already, or there are no ids left. */
uint32_t rsd_codemap_new(const struct rsd_code_line *line);

/* From now on the code lies there. After its name was written down. */
void rsd_codemap_publish(const struct rsd_code_line *line, uint32_t id);

uint32_t rsd_codemap_find(uintptr_t pc);

/* The id of the code that a return address lies in, or 0. */
static inline uint32_t rsd_codemap_at(uintptr_t pc) {
    if (__builtin_expect(!atomic_load_explicit(&rsd_codemap.used, memory_order_relaxed), 1))
        return 0;
    return rsd_codemap_find(pc);
}

#endif
