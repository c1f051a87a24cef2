/*
 * Rules from machine code, for code that has neither unwind tables nor frame pointers.
 *
 * Compilers leave a function as they entered it: whatever path is taken from here, when it reaches `ret` the stack
 * pointer is where the return address is, and rbp is the caller's again. So the code is followed from the return
 * address on, keeping account of registers in terms of what rsp and rbp are now (registers.c): direct jumps are
 * taken, of a conditional one both sides, calls are stepped over. At a `ret`, or a jump that leaves the function (a
 * tail call), the account says where the CFA is and where rbp was saved. That is a candidate; check.c says how well
 * it fits the stack. The walk ends with the first candidate that fits beyond doubt, else the best one counts.
 *
 * What can go wrong, and what is done about it:
 *   - a call that does not return: known imports end the path (noreturn.c); a call with padding behind it makes what
 *     follows suspicious;
 *   - a jump to another function looks like any jump: it is followed, and the assumption that it was a tail call is
 *     kept as a weaker candidate;
 *   - a jump through a table (switch) looks like a tail call through a pointer: a weaker candidate as well;
 *   - paths that read nonsense: a candidate is valid only if rbp is the caller's again.
 *
 * The walk is bounded by instructions, by pending branches and by the readable range that holds the code. Smaller
 * bounds gave wrong rules. What it needs for itself lies in a block of memory of which one is kept for the next walk;
 * threads that walk at the same time map another. No lock.
 */
#include "code.h"

#include <Zydis/Zydis.h>
#include <string.h>
#include <sys/mman.h>

#include "cfi.h"
#include "check.h"
#include "maps.h"
#include "noreturn.h"
#include "registers.h"

#define INSTRUCTIONS 20000u
#define VISITED 32768u
#define GENERATIONS 0xffffffu /* 0 is that of an empty entry */
#define PENDING 1024u
#define CANDIDATES 8u
#define RETURNS_THAT_AGREE 3u
#define LONGEST_INSTRUCTION 15u

/* The other direction. */
#define ENTRY_REACH 65536u /* bytes of stack */
#define ENTRY_TRIES 8u

/* How a path leaves the function. */
enum exit_kind {
    EXIT_RETURN,
    EXIT_TAIL_CALL,     /* a jump to what is certainly another function */
    EXIT_INDIRECT_JUMP, /* a tail call, or a switch */
    EXIT_ASSUMED        /* a direct jump, taken for a tail call */
};

struct candidate {
    struct rsd_rule rule;
    int fit; /* enum rsd_fit, lowered by what speaks against the exit */
    bool suspicious;
    bool assumed;
};

/* A path: where it is, and what it has done. */
struct path {
    uintptr_t ip;
    bool suspicious; /* came past a call that perhaps does not return */
    bool left_own;   /* jumped out of its FDE on purpose, to a cold part */
    struct rsd_registers_state registers;
};

struct walk {
    const struct rsd_object *object;
    struct rsd_bounds *bounds;
    const struct rsd_place *place;
    struct rsd_code code;
    struct rsd_fde own; /* the FDE of the place, if it has one: own.entry is NULL otherwise */
    uintptr_t stop;     /* when walking from the entry: the place itself; otherwise 0 */
    uint32_t budget;    /* instructions left */
    uint32_t pending_count;
    uint32_t candidate_count;
    uint32_t generation; /* of the visited set */
    bool finished;
    struct path now;
    ZydisDecoderContext context;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
    struct candidate candidate[CANDIDATES];
    uint64_t visited[VISITED]; /* generation << 40 | offset in the range */
    struct path pending[PENDING];
};

static ZydisDecoder decoder;
static struct walk *spare;

void rsd_code_start(void) {
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
}

static void copy_path(struct path *to, const struct path *from) {
    to->ip = from->ip;
    to->suspicious = from->suspicious;
    to->left_own = from->left_own;
    rsd_registers_copy(&to->registers, &from->registers);
}

/* ---- candidates ---- */

