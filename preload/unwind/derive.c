/*
 * A rule for an address that has none yet: ask the sources in the order in which they can be trusted.
 *
 *     V8's builtins     -> frame pointer
 *     an ELF object     -> its unwind table, else libunwind (where the table says it in ways that rules cannot), else
 *                          machine code read forward, else machine code read from the entry, else: scan
 *     JIT code          -> frame pointer
 *     anything else     -> no code
 *
 * Cold: once per address and process, 1 to 30 us.
 */
#include "derive.h"

#include <stddef.h>
#include <sys/auxv.h>

#include "cfi.h"
#include "check.h"
#include "code.h"
#include "fp.h"
#include "libunwind.h"
#include "maps.h"
#include "object.h"

#define START_SIZE 64u /* _start is not longer */

static struct rsd_rule plain(const struct rsd_place *place, enum rsd_cfa cfa, enum residue_source source) {
    return (struct rsd_rule){.key = rsd_rule_key(place->address, cfa, RSD_SAVED_NOT, source)};
}

/* Some builtins call before they have made a frame; then the chain leads to something that is no code. */
static bool chain_holds(struct rsd_bounds *bounds, const struct rsd_place *place) {
    struct rsd_code code;
    uintptr_t slot = place->fp + RSD_WORD;
    if (place->fp < place->sp || !rsd_bounds_hold(bounds, slot))
        return true; /* nothing can be said */
    return rsd_maps_learn(rsd_word_at(slot) - 1, &code);
}

static void derive_builtin(struct rsd_bounds *bounds, const struct rsd_place *place, struct rsd_rule *rule) {
    struct rsd_object object;
    *rule = rsd_fp_rule(place->address);
    if (!chain_holds(bounds, place) && rsd_object_find(place->address - 1, &object))
        rsd_code_rule(&object, bounds, place, rule);
}

static void derive_from_code(const struct rsd_object *object, struct rsd_bounds *bounds, const struct rsd_place *place,
                             struct rsd_rule *rule) {
    bool start = place->address - 1 - (uintptr_t)getauxval(AT_ENTRY) < START_SIZE;
    if (start)
        *rule = plain(place, RSD_CFA_ROOT, RESIDUE_SOURCE_CODE);
    else if (!rsd_code_rule(object, bounds, place, rule) && !rsd_code_rule_from_entry(object, bounds, place, rule))
        *rule = plain(place, RSD_CFA_SCAN, RESIDUE_SOURCE_SCAN);
}

/* A return address that is the first instruction of a function, and behind no call: makecontext has put it there as
 * the bottom of a coroutine. (Behind a call that does not return there may be another function's first instruction,
 * too.) */
static bool is_bottom(const struct rsd_object *object, uintptr_t address) {
    struct rsd_fde fde;
    uintptr_t target;
    return rsd_fde_find(object, address, &fde) && fde.start == address &&
           rsd_check_call(address, &target) == RSD_CALL_NONE;
}

static enum rsd_derived derive_in_object(const struct rsd_object *object, struct rsd_bounds *bounds,
                                         const struct rsd_place *place, struct rsd_rule *rule) {
    struct rsd_code code;
    enum rsd_cfi cfi = rsd_cfi_rule(object, place->address, rule);
    if (cfi == RSD_CFI_RULE) /* what is unmapped is forgotten by the ranges of the table of code */
        return rsd_maps_find(place->address - 1, &code) ? RSD_DERIVED : RSD_DERIVED_ONCE;
    if (!rsd_maps_learn(place->address - 1, &code))
        return RSD_DERIVED_NO_CODE;
    if (cfi == RSD_CFI_NO_FDE && is_bottom(object, place->address)) {
        *rule = plain(place, RSD_CFA_ROOT, RESIDUE_SOURCE_CFI);
        return RSD_DERIVED;
    }
    struct rsd_frame caller;
    if (cfi == RSD_CFI_INEXPRESSIBLE && rsd_libunwind_step(bounds, place, &caller))
        *rule = plain(place, RSD_CFA_LIBUNWIND, RESIDUE_SOURCE_LIBUNWIND);
    else
        derive_from_code(object, bounds, place, rule);
    return RSD_DERIVED;
}

enum rsd_derived rsd_derive(struct rsd_bounds *bounds, const struct rsd_place *place, struct rsd_rule *rule,
                            struct rsd_jit *jit) {
    struct rsd_object object;
    struct rsd_code code;
    if (rsd_fp_is_builtin(place->address - 1)) {
        derive_builtin(bounds, place, rule);
        return RSD_DERIVED;
    }
    if (rsd_object_find(place->address - 1, &object))
        return derive_in_object(&object, bounds, place, rule);
    if (!rsd_maps_learn(place->address - 1, &code))
        return RSD_DERIVED_NO_CODE;
    *rule = rsd_fp_rule(place->address);
    *jit = (struct rsd_jit){code.start + 1, code.end - code.start};
    return RSD_DERIVED_JIT;
}
