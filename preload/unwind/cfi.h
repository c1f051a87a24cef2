/*
 * Rules from unwind tables.
 */
#ifndef RSD_CFI_H
#define RSD_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "object.h"
#include "rule.h"

enum rsd_cfi { RSD_CFI_NO_FDE, RSD_CFI_RULE, RSD_CFI_INEXPRESSIBLE };

/* A function, or the part of one, that an FDE describes. */
struct rsd_fde {
    uintptr_t start;
    uintptr_t end;
    const uint8_t *entry; /* the FDE, from its length on */
};

/* The FDE that holds `pc`. */
bool rsd_fde_find(const struct rsd_object *object, uintptr_t pc, struct rsd_fde *fde);

/* The largest part of the object's code that lies between two FDEs and belongs to none; false: it has no table. */
bool rsd_fde_hole(const struct rsd_object *object, uintptr_t *start, uintptr_t *end);

/* The rule for `address` (rule.h) by the tables of its object. */
enum rsd_cfi rsd_cfi_rule(const struct rsd_object *object, uintptr_t address, struct rsd_rule *rule);

#endif