/* The CFA is one word above the return address, which rsp points at when a path leaves. */
static bool cfa_at_exit(struct rsd_value sp, enum rsd_cfa *cfa, int32_t *offset) {
    if (sp.kind == RSD_ADDRESS) {
        *cfa = sp.base == RSD_INITIAL_SP ? RSD_CFA_SP : RSD_CFA_FP;
        *offset = sp.offset - RSD_RA_FROM_CFA;
        return sp.offset >= 0;
    }
    *cfa = sp.base == RSD_INITIAL_SP ? RSD_CFA_AT_SP : RSD_CFA_AT_FP;
    *offset = sp.offset;
    return sp.kind == RSD_LOADED && sp.addend == RSD_RA_FROM_CFA;
}

static bool saved_at_exit(struct rsd_value sp, struct rsd_value fp, int32_t cfa_offset, enum rsd_saved *saved,
                          int32_t *offset) {
    *offset = 0;
    *saved = RSD_SAVED_NOT;
    if (fp.kind == RSD_ADDRESS)
        return fp.base == RSD_INITIAL_FP && !fp.offset;
    if (fp.kind != RSD_LOADED || fp.addend)
        return false;
    if (sp.kind == RSD_ADDRESS && sp.base == fp.base) {
        *saved = RSD_SAVED_AT_CFA;
        *offset = fp.offset - cfa_offset;
        return *offset < RSD_RA_FROM_CFA;
    }
    *saved = fp.base == RSD_INITIAL_FP ? RSD_SAVED_AT_FP : RSD_SAVED_AT_SP;
    *offset = fp.offset;
    return true;
}

static bool rule_at_exit(const struct walk *w, struct rsd_rule *rule) {
    struct rsd_value sp = w->now.registers.value[RSD_SP], fp = w->now.registers.value[RSD_FP];
    enum rsd_cfa cfa;
    enum rsd_saved saved;
    if (!cfa_at_exit(sp, &cfa, &rule->cfa_offset) || !saved_at_exit(sp, fp, rule->cfa_offset, &saved, &rule->fp_offset))
        return false;
    rule->key = rsd_rule_key(w->place->address, cfa, saved, RESIDUE_SOURCE_CODE);
    return true;
}

static bool worth_keeping(struct candidate *candidate, enum exit_kind kind) {
    switch (kind) {
    case EXIT_INDIRECT_JUMP:
        return --candidate->fit > 0;
    case EXIT_ASSUMED:
        if (candidate->fit < RSD_FIT_INDIRECT)
            return false;
        candidate->fit = candidate->fit == RSD_FIT_DIRECT ? 2 : 1;
        return true;
    default:
        return true;
    }
}

static bool same_rule(const struct rsd_rule *a, const struct rsd_rule *b) {
    return a->key == b->key && a->cfa_offset == b->cfa_offset && a->fp_offset == b->fp_offset;
}

/* A direct call of this function, or several returns that agree about where an indirect one is. */
static bool beyond_doubt(const struct walk *w, const struct candidate *candidate, enum exit_kind kind) {
    unsigned agree = 0;
    if (candidate->suspicious)
        return false;
    for (uint32_t i = 0; i < w->candidate_count; i++)
        agree += !w->candidate[i].suspicious && same_rule(&w->candidate[i].rule, &candidate->rule);
    return candidate->fit == RSD_FIT_DIRECT ||
           (kind == EXIT_RETURN && candidate->fit == RSD_FIT_INDIRECT && agree >= RETURNS_THAT_AGREE);
}

/* The path leaves the function here. */
static void leave(struct walk *w, enum exit_kind kind) {
    struct candidate candidate = {.suspicious = w->now.suspicious, .assumed = kind == EXIT_ASSUMED};
    uint32_t room = kind == EXIT_ASSUMED ? CANDIDATES - 1 : CANDIDATES;
    if (w->stop || w->candidate_count >= room || !rule_at_exit(w, &candidate.rule))
        return;
    candidate.fit = (int)rsd_check_rule(w->bounds, &candidate.rule, w->place);
    if (!worth_keeping(&candidate, kind))
        return;
    w->candidate[w->candidate_count++] = candidate;
    w->finished = beyond_doubt(w, &candidate, kind) || w->candidate_count == CANDIDATES;
}

static int weight(const struct candidate *candidate) {
    return candidate->fit * 4 - (candidate->suspicious ? 13 : 0) - (candidate->assumed ? 2 : 0);
}

