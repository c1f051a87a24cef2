/*
 * Calls that never return.
 */
#ifndef RSD_NORETURN_H
#define RSD_NORETURN_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"

/* Is the GOT slot at `slot` that of a function known not to return? */
bool rsd_noreturn(const struct rsd_object *object, uintptr_t slot);

/* An object is gone: forget which slot was what. */
void rsd_noreturn_forget(void);

#endif
