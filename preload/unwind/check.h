/*
 * Is this word a return address?
 */
#ifndef RSD_CHECK_H
#define RSD_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "rule.h"

/* How well a return address fits the frame that would return to it. */
enum rsd_fit {
    RSD_FIT_NONE = 0,     /* no code there, or not behind a call */
    RSD_FIT_OTHER = 1,    /* behind a direct call of something else: true only after tail calls */
    RSD_FIT_JIT = 2,      /* in code that cannot be looked at */
    RSD_FIT_INDIRECT = 3, /* behind an indirect call */
    RSD_FIT_DIRECT = 4    /* behind a direct call of an address shortly before this frame's code */
};

enum rsd_call { RSD_CALL_NONE, RSD_CALL_DIRECT, RSD_CALL_INDIRECT };

/* Where the lowest return address above a stack pointer may be: the CFA behind it is aligned. */
static inline uintptr_t rsd_check_first_slot(uintptr_t sp) {
    return ((sp + RSD_WORD - 1) & ~(uintptr_t)(RSD_CFA_ALIGNMENT - 1)) + RSD_WORD;
}

/* What kind of call ends at `address`, which must be in code that can be decoded; and what a direct one calls. */
enum rsd_call rsd_check_call(uintptr_t address, uintptr_t *target);

/* Where the PLT entry at `target` leads at present; 0: it is none. `slot` is its GOT slot. */
uintptr_t rsd_check_plt(uintptr_t target, uintptr_t *slot);

/* A direct call's target, through the PLT if it goes there. */
uintptr_t rsd_check_callee(uintptr_t target);

/* How does the word `address` fit as the return address of a frame whose code is at `pc`? */
enum rsd_fit rsd_check_return(uintptr_t address, uintptr_t pc);

/* The CFA that a rule of the four plain kinds gives at a place, if all words that it reads are on the stack. */
bool rsd_check_cfa(struct rsd_bounds *bounds, const struct rsd_rule *rule, const struct rsd_place *place,
                   uintptr_t *cfa);

/* How well does a rule that was found in machine code fit the stack? */
enum rsd_fit rsd_check_rule(struct rsd_bounds *bounds, const struct rsd_rule *rule, const struct rsd_place *place);

/* Functions are taken to be no longer than this when a call's target is compared with a frame's code. */
#define RSD_FUNCTION_SPAN 65536u

#endif
