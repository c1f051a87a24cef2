/*
 * Rules for code that keeps a chain of frame pointers: V8's.
 *
 * V8's JIT code and its embedded builtins have no unwind tables, but each frame begins with push rbp; mov rbp, rsp:
 * the collector needs that chain itself. One rule fits all of them.
 *
 * The embedded builtins lie in node's .text as one blob. Two functions of V8 say where, but only up to Node 22 do
 * they have names that can be found; in later ones the blob is the largest part of the object without tables. A
 * program without V8 has no builtins. (Node 20 and later map the blob a second time, near the JIT code; there it
 * belongs to no ELF object and is treated like JIT code.)
 *
 * Some frames break the chain: while code is deoptimised rbp may point below rsp; and the builtins for on-stack
 * replacement make a frame on top of the interpreter's without a return address. Then the next link is guessed: the
 * one that rbp leads to, if that is one, else the next two words up the stack that look like a link to V8's own code.
 */
#define _GNU_SOURCE 1
#include "fp.h"

#include <dlfcn.h>
#include <stddef.h>

#include "../arch/x86_64.h"
#include "cfi.h"
#include "check.h"
#include "maps.h"
#include "object.h"

#define SMALLEST_BLOB 524288u /* it has 1.3 to 2.2 MB */
#define GUESS_REACH 65536u    /* bytes of stack that are searched for the next link */

static uintptr_t builtins_start, builtins_size;

/* By the functions that say so. */
static bool find_by_name(void) {
    void *code = dlsym(RTLD_DEFAULT, "_ZN2v88internal23DefaultEmbeddedBlobCodeEv");
    void *size = dlsym(RTLD_DEFAULT, "_ZN2v88internal27DefaultEmbeddedBlobCodeSizeEv");
    if (!code || !size)
        return false;
    builtins_start = ((uintptr_t(*)(void))code)();
    builtins_size = ((uint32_t(*)(void))size)();
    return true;
}

/* As the one large part of V8's object that has no tables. */
static void find_by_hole(void) {
    struct rsd_object object;
    uintptr_t start, end;
    void *v8 = dlsym(RTLD_DEFAULT, "_ZN2v82V818SetFlagsFromStringEPKc");
    if (!v8 || !rsd_object_find((uintptr_t)v8, &object) || !rsd_fde_hole(&object, &start, &end) ||
        end - start < SMALLEST_BLOB)
        return;
    builtins_start = start;
    builtins_size = end - start;
}

void rsd_fp_start(void) {
    if (!find_by_name())
        find_by_hole();
}

bool rsd_fp_is_builtin(uintptr_t pc) {
    return pc - builtins_start < builtins_size;
}

struct rsd_rule rsd_fp_rule(uintptr_t address) {
    return (struct rsd_rule){.key = rsd_rule_key(address, RSD_CFA_FP, RSD_SAVED_AT_CFA, RESIDUE_SOURCE_FP),
                             .cfa_offset = RSD_FP_TO_CFA,
                             .fp_offset = RSD_FP_FROM_CFA};
}

/* V8's code is the builtins and whatever belongs to no ELF object: JIT code, and the copy of the builtins, which is
 * mapped from node's own file. */
static bool returns_to_v8(uintptr_t address) {
    struct rsd_code code;
    struct rsd_object object;
    if (address < RSD_PAGE || address >= RSD_ADDRESS_END || !rsd_maps_find(address - 1, &code))
        return false;
    return rsd_fp_is_builtin(address - 1) || !rsd_object_find(address - 1, &object);
}

/* Does the word at `at` point further up the stack? */
static bool points_up(struct rsd_bounds *bounds, uintptr_t at) {
    return rsd_bounds_hold(bounds, at + RSD_WORD) && rsd_word_at(at) > at && rsd_bounds_hold(bounds, rsd_word_at(at));
}

uintptr_t rsd_fp_guess(struct rsd_bounds *bounds, uintptr_t sp, uintptr_t fp) {
    if (fp >= sp && points_up(bounds, fp)) {
        uintptr_t next = rsd_word_at(fp);
        if (points_up(bounds, next) && rsd_check_return(rsd_word_at(next + RSD_WORD), 0) != RSD_FIT_NONE)
            return next;
    }
    for (uintptr_t at = sp; at < sp + GUESS_REACH && rsd_bounds_hold(bounds, at + RSD_WORD); at += RSD_WORD)
        if (points_up(bounds, at) && returns_to_v8(rsd_word_at(at + RSD_WORD)))
            return at;
    return 0;
}