static const struct candidate *best(const struct walk *w) {
    const struct candidate *choice = NULL;
    for (uint32_t i = 0; i < w->candidate_count; i++) {
        const struct candidate *candidate = &w->candidate[i];
        if (candidate->fit > 0 && (!choice || weight(candidate) > weight(choice)))
            choice = candidate;
    }
    return choice;
}

/* A walk from the entry has come to the place: what is known now about the entry's rsp and rbp? */
static void arrive(struct walk *w) {
    const struct rsd_registers_state *state = &w->now.registers;
    struct rsd_value sp = state->value[RSD_SP], fp = state->value[RSD_FP];
    struct candidate candidate = {.fit = RSD_FIT_DIRECT};
    enum rsd_cfa cfa = RSD_CFA_SP;
    enum rsd_saved saved = RSD_SAVED_NOT;
    if (sp.kind == RSD_ADDRESS && sp.base == RSD_INITIAL_SP && sp.offset <= 0) {
        candidate.rule.cfa_offset = -RSD_RA_FROM_CFA - sp.offset;
    } else if (fp.kind == RSD_ADDRESS && fp.base == RSD_INITIAL_SP && fp.offset <= 0) {
        cfa = RSD_CFA_FP;
        candidate.rule.cfa_offset = -RSD_RA_FROM_CFA - fp.offset;
    } else {
        return;
    }
    if (fp.kind != RSD_ADDRESS || fp.base != RSD_INITIAL_FP || fp.offset)
        saved = RSD_SAVED_UNDEFINED;
    for (uint32_t i = 0; saved == RSD_SAVED_UNDEFINED && i < state->stored_count; i++) {
        const struct rsd_stored *stored = &state->stored[i];
        if (stored->base == RSD_INITIAL_SP && stored->value.kind == RSD_ADDRESS &&
            stored->value.base == RSD_INITIAL_FP && !stored->value.offset) {
            saved = RSD_SAVED_AT_CFA;
            candidate.rule.fp_offset = stored->offset + RSD_RA_FROM_CFA;
        }
    }
    candidate.rule.key = rsd_rule_key(w->place->address, cfa, saved, RESIDUE_SOURCE_CODE);
    w->candidate[0] = candidate;
    w->candidate_count = 1;
    w->finished = true;
}

/* ---- one instruction ---- */

static uintptr_t next_ip(const struct walk *w) {
    return w->now.ip + w->instruction.length;
}

/* Where a direct jump or call goes. */
static uintptr_t direct_target(const struct walk *w) {
    return next_ip(w) + (uintptr_t)w->operand[0].imm.value.s;
}

