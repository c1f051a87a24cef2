/*
 * libunwind, for what the rule language cannot express.
 */
#ifndef RSD_LIBUNWIND_H
#define RSD_LIBUNWIND_H

#include <stdbool.h>

#include "bounds.h"
#include "rule.h"
#include "unwind.h"

/* Load it, if it is there. Once, at start. */
void rsd_libunwind_start(void);

/* One step outward from `place`. False: it cannot either. */
bool rsd_libunwind_step(struct rsd_bounds *bounds, const struct rsd_place *place, struct rsd_frame *caller);

/* In a child made by fork(): a thread that is not there may hold a lock of libunwind. */
void rsd_libunwind_after_fork(void);

#endif
