/*
 * Addons, and the functions of node's that they call. See addon.c.
 */
#ifndef RSD_ADDON_H
#define RSD_ADDON_H

#include <link.h>
#include <stdbool.h>

typedef void rsd_function(void);

/* A function of the executable's that addons are to call another for. */
struct rsd_substitute {
    const char *name;
    void **real; /* found by rsd_addon_start() */
    rsd_function *function;
};

/* Lists, each with a nameless last one. */
extern const struct rsd_substitute rsd_asyncwork_substitutes[], rsd_tsfn_substitutes[];

/* Find the functions of the executable that addons queue work by; once, not from inside a hook. */
void rsd_addon_start(void);

/* A module was met for the first time: let its calls of these functions come by here. From inside a hook. */
void rsd_addon_watch(const struct link_map *map);

/* Is this code of node's, of its libuv, or of no module? Yes, if there is no node. */
bool rsd_addon_is_runtime(void *code);

#endif
