/*
 * Registers and stack words as machine code leaves them, in terms of what rsp and rbp were at the start.
 *
 * The instructions by which compilers move stack pointers about are followed exactly: push, pop, leave, mov, lea, add
 * and sub with a constant. Any other instruction makes the registers that it writes unknown. Stores through
 * unknown pointers are ignored: code that overwrites its own saved rbp that way would not work either.
 *
 * Words below the initial rsp hold nothing until the code has written them; words above it hold what is on the stack
 * now. Only so many written words are kept; what does not fit is treated as never written.
 */
#include "registers.h"

#include <stddef.h>
#include <string.h>

typedef struct rsd_registers_state state_t;

static const struct rsd_value unknown = {.kind = RSD_UNKNOWN};

static int index_of(ZydisRegister reg) {
    return reg >= ZYDIS_REGISTER_RAX && reg <= ZYDIS_REGISTER_R15 ? (int)(reg - ZYDIS_REGISTER_RAX) : -1;
}

/* The register that a 64-bit register operand names, or -1. */
static int register_of(const ZydisDecodedOperand *operand) {
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER ? index_of(operand->reg.value) : -1;
}

static bool same_place(const struct rsd_stored *stored, struct rsd_value address) {
    return stored->base == address.base && stored->offset == address.offset;
}

static bool below_start(struct rsd_value address) {
    return address.base == RSD_INITIAL_SP && address.offset < 0;
}

static struct rsd_value load(const state_t *state, struct rsd_value address) {
    if (address.kind != RSD_ADDRESS)
        return unknown;
    for (uint32_t i = 0; i < state->stored_count; i++)
        if (same_place(&state->stored[i], address))
            return state->stored[i].value;
    if (below_start(address))
        return unknown;
    address.kind = RSD_LOADED;
    return address;
}

static void store(state_t *state, struct rsd_value address, struct rsd_value value) {
    if (address.kind != RSD_ADDRESS)
        return;
    for (uint32_t i = 0; i < state->stored_count; i++)
        if (same_place(&state->stored[i], address)) {
            state->stored[i].value = value;
            return;
        }
    if ((value.kind == RSD_UNKNOWN && !below_start(address)) || state->stored_count == RSD_STORED)
        return;
    state->stored[state->stored_count++] =
        (struct rsd_stored){.value = value, .offset = address.offset, .base = address.base};
}

/* Modulo 2^32: code that counts further is none that we shall follow. */
static void add(struct rsd_value *value, int32_t amount) {
    if (value->kind == RSD_ADDRESS)
        value->offset = (int32_t)((uint32_t)value->offset + (uint32_t)amount);
    else if (value->kind == RSD_LOADED)
        value->addend = (int32_t)((uint32_t)value->addend + (uint32_t)amount);
}

/* [base + displacement] as a value; an index makes it unknown. */
static struct rsd_value effective_address(const state_t *state, const ZydisDecodedOperand *operand) {
    int base = index_of(operand->mem.base);
    if (operand->mem.index != ZYDIS_REGISTER_NONE || base < 0)
        return unknown;
    struct rsd_value address = state->value[base];
    add(&address, operand->mem.disp.has_displacement ? (int32_t)operand->mem.disp.value : 0);
    return address;
}

static bool is_stack_word(const ZydisDecodedOperand *operand) {
    return operand->type == ZYDIS_OPERAND_TYPE_MEMORY && operand->size == 64 &&
           (operand->mem.segment == ZYDIS_REGISTER_SS || operand->mem.segment == ZYDIS_REGISTER_DS);
}

static struct rsd_value value_of(const state_t *state, const ZydisDecodedOperand *operand) {
    int source = register_of(operand);
    if (source >= 0)
        return state->value[source];
    return is_stack_word(operand) ? load(state, effective_address(state, operand)) : unknown;
}

/* Decoding operands is half of the cost. The instructions that are followed exactly need only what is written in them;
 * some that are frequent change no register; of all others the implicit operands count, too. */
