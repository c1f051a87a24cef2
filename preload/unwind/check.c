/*
 * Is this word a return address?
 *
 * Machine code read forward gives a candidate for the CFA; what makes it a rule are these checks against the stack
 * that is there (without them 1.2 % of the rules were wrong, with them none was):
 *   - the CFA lies above the stack pointer, within the stack, and is aligned as the ABI says;
 *   - the word below it is an address in executable memory, and the instruction before that address is a call;
 *   - best, that call is direct and its target lies at or shortly before this frame's code: it is the call that made
 *     this frame. An indirect call says less, and a direct call of something else is possible only when the callee
 *     left by a tail call.
 *
 * Code is looked at only in ranges that the table of code knows to be readable and mapped from a file. No lock, no
 * state, any thread.
 */
#include "check.h"

#include <string.h>

#include "fp.h"
#include "maps.h"
#include "object.h"

#define LONGEST_CALL 9 /* bytes: prefixes, REX, ff, ModRM, SIB, disp32 */

static bool decodable(const struct rsd_code *code) {
    return (code->flags & (RSD_CODE_FILE | RSD_CODE_READABLE)) == (RSD_CODE_FILE | RSD_CODE_READABLE);
}

/* Prefixes that compilers put before an indirect call: segments (padding for TLS), 66, 67, notrack, bnd. */
static bool is_prefix(uint8_t byte) {
    return byte == 0x2e || byte == 0x3e || byte == 0x64 || byte == 0x65 || byte == 0x66 || byte == 0x67 || byte == 0xf2;
}

/* The length of ModRM and what follows it. */
static unsigned modrm_length(const uint8_t *modrm) {
    unsigned mod = modrm[0] >> 6, rm = modrm[0] & 7;
    if (mod == 3)
        return 1;
    unsigned length = rm == 4 ? 2 : 1;
    if (mod == 1)
        return length + 1;
    bool wide = mod == 2 || (rm == 5) || (rm == 4 && (modrm[1] & 7) == 5);
    return wide ? length + 4 : length;
}

/* Are the `length` bytes at `code` one indirect call: [prefixes] [REX] ff /2? */
static bool is_indirect_call(const uint8_t *code, unsigned length) {
    unsigned at = 0;
    while (at + 2 < length && is_prefix(code[at]))
        at++;
    if (at + 2 < length && (code[at] & 0xf0) == 0x40)
        at++;
    return code[at] == 0xff && (code[at + 1] >> 3 & 7) == 2 && at + 1 + modrm_length(&code[at + 1]) == length;
}

enum rsd_call rsd_check_call(uintptr_t address, uintptr_t *target) {
    struct rsd_code code;
    *target = 0;
    if (!rsd_maps_find(address - 1, &code) || !decodable(&code) || address - code.start < 16)
        return RSD_CALL_NONE;
    const uint8_t *p = (const uint8_t *)address;
    if (address + RSD_SIGRETURN_SIZE <= code.end && !memcmp(p, RSD_SIGRETURN_CODE, RSD_SIGRETURN_SIZE))
        return RSD_CALL_INDIRECT;
    if (p[-5] == 0xe8) {
        int32_t distance;
        memcpy(&distance, p - 4, sizeof distance);
        *target = address + (uintptr_t)(intptr_t)distance;
        if (rsd_maps_find(*target, &code))
            return RSD_CALL_DIRECT;
        *target = 0;
    }
    for (unsigned length = 2; length <= LONGEST_CALL; length++)
        if (is_indirect_call(p - length, length))
            return RSD_CALL_INDIRECT;
    return RSD_CALL_NONE;
}

