/*
 * Rules for code that keeps a chain of frame pointers: V8's.
 */
#ifndef RSD_FP_H
#define RSD_FP_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "rule.h"

/* Find V8's embedded builtins, if this program has any. Once, at start. */
void rsd_fp_start(void);

bool rsd_fp_is_builtin(uintptr_t pc);

struct rsd_rule rsd_fp_rule(uintptr_t address);

/* Code that ought to keep a chain does not at this place. Look for the next link upward: a saved frame pointer with a
 * return address above it. A guess. Returns the address of the link, or 0. */
uintptr_t rsd_fp_guess(struct rsd_bounds *bounds, uintptr_t sp, uintptr_t fp);

#endif
