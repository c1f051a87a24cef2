/* Where the trace goes. See place.c. */
#ifndef RSD_PLACE_H
#define RSD_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the executable's name is among those of RESIDUE_ONLY: names with commas between them, or none at all. */
bool rsd_place_is_wanted(const char *only);

/* Make the directory that `pattern` names; its absolute path goes to `out`. A negative errno on failure. */
long rsd_place_make(const char *pattern, char *out, size_t size);

#endif
