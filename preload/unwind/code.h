/*
 * Rules from machine code.
 */
#ifndef RSD_CODE_H
#define RSD_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "object.h"
#include "rule.h"

/* Once, at start. */
void rsd_code_start(void);

/* Read the code at `place` forward and find the rule that fits the stack best. */
bool rsd_code_rule(const struct rsd_object *object, struct rsd_bounds *bounds, const struct rsd_place *place,
                   struct rsd_rule *rule);

/* The same from the other side: look up the stack for the call that made this frame and read the code from its target
 * to `place`. For frames whose code does not lead to a return. */
bool rsd_code_rule_from_entry(const struct rsd_object *object, struct rsd_bounds *bounds, const struct rsd_place *place,
                              struct rsd_rule *rule);

#endif
