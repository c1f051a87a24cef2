/*
 * The last resort: the next word up the stack that looks like a return address. Whatever it finds is marked as a
 * guess as far as the reports.
 *
 * "Looks like" is as strict as it can be without knowing the frame: the slot is where an aligned CFA would have it,
 * the word follows a call, and if that call is direct, its target lies shortly before this frame's code, or behind a
 * PLT entry. The frame pointer of the caller is not known; it is taken to be unchanged.
 */
#include "guess.h"

#include "check.h"
#include "fp.h"

#define REACH 4096u /* bytes of stack */

static bool is_plausible(uintptr_t word, uintptr_t pc) {
    uintptr_t target, slot;
    switch (rsd_check_return(word, pc)) {
    case RSD_FIT_NONE:
        return false;
    case RSD_FIT_OTHER:
        return rsd_check_call(word, &target) == RSD_CALL_DIRECT && rsd_check_plt(target, &slot);
    default:
        return true;
    }
}

bool rsd_guess(struct rsd_bounds *bounds, const struct rsd_frame *frame, struct rsd_frame *caller) {
    for (uintptr_t slot = rsd_check_first_slot(frame->sp); slot < frame->sp + REACH; slot += RSD_CFA_ALIGNMENT) {
        if (!rsd_bounds_hold(bounds, slot))
            return false;
        if (!is_plausible(rsd_word_at(slot), frame->pc))
            continue;
        *caller = (struct rsd_frame){.pc = rsd_word_at(slot), .sp = slot + RSD_WORD, .fp = frame->fp};
        return true;
    }
    return false;
}

bool rsd_guess_by_fp(struct rsd_bounds *bounds, const struct rsd_frame *frame, struct rsd_frame *caller) {
    uintptr_t link = rsd_fp_guess(bounds, frame->sp, frame->fp);
    if (!link)
        return false;
    *caller =
        (struct rsd_frame){.pc = rsd_word_at(link + RSD_WORD), .sp = link + 2 * RSD_WORD, .fp = rsd_word_at(link)};
    return true;
}
