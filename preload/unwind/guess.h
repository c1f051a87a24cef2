/*
 * The last resort: the next word up the stack that looks like a return address.
 */
#ifndef RSD_GUESS_H
#define RSD_GUESS_H

#include <stdbool.h>

#include "bounds.h"
#include "unwind.h"

bool rsd_guess(struct rsd_bounds *bounds, const struct rsd_frame *frame, struct rsd_frame *caller);

/* The same for code that ought to keep frame pointers. */
bool rsd_guess_by_fp(struct rsd_bounds *bounds, const struct rsd_frame *frame, struct rsd_frame *caller);

#endif
