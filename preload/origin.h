/*
 * Whose work a pool thread does: the stack that made it. See origin.c.
 */
#ifndef RSD_ORIGIN_H
#define RSD_ORIGIN_H

#include <link.h>
#include <stdint.h>

#include "residue/format.h"

/* A stack of any writer. */
struct rsd_origin {
    uint32_t writer;
    uint32_t node; /* 0: none */
    enum residue_origin_kind kind;
};

/* Find the functions of the executable that addons queue work by; once, not from inside a hook. */
void rsd_origin_start(void);

/* In a child made by fork() (fork.c). */
void rsd_origin_after_fork(void);

/* A module was met for the first time: let its calls of these functions come by here. From inside a hook. */
void rsd_origin_watch(const struct link_map *map);

#endif
