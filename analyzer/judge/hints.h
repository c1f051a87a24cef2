/* Patterns that are known from the field. */
#ifndef RSD_HINTS_H
#define RSD_HINTS_H

#include "group.h"

/* Did it grow in a way that wants explaining? */
bool rsd_deserves_hints(const struct rsd_group *group);
/* A sentence for a call site that grew, with what was seen; NULL: none fits. `number` counts from 0. To be freed. */
char *rsd_hint(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks, size_t number);

#endif
