/*
 * Registers and stack words as machine code leaves them, in terms of what rsp and rbp were at the start.
 */
#ifndef RSD_REGISTERS_H
#define RSD_REGISTERS_H

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stdint.h>

#define RSD_REGISTERS 16u
#define RSD_STORED 24u
#define RSD_SP 4u /* indices as in ModRM */
#define RSD_FP 5u

enum rsd_value_kind {
    RSD_UNKNOWN = 0,
    RSD_ADDRESS, /* the initial value of a base register + offset */
    RSD_LOADED   /* the word that was at that address at the start, + addend */
};
enum rsd_base { RSD_INITIAL_SP, RSD_INITIAL_FP };

struct rsd_value {
    int32_t offset;
    int32_t addend;
    uint8_t kind; /* enum rsd_value_kind */
    uint8_t base; /* enum rsd_base */
};

/* A word of the stack that the code has written. */
struct rsd_stored {
    struct rsd_value value;
    int32_t offset;
    uint8_t base;
};

struct rsd_registers_state {
    struct rsd_value value[RSD_REGISTERS];
    uint32_t stored_count;
    struct rsd_stored stored[RSD_STORED]; /* last, so that a copy can leave out what is not used */
};

/* Before the first instruction: rsp and rbp are themselves, everything else is unknown. */
void rsd_registers_reset(struct rsd_registers_state *state);

void rsd_registers_copy(struct rsd_registers_state *to, const struct rsd_registers_state *from);

/* What a call leaves unknown. */
void rsd_registers_call(struct rsd_registers_state *state);

/* How many operands must be decoded before rsd_registers_apply can be asked about this instruction. */
unsigned rsd_registers_operands(const ZydisDecodedInstruction *instruction);

/* What any other instruction does that goes on to the next one. */
void rsd_registers_apply(struct rsd_registers_state *state, const ZydisDecodedInstruction *instruction,
                         const ZydisDecodedOperand *operand);

#endif