unsigned rsd_registers_operands(const ZydisDecodedInstruction *instruction) {
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_CMP:
    case ZYDIS_MNEMONIC_TEST:
    case ZYDIS_MNEMONIC_NOP:
    case ZYDIS_MNEMONIC_ENDBR64:
        return 0;
    case ZYDIS_MNEMONIC_PUSH:
    case ZYDIS_MNEMONIC_POP:
    case ZYDIS_MNEMONIC_MOV:
    case ZYDIS_MNEMONIC_LEA:
    case ZYDIS_MNEMONIC_ADD:
    case ZYDIS_MNEMONIC_SUB:
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_JMP:
        return instruction->operand_count_visible;
    default:
        return instruction->meta.category == ZYDIS_CATEGORY_COND_BR ? instruction->operand_count_visible
                                                                    : instruction->operand_count;
    }
}

static void clobber(state_t *state, const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand) {
    unsigned count = rsd_registers_operands(instruction);
    for (unsigned i = 0; i < count; i++) {
        if (operand[i].type != ZYDIS_OPERAND_TYPE_REGISTER || !(operand[i].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
            continue;
        int written = index_of(ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand[i].reg.value));
        if (written >= 0)
            state->value[written] = unknown;
    }
}

static void push(state_t *state, struct rsd_value value) {
    add(&state->value[RSD_SP], -8);
    store(state, state->value[RSD_SP], value);
}

static struct rsd_value pop(state_t *state) {
    struct rsd_value value = load(state, state->value[RSD_SP]);
    add(&state->value[RSD_SP], 8);
    return value;
}

static void leave(state_t *state) {
    state->value[RSD_SP] = state->value[RSD_FP];
    state->value[RSD_FP] = pop(state);
}

static void move(state_t *state, const ZydisDecodedInstruction *instruction, const ZydisDecodedOperand *operand) {
    int target = register_of(&operand[0]);
    if (target >= 0)
        state->value[target] = value_of(state, &operand[1]);
    else if (operand[0].type == ZYDIS_OPERAND_TYPE_REGISTER)
        clobber(state, instruction, operand);
    else if (is_stack_word(&operand[0]))
        store(state, effective_address(state, &operand[0]), value_of(state, &operand[1]));
}

void rsd_registers_reset(state_t *state) {
    memset(state->value, 0, sizeof state->value);
    state->stored_count = 0;
    state->value[RSD_SP] = (struct rsd_value){.kind = RSD_ADDRESS, .base = RSD_INITIAL_SP};
    state->value[RSD_FP] = (struct rsd_value){.kind = RSD_ADDRESS, .base = RSD_INITIAL_FP};
}

void rsd_registers_copy(state_t *to, const state_t *from) {
    memcpy(to, from, offsetof(state_t, stored) + from->stored_count * sizeof from->stored[0]);
}

void rsd_registers_call(state_t *state) {
    static const uint8_t caller_saved[] = {0, 1, 2, 6, 7, 8, 9, 10, 11};
    for (unsigned i = 0; i < sizeof caller_saved; i++)
        state->value[caller_saved[i]] = unknown;
}

void rsd_registers_apply(state_t *state, const ZydisDecodedInstruction *instruction,
                         const ZydisDecodedOperand *operand) {
    unsigned count = rsd_registers_operands(instruction);
    int target = count ? register_of(&operand[0]) : -1;
    bool constant = count > 1 && operand[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE;
    switch (instruction->mnemonic) {
    case ZYDIS_MNEMONIC_PUSH:
        push(state, target >= 0 ? state->value[target] : unknown);
        return;
    case ZYDIS_MNEMONIC_PUSHFQ:
        push(state, unknown);
        return;
    case ZYDIS_MNEMONIC_POPFQ:
        pop(state);
        return;
    case ZYDIS_MNEMONIC_POP: {
        struct rsd_value value = pop(state);
        if (target >= 0)
            state->value[target] = value;
        return;
    }
    case ZYDIS_MNEMONIC_LEAVE:
        leave(state);
        return;
    case ZYDIS_MNEMONIC_MOV:
        move(state, instruction, operand);
        return;
    case ZYDIS_MNEMONIC_LEA:
        if (target >= 0)
            state->value[target] = effective_address(state, &operand[1]);
        else
            clobber(state, instruction, operand);
        return;
    case ZYDIS_MNEMONIC_ADD:
        if (target >= 0 && constant)
            add(&state->value[target], (int32_t)operand[1].imm.value.s);
        else
            clobber(state, instruction, operand);
        return;
    case ZYDIS_MNEMONIC_SUB:
        if (target >= 0 && constant)
            add(&state->value[target], -(int32_t)operand[1].imm.value.s);
        else
            clobber(state, instruction, operand);
        return;
    default:
        clobber(state, instruction, operand);
        return;
    }
}
