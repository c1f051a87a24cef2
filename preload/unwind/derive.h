/*
 * A rule for an address that has none yet.
 */
#ifndef RSD_DERIVE_H
#define RSD_DERIVE_H

#include "bounds.h"
#include "rule.h"

struct rsd_jit {
    uintptr_t start; /* the range of JIT code that was met last */
    uintptr_t size;
};

enum rsd_derived {
    RSD_DERIVED,        /* a rule for this address */
    RSD_DERIVED_ONCE,   /* the same, but not to be kept: nobody would know when to forget it */
    RSD_DERIVED_JIT,    /* the address is in JIT code: a rule for the whole range, which must not be kept by address */
    RSD_DERIVED_NO_CODE /* there is no code at this address */
};

enum rsd_derived rsd_derive(struct rsd_bounds *bounds, const struct rsd_place *place, struct rsd_rule *rule,
                            struct rsd_jit *jit);

#endif
