/* Where the trace goes. See place.c. */
#ifndef RSD_PLACE_H
#define RSD_PLACE_H

#include <stddef.h>

/* Make the directory that `pattern` names; its absolute path goes to `out`. A negative errno on failure. */
long rsd_place_make(const char *pattern, char *out, size_t size);

#endif