/* [endbr64] [bnd] jmp *slot(%rip) */
uintptr_t rsd_check_plt(uintptr_t target, uintptr_t *slot) {
    struct rsd_code code;
    if (!rsd_maps_find(target, &code) || !decodable(&code) || code.end - target < 16)
        return 0;
    const uint8_t *p = (const uint8_t *)target;
    if (!memcmp(p, "\xf3\x0f\x1e\xfa", 4))
        p += 4;
    if (*p == 0xf2)
        p++;
    if (p[0] != 0xff || p[1] != 0x25)
        return 0;
    int32_t distance;
    memcpy(&distance, p + 2, sizeof distance);
    *slot = (uintptr_t)p + 6 + (uintptr_t)(intptr_t)distance;
    struct rsd_object object; /* bytes that merely look like a PLT entry must not lead anywhere */
    bool inside = rsd_object_find(target, &object) && *slot >= object.start && *slot < object.end - RSD_WORD;
    return inside && *slot % RSD_WORD == 0 ? rsd_word_at(*slot) : 0;
}

uintptr_t rsd_check_callee(uintptr_t target) {
    uintptr_t slot, callee = rsd_check_plt(target, &slot);
    return callee ? callee : target;
}

enum rsd_fit rsd_check_return(uintptr_t address, uintptr_t pc) {
    struct rsd_code code;
    uintptr_t target, slot;
    if (address < RSD_PAGE || address >= RSD_ADDRESS_END || !rsd_maps_find(address - 1, &code))
        return RSD_FIT_NONE;
    if (!decodable(&code) || rsd_fp_is_builtin(address - 1))
        return RSD_FIT_JIT;
    switch (rsd_check_call(address, &target)) {
    case RSD_CALL_NONE:
        return RSD_FIT_NONE;
    case RSD_CALL_INDIRECT:
        return RSD_FIT_INDIRECT;
    case RSD_CALL_DIRECT:
        break;
    }
    uintptr_t bound = rsd_check_plt(target, &slot), callee = bound ? bound : target;
    if (callee <= pc && pc - callee < RSD_FUNCTION_SPAN)
        return RSD_FIT_DIRECT;
    /* A lazily bound slot still leads back into the PLT, so what it will call is not known. */
    bool lazy = bound && bound + 4096 >= target && bound <= target + 4096;
    return lazy ? RSD_FIT_INDIRECT : RSD_FIT_OTHER;
}

bool rsd_check_cfa(struct rsd_bounds *bounds, const struct rsd_rule *rule, const struct rsd_place *place,
                   uintptr_t *cfa) {
    uintptr_t offset = (uintptr_t)(intptr_t)rule->cfa_offset, address;
    switch (rsd_rule_cfa(rule)) {
    case RSD_CFA_SP:
        address = place->sp + offset;
        break;
    case RSD_CFA_FP:
        address = place->fp + offset;
        break;
    case RSD_CFA_AT_SP:
    case RSD_CFA_AT_FP:
        address = (rsd_rule_cfa(rule) == RSD_CFA_AT_SP ? place->sp : place->fp) + offset;
        if (address < place->sp || !rsd_bounds_hold(bounds, address))
            return false;
        address = rsd_word_at(address);
        break;
    default:
        return false;
    }
    *cfa = address;
    return address >= place->sp + RSD_WORD && rsd_bounds_hold(bounds, address - RSD_WORD);
}

enum rsd_fit rsd_check_rule(struct rsd_bounds *bounds, const struct rsd_rule *rule, const struct rsd_place *place) {
    uintptr_t cfa, fp_offset = (uintptr_t)(intptr_t)rule->fp_offset;
    if (!rsd_check_cfa(bounds, rule, place, &cfa))
        return RSD_FIT_NONE;
    if (cfa % RSD_CFA_ALIGNMENT && !rsd_fp_is_builtin(place->address - 1)) /* V8 aligns to words only */
        return RSD_FIT_NONE;
    if (rsd_rule_saved(rule) == RSD_SAVED_AT_CFA && !rsd_bounds_hold(bounds, cfa + fp_offset))
        return RSD_FIT_NONE;
    if (rsd_rule_saved(rule) == RSD_SAVED_AT_FP && !rsd_bounds_hold(bounds, place->fp + fp_offset))
        return RSD_FIT_NONE;
    return rsd_check_return(rsd_word_at(cfa + (uintptr_t)(intptr_t)RSD_RA_FROM_CFA), place->address);
}
