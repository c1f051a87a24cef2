/*
 * Which memory holds code.
 */
#ifndef RSD_MAPS_H
#define RSD_MAPS_H

#include <stdbool.h>
#include <stdint.h>

enum rsd_code_flags {
    RSD_CODE_FILE = 1,    /* mapped from a file (or the vdso); otherwise written at run time: JIT code */
    RSD_CODE_READABLE = 2 /* may be decoded; never set for JIT code, whose pages come and go */
};

struct rsd_code {
    uintptr_t start;
    uintptr_t end;
    uintptr_t base; /* RSD_CODE_FILE: where the file's first byte is mapped, 0 when it is not */
    uint32_t flags;
};

/* The range that holds `pc`, from what is known. */
bool rsd_maps_find(uintptr_t pc, struct rsd_code *code);

/* The same, but look into /proc/self/maps when it is not known. Slow; asks seldom about the same page. */
bool rsd_maps_learn(uintptr_t pc, struct rsd_code *code);

/* Forget [start, end). Returns whether anything was known there. */
bool rsd_maps_forget(uintptr_t start, uintptr_t end);

/* In a child made by fork(): a thread that is not there may have been writing. */
void rsd_maps_after_fork(void);

#endif
