/*
 * The global offset table of a module: through which it calls what it imports. See got.c.
 */
#ifndef RSD_GOT_H
#define RSD_GOT_H

#include <link.h>
#include <stdbool.h>

/* What the module is to call instead of the function of that name; NULL: leave it. */
typedef void *rsd_got_instead_of(const char *name);

/* Patch each slot of the module that has a substitute. No lock is taken, nothing allocated. */
void rsd_got_patch(const struct link_map *map, rsd_got_instead_of *instead_of);

#endif