static bool is_direct(const struct walk *w) {
    return w->operand[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
}

/* jmp or call *slot(%rip) */
static bool is_through_slot(const struct walk *w) {
    return w->operand[0].type == ZYDIS_OPERAND_TYPE_MEMORY && w->operand[0].mem.base == ZYDIS_REGISTER_RIP;
}

/* Is the target of a direct jump the start of another function? If it is the inside of one, `*inside` is set. */
static bool is_other_function(const struct walk *w, uintptr_t target, bool *inside) {
    struct rsd_fde fde;
    *inside = false;
    if (target < w->object->start || target >= w->object->end || !rsd_fde_find(w->object, target, &fde) ||
        (w->own.entry && fde.start == w->own.start))
        return false;
    *inside = fde.start != target;
    return fde.start == target;
}

/* These return whether the path goes on; `ip` is set then. */

static bool follow_direct_jump(struct walk *w) {
    uintptr_t target = direct_target(w), slot;
    bool inside;
    if (rsd_check_plt(target, &slot)) {
        if (!rsd_noreturn(w->object, slot))
            leave(w, EXIT_TAIL_CALL);
        return false;
    }
    if (is_other_function(w, target, &inside)) {
        leave(w, EXIT_TAIL_CALL);
        return false;
    }
    if (inside && !w->own.entry)
        return false; /* code without tables does not jump into the middle of a function with tables */
    w->now.left_own |= inside;
    leave(w, EXIT_ASSUMED);
    w->now.ip = target;
    return true;
}

static bool follow_jump(struct walk *w) {
    if (is_direct(w))
        return follow_direct_jump(w);
    leave(w, is_through_slot(w) ? EXIT_TAIL_CALL : EXIT_INDIRECT_JUMP);
    return false;
}

static bool follow_branch(struct walk *w) {
    uintptr_t target = direct_target(w);
    if (w->pending_count < PENDING && target >= w->code.start && target < w->code.end) {
        struct path *other = &w->pending[w->pending_count++];
        copy_path(other, &w->now);
        other->ip = target;
    }
    w->now.ip = next_ip(w);
    return true;
}

static bool follow_call(struct walk *w) {
    uintptr_t slot = 0;
    if (is_direct(w))
        rsd_check_plt(direct_target(w), &slot);
    else if (is_through_slot(w))
        slot = next_ip(w) + (uintptr_t)w->operand[0].mem.disp.value;
    if (slot && rsd_noreturn(w->object, slot))
        return false;
    rsd_registers_call(&w->now.registers);
    w->now.ip = next_ip(w);
    return true;
}

static bool follow(struct walk *w) {
    switch (w->instruction.mnemonic) {
    case ZYDIS_MNEMONIC_RET:
        leave(w, EXIT_RETURN);
        return false;
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_INT3:
        return false;
    case ZYDIS_MNEMONIC_JMP:
        return follow_jump(w);
    case ZYDIS_MNEMONIC_CALL:
        return follow_call(w);
    default:
        break;
    }
    if (w->instruction.meta.category == ZYDIS_CATEGORY_COND_BR)
        return follow_branch(w);
    rsd_registers_apply(&w->now.registers, &w->instruction, w->operand);
    w->now.ip = next_ip(w);
    return true;
}

/* ---- the walk ---- */

/* Marks `ip`; false when it was marked before. The budget is smaller than the table, so there is always room. */
static bool visit(struct walk *w, uintptr_t ip) {
    uint64_t mark = (uint64_t)w->generation << 40 | (ip - w->code.start);
    uint32_t slot = (uint32_t)(ip * UINT64_C(0x9e3779b97f4a7c15) >> 40) % VISITED;
    for (; w->visited[slot] >> 40 == w->generation; slot = (slot + 1) % VISITED)
        if (w->visited[slot] == mark)
            return false;
    w->visited[slot] = mark;
    return true;
}

static bool in_range(const struct walk *w) {
    return w->now.ip >= w->code.start && w->now.ip + LONGEST_INSTRUCTION < w->code.end;
}

static bool is_padding(const struct walk *w) {
    ZydisMnemonic mnemonic = w->instruction.mnemonic;
    return mnemonic == ZYDIS_MNEMONIC_NOP || mnemonic == ZYDIS_MNEMONIC_INT3 || mnemonic == ZYDIS_MNEMONIC_ENDBR64;
}

/* Fell out of its own function without a jump: a call did not return. */
static bool strayed(const struct walk *w) {
    return w->own.entry && !w->now.left_own && (w->now.ip < w->own.start || w->now.ip >= w->own.end);
}

static bool decode(struct walk *w) {
    if (ZYAN_FAILED(ZydisDecoderDecodeInstruction(&decoder, &w->context, (const void *)w->now.ip, LONGEST_INSTRUCTION,
                                                  &w->instruction)))
        return false;
    unsigned operands = rsd_registers_operands(&w->instruction);
    return !operands || ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder, &w->context, &w->instruction, w->operand,
                                                                (ZyanU8)operands));
}

static void walk_path(struct walk *w) {
    bool after_call = false;
    while (!w->finished && in_range(w) && visit(w, w->now.ip)) {
        if (!w->budget--) {
            w->finished = true;
            return;
        }
        if (w->now.ip == w->stop) {
            arrive(w);
            return;
        }
        if (!decode(w))
            return;
        w->now.suspicious |= after_call && is_padding(w);
        after_call = w->instruction.mnemonic == ZYDIS_MNEMONIC_CALL;
        if (strayed(w) || !follow(w))
            return;
    }
}

