/*
 * The rule language: how to get from a frame to its caller.
 *
 * A rule belongs to one address of code and says three things: where the CFA is (the caller's stack pointer), where
 * the return address is (always the word below the CFA) and where the caller's frame pointer is. Only rsp and rbp
 * take part: measured over node, libc, libstdc++, skia and libvips nothing else was needed for frames that call. What
 * does not fit (a DWARF expression over other registers) is a rule too: "ask libunwind".
 *
 * A rule is 16 bytes, so that four share a cache line and one atomic word decides whether it is there:
 *
 *     key = pc (48 bits) | enum rsd_cfa << 48 | enum rsd_saved << 52 | enum residue_source << 56
 *
 * The address of a rule is the return address itself, and for a frame that a signal interrupted the interrupted
 * instruction + 1. The two cannot meet: no instruction starts at the last byte of a call. `address - 1` lies within the
 * instruction in question in both cases, which is what unwind tables want to be asked for.
 */
#ifndef RSD_RULE_H
#define RSD_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "residue/format.h"

/* Where the CFA is. The first four are the hot ones. */
enum rsd_cfa {
    RSD_CFA_NONE = 0, /* no rule */
    RSD_CFA_SP,       /* sp + offset */
    RSD_CFA_FP,       /* fp + offset */
    RSD_CFA_AT_FP,    /* the word at fp + offset */
    RSD_CFA_AT_SP,    /* the word at sp + offset */
    RSD_CFA_ROOT,     /* nothing outside: a thread's entry, or _start */
    RSD_CFA_SIGNAL,   /* a signal trampoline: the registers are in the ucontext at sp */
    RSD_CFA_SCAN,     /* unknown: guess */
    RSD_CFA_LIBUNWIND /* a table says it, in a way that this language cannot */
};

/* Where the caller's frame pointer is. */
enum rsd_saved {
    RSD_SAVED_NOT = 0,  /* still in the register */
    RSD_SAVED_AT_CFA,   /* the word at CFA + offset */
    RSD_SAVED_AT_FP,    /* the word at fp + offset */
    RSD_SAVED_AT_SP,    /* the word at sp + offset */
    RSD_SAVED_UNDEFINED /* lost */
};

struct rsd_rule {
    uint64_t key;
    int32_t cfa_offset;
    int32_t fp_offset;
};
_Static_assert(sizeof(struct rsd_rule) == 16, "four rules to a cache line");

#define RSD_RULE_ADDRESS_MASK ((UINT64_C(1) << 48) - 1)

static inline uint64_t rsd_rule_key(uintptr_t address, enum rsd_cfa cfa, enum rsd_saved saved,
                                    enum residue_source source) {
    return address | (uint64_t)cfa << 48 | (uint64_t)saved << 52 | (uint64_t)source << 56;
}
static inline enum rsd_cfa rsd_rule_cfa(const struct rsd_rule *rule) {
    return (enum rsd_cfa)(rule->key >> 48 & 15);
}
static inline enum rsd_saved rsd_rule_saved(const struct rsd_rule *rule) {
    return (enum rsd_saved)(rule->key >> 52 & 15);
}
static inline enum residue_source rsd_rule_source(const struct rsd_rule *rule) {
    return (enum residue_source)(rule->key >> 56);
}

/* What a rule is derived for: an address of code and the registers of a frame that is there now. */
struct rsd_place {
    uintptr_t address; /* as in the rule's key */
    uintptr_t sp;
    uintptr_t fp;
    bool interrupted; /* the frame was interrupted at address - 1; otherwise it returns to address */
};

/* The next instruction that the frame will execute. */
static inline uintptr_t rsd_place_next(const struct rsd_place *place) {
    return place->address - (place->interrupted ? 1 : 0);
}

#endif
