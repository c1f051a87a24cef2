/*
 * V8's own code map, caught in memory. See perfmap.c.
 */
#ifndef RSD_PERFMAP_H
#define RSD_PERFMAP_H

#include <stdbool.h>

/* Have V8 tell where its code lies. In the constructor, before V8 starts, between rsd_ours_begin() and _end(). */
void rsd_perfmap_start(void);

/* Does it? `why` becomes a sentence that goes on from what else was to be said; it may be called at any time. */
bool rsd_perfmap_is_on(const char **why);

#endif