/* Walk from `start`; the result is in w->candidate. */
static const struct candidate *walk_from(struct walk *w, uintptr_t start, uintptr_t stop) {
    w->generation = w->generation % GENERATIONS + 1;
    if (w->generation == GENERATIONS)
        memset(w->visited, 0, sizeof w->visited);
    w->stop = stop;
    w->budget = INSTRUCTIONS;
    w->candidate_count = 0;
    w->finished = false;
    w->now.ip = start;
    w->now.suspicious = w->now.left_own = false;
    rsd_registers_reset(&w->now.registers);
    w->pending_count = 0;
    for (;;) {
        walk_path(w);
        if (w->finished || !w->pending_count)
            return best(w);
        copy_path(&w->now, &w->pending[--w->pending_count]);
    }
}

static struct walk *open_walk(const struct rsd_object *object, struct rsd_bounds *bounds,
                              const struct rsd_place *place) {
    struct rsd_code code;
    if (!rsd_maps_learn(place->address - 1, &code) || !(code.flags & RSD_CODE_FILE) ||
        !(code.flags & RSD_CODE_READABLE))
        return NULL;
    struct walk *w = __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQ_REL);
    if (!w) {
        long mapped = rsd_syscall6(SYS_mmap, 0, sizeof *w, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped < 0)
            return NULL;
        w = (struct walk *)mapped;
    }
    w->object = object;
    w->bounds = bounds;
    w->place = place;
    w->code = code;
    if (!rsd_fde_find(object, place->address - 1, &w->own))
        w->own.entry = NULL;
    return w;
}

static void close_walk(struct walk *w) {
    struct walk *none = NULL;
    if (!__atomic_compare_exchange_n(&spare, &none, w, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        rsd_syscall6(SYS_munmap, (long)w, sizeof *w, 0, 0, 0, 0);
}

bool rsd_code_rule(const struct rsd_object *object, struct rsd_bounds *bounds, const struct rsd_place *place,
                   struct rsd_rule *rule) {
    struct walk *w = open_walk(object, bounds, place);
    if (!w)
        return false;
    const struct candidate *choice = walk_from(w, rsd_place_next(place), 0);
    if (choice)
        *rule = choice->rule;
    close_walk(w);
    return choice;
}

/* ---- from the entry ---- */

/* What the call before the return address at `slot` calls, if that may be this frame's function; 0: it is not. */
static uintptr_t possible_entry(const struct walk *w, uintptr_t slot) {
    uintptr_t word = rsd_word_at(slot), target, pc = w->place->address;
    struct rsd_code code;
    if (word < RSD_PAGE || word >= RSD_ADDRESS_END || !rsd_maps_find(word - 1, &code) ||
        !(code.flags & RSD_CODE_FILE) || rsd_check_call(word, &target) != RSD_CALL_DIRECT)
        return 0;
    uintptr_t entry = rsd_check_callee(target);
    return entry <= pc && pc - entry <= RSD_FUNCTION_SPAN && entry >= w->object->start ? entry : 0;
}

/* Does the code from `entry` to the place make a frame whose return address is at `slot`? */
static bool leads_to(struct walk *w, uintptr_t entry, uintptr_t slot, struct rsd_rule *rule) {
    uintptr_t cfa;
    const struct candidate *choice = walk_from(w, entry, rsd_place_next(w->place));
    if (!choice || !rsd_check_cfa(w->bounds, &choice->rule, w->place, &cfa) ||
        cfa != slot - (uintptr_t)(intptr_t)RSD_RA_FROM_CFA)
        return false;
    *rule = choice->rule;
    return true;
}

bool rsd_code_rule_from_entry(const struct rsd_object *object, struct rsd_bounds *bounds, const struct rsd_place *place,
                              struct rsd_rule *rule) {
    struct walk *w = open_walk(object, bounds, place);
    if (!w)
        return false;
    w->own.entry = NULL;
    bool found = false;
    unsigned tries = 0;
    uintptr_t slot = rsd_check_first_slot(place->sp), end = place->sp + ENTRY_REACH;
    for (; !found && tries < ENTRY_TRIES && slot < end && rsd_bounds_hold(bounds, slot); slot += RSD_CFA_ALIGNMENT) {
        uintptr_t entry = possible_entry(w, slot);
        if (!entry)
            continue;
        tries++;
        found = leads_to(w, entry, slot, rule);
    }
    close_walk(w);
    return found;
}
