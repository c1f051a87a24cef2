/*
 * Rules from unwind tables: .eh_frame_hdr -> FDE -> CIE -> the row for one address -> a rule.
 *
 * Only three columns of the row are kept: the CFA, rbp and the return address. Everything else is skipped over. Two
 * shapes of DWARF expression occur in practice and have a rule of their own: gcc's realigned stack (DRAP) gives the
 * CFA as the word at rbp + o, and rbp as saved at rbp + o. The rest is INEXPRESSIBLE, and libunwind's business.
 *
 * The tables were made by a linker and are mapped as long as the object is; they are trusted to be well-formed, but
 * each pointer that leads from one to the next must stay within the object. No lock, no state, any thread.
 *
 * The format: Linux Standard Base, "Exception Frames"; DWARF 5, section 6.4.
 */
#define _GNU_SOURCE 1
#include "cfi.h"

#include <string.h>

#include "../arch/x86_64.h"

/* ---- reading numbers ---- */

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
};

#define DEFINE_TAKE(name, type)                                                                                        \
    static type name(struct cursor *c) {                                                                               \
        type value = 0;                                                                                                \
        if ((size_t)(c->end - c->at) < sizeof value) {                                                                 \
            c->at = c->end;                                                                                            \
            return 0;                                                                                                  \
        }                                                                                                              \
        memcpy(&value, c->at, sizeof value);                                                                           \
        c->at += sizeof value;                                                                                         \
        return value;                                                                                                  \
    }
DEFINE_TAKE(take_u8, uint8_t)
DEFINE_TAKE(take_u16, uint16_t)
DEFINE_TAKE(take_u32, uint32_t)
DEFINE_TAKE(take_u64, uint64_t)

static void skip(struct cursor *c, uint64_t size) {
    c->at = size <= (size_t)(c->end - c->at) ? c->at + size : c->end;
}

static uint64_t take_uleb(struct cursor *c) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = take_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

static int64_t take_sleb(struct cursor *c) {
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = take_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && byte & 0x40)
        value |= ~UINT64_C(0) << shift;
    return (int64_t)value;
}

/* DW_EH_PE_*: the low four bits say how a pointer is written, the next three relative to what. */
enum { PE_PTR = 0, PE_ULEB = 1, PE_U2 = 2, PE_U4 = 3, PE_U8 = 4, PE_SLEB = 9, PE_S2 = 10, PE_S4 = 11, PE_S8 = 12 };
enum { PE_PCREL = 0x10, PE_DATAREL = 0x30, PE_RELATIVE = 0x70, PE_OMIT = 0xff };

static uint64_t take_encoded(struct cursor *c, uint8_t encoding) {
    uintptr_t here = (uintptr_t)c->at;
    uint64_t value = 0;
    if (encoding == PE_OMIT)
        return 0;
    switch (encoding & 15) {
    case PE_PTR:
    case PE_U8:
    case PE_S8:
        value = take_u64(c);
        break;
    case PE_ULEB:
        value = take_uleb(c);
        break;
    case PE_SLEB:
        value = (uint64_t)take_sleb(c);
        break;
    case PE_U2:
        value = take_u16(c);
        break;
    case PE_S2:
        value = (uint64_t)(int16_t)take_u16(c);
        break;
    case PE_U4:
        value = take_u32(c);
        break;
    case PE_S4:
        value = (uint64_t)(int32_t)take_u32(c);
        break;
    default:
        c->at = c->end;
        break;
    }
    return (encoding & PE_RELATIVE) == PE_PCREL ? value + here : value;
}

/* ---- finding the FDE ---- */

struct search_entry {
    int32_t start; /* both relative to .eh_frame_hdr */
    int32_t fde;
};

struct cie {
    uint64_t code_alignment;
    int64_t data_alignment;
    uint8_t pointer_encoding;
    bool has_augmentation_data;
    bool signal_frame;
    struct cursor instructions;
};

static bool within(const struct rsd_object *object, const uint8_t *p) {
    return (uintptr_t)p >= object->start && (uintptr_t)p < object->end;
}

/* A cursor over the CIE or FDE at `entry`, behind its length; false for the 64-bit form, which nobody writes. */
static bool open_entry(const struct rsd_object *object, const uint8_t *entry, struct cursor *c) {
    if (!within(object, entry))
        return false;
    *c = (struct cursor){entry, (const uint8_t *)object->end};
    uint32_t length = take_u32(c);
    if (!length || length > (size_t)(c->end - c->at)) /* also UINT32_MAX */
        return false;
    c->end = c->at + length;
    return true;
}

static void read_augmentation(struct cursor *c, const char *augmentation, struct cie *cie) {
    uint64_t size = take_uleb(c);
    struct cursor data = *c;
    cie->has_augmentation_data = true;
    skip(c, size);
    for (const char *letter = augmentation + 1; *letter; letter++) {
        if (*letter == 'R')
            cie->pointer_encoding = take_u8(&data);
        else if (*letter == 'P')
            take_encoded(&data, take_u8(&data));
        else if (*letter == 'L')
            take_u8(&data);
        else if (*letter == 'S')
            cie->signal_frame = true;
    }
}

static bool read_cie(const struct rsd_object *object, const uint8_t *entry, struct cie *cie) {
    struct cursor c;
    if (!open_entry(object, entry, &c))
        return false;
    *cie = (struct cie){.pointer_encoding = PE_PTR};
    take_u32(&c); /* the id that tells a CIE from an FDE */
    uint8_t version = take_u8(&c);
    const char *augmentation = (const char *)c.at;
    size_t left = (size_t)(c.end - c.at), length = strnlen(augmentation, left);
    if (length == left) /* it does not end */
        return false;
    skip(&c, length + 1);
    cie->code_alignment = take_uleb(&c);
    cie->data_alignment = take_sleb(&c);
    uint64_t return_column = version == 1 ? take_u8(&c) : take_uleb(&c);
    if (augmentation[0] == 'z')
        read_augmentation(&c, augmentation, cie);
    cie->instructions = c;
    return return_column == RSD_DWARF_RA && (augmentation[0] == 'z' || !augmentation[0]);
}

/* Read the FDE's range, and its CIE; `c` is left at its call frame instructions. */
static bool read_fde(const struct rsd_object *object, struct rsd_fde *fde, struct cie *cie, struct cursor *c) {
    if (!open_entry(object, fde->entry, c))
        return false;
    const uint8_t *here = c->at;
    if (!read_cie(object, here - take_u32(c), cie))
        return false;
    fde->start = take_encoded(c, cie->pointer_encoding);
    fde->end = fde->start + take_encoded(c, cie->pointer_encoding & 15);
    if (cie->has_augmentation_data)
        skip(c, take_uleb(c));
    return true;
}

/* The last entry of the sorted table that starts at or before `pc`. */
static const struct search_entry *search(const uint8_t *header, const struct search_entry *table, uint64_t count,
                                         uintptr_t pc) {
    int64_t relative = (int64_t)(pc - (uintptr_t)header);
    uint64_t low = 0, high = count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (table[middle].start <= relative)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &table[low - 1] : NULL;
}

/* The sorted table behind .eh_frame_hdr; NULL: the object has none, or in a form that no linker writes. */
static const struct search_entry *open_table(const struct rsd_object *object, uint64_t *count) {
    const uint8_t *header = object->eh_frame_hdr;
    if (!header || !within(object, header))
        return NULL;
    struct cursor c = {header, (const uint8_t *)object->end};
    uint8_t version = take_u8(&c), frame_encoding = take_u8(&c), count_encoding = take_u8(&c);
    if (version != 1 || take_u8(&c) != (PE_DATAREL | PE_S4))
        return NULL;
    take_encoded(&c, frame_encoding);
    *count = take_encoded(&c, count_encoding);
    bool fits = *count <= (size_t)(c.end - c.at) / sizeof(struct search_entry);
    return fits && (uintptr_t)c.at % sizeof(int32_t) == 0 ? (const void *)c.at : NULL;
}

/* FDE and CIE for `pc`, and a cursor at the FDE's instructions. */
static bool find(const struct rsd_object *object, uintptr_t pc, struct rsd_fde *fde, struct cie *cie,
                 struct cursor *instructions) {
    uint64_t count;
    const struct search_entry *table = open_table(object, &count);
    const struct search_entry *entry = table ? search(object->eh_frame_hdr, table, count, pc) : NULL;
    if (!entry)
        return false;
    fde->entry = object->eh_frame_hdr + entry->fde;
    return read_fde(object, fde, cie, instructions) && pc >= fde->start && pc < fde->end;
}

bool rsd_fde_hole(const struct rsd_object *object, uintptr_t *start, uintptr_t *end) {
    uint64_t count;
    const struct search_entry *table = open_table(object, &count);
    struct cie cie;
    struct cursor instructions;
    *start = *end = 0;
    for (uint64_t i = 0; table && i + 1 < count; i++) {
        /* From start to start is an upper bound: most FDEs need not be read. */
        int64_t span = (int64_t)table[i + 1].start - table[i].start;
        if (span <= 0 || (uint64_t)span <= *end - *start)
            continue;
        struct rsd_fde fde = {.entry = object->eh_frame_hdr + table[i].fde};
        uintptr_t next = (uintptr_t)object->eh_frame_hdr + (uintptr_t)(intptr_t)table[i + 1].start;
        if (read_fde(object, &fde, &cie, &instructions) && next > fde.end && next - fde.end > *end - *start) {
            *start = fde.end;
            *end = next;
        }
    }
    return *end > *start;
}

bool rsd_fde_find(const struct rsd_object *object, uintptr_t pc, struct rsd_fde *fde) {
    struct cie cie;
    struct cursor instructions;
    return find(object, pc, fde, &cie, &instructions);
}

/* ---- the row ---- */

enum column_kind { SAME, OFFSET, EXPRESSION, UNDEFINED, OTHER };

struct column {
    enum column_kind kind;
    int64_t offset;            /* OFFSET: from the CFA */
    const uint8_t *expression; /* EXPRESSION: from its length on */
};

struct row {
    uint64_t cfa_register;
    int64_t cfa_offset;
    const uint8_t *cfa_expression; /* NULL: register + offset */
    struct column fp;
    struct column ra;
};

#define REMEMBERED 8

struct machine {
    const struct cie *cie;
    uintptr_t target;   /* the row is wanted for this address */
    uintptr_t location; /* ... and the present row begins here */
    struct row row;
    struct row initial; /* after the CIE's instructions */
    struct row remembered[REMEMBERED];
    unsigned depth;
    bool broken; /* an instruction that is not known */
};

static void set_column(struct machine *m, uint64_t number, struct column column) {
    if (number == RSD_DWARF_FP)
        m->row.fp = column;
    else if (number == RSD_DWARF_RA)
        m->row.ra = column;
}

/* Modulo 2^64, like everything that an address is computed from. */
static int64_t factor(const struct machine *m, uint64_t factored) {
    return (int64_t)(factored * (uint64_t)m->cie->data_alignment);
}

static void set_offset(struct machine *m, uint64_t number, uint64_t factored) {
    set_column(m, number, (struct column){.kind = OFFSET, .offset = factor(m, factored)});
}

static void set_kind(struct machine *m, uint64_t number, enum column_kind kind) {
    set_column(m, number, (struct column){.kind = kind});
}

static void restore(struct machine *m, uint64_t number) {
    set_column(m, number, number == RSD_DWARF_FP ? m->initial.fp : m->initial.ra);
}

/* Returns an expression, from its length on, and leaves the cursor behind it. One that is empty or reaches beyond the
 * instructions is none. */
static const uint8_t *take_block(struct machine *m, struct cursor *c) {
    const uint8_t *start = c->at;
    uint64_t size = take_uleb(c);
    m->broken |= !size || size > (size_t)(c->end - c->at);
    skip(c, size);
    return start;
}

static void define_cfa(struct machine *m, uint64_t number, int64_t offset) {
    m->row.cfa_register = number;
    m->row.cfa_offset = offset;
    m->row.cfa_expression = NULL;
}

static void remember(struct machine *m) {
    if (m->depth < REMEMBERED)
        m->remembered[m->depth++] = m->row;
    else
        m->broken = true;
}

/* The CFA, too, is what it was: gcc and clang both rely on it. */
static void recall(struct machine *m) {
    if (m->depth)
        m->row = m->remembered[--m->depth];
    else
        m->broken = true;
}

enum {
    DW_CFA_nop = 0,
    DW_CFA_set_loc,
    DW_CFA_advance_loc1,
    DW_CFA_advance_loc2,
    DW_CFA_advance_loc4,
    DW_CFA_offset_extended,
    DW_CFA_restore_extended,
    DW_CFA_undefined,
    DW_CFA_same_value,
    DW_CFA_register,
    DW_CFA_remember_state,
    DW_CFA_restore_state,
    DW_CFA_def_cfa,
    DW_CFA_def_cfa_register,
    DW_CFA_def_cfa_offset,
    DW_CFA_def_cfa_expression,
    DW_CFA_expression,
    DW_CFA_offset_extended_sf,
    DW_CFA_def_cfa_sf,
    DW_CFA_def_cfa_offset_sf,
    DW_CFA_val_offset,
    DW_CFA_val_offset_sf,
    DW_CFA_val_expression,
    DW_CFA_GNU_args_size = 0x2e,
    DW_CFA_GNU_negative_offset_extended = 0x2f,
    DW_CFA_advance_loc = 1, /* these three: in the upper two bits */
    DW_CFA_offset = 2,
    DW_CFA_restore = 3
};

static void advance(struct machine *m, uint64_t units) {
    m->location += units * m->cie->code_alignment;
}

static void execute(struct machine *m, struct cursor *c, uint8_t opcode) {
    const struct cie *cie = m->cie;
    uint64_t number;
    switch (opcode) {
    case DW_CFA_nop:
        break;
    case DW_CFA_set_loc:
        m->location = take_encoded(c, cie->pointer_encoding);
        break;
    case DW_CFA_advance_loc1:
        advance(m, take_u8(c));
        break;
    case DW_CFA_advance_loc2:
        advance(m, take_u16(c));
        break;
    case DW_CFA_advance_loc4:
        advance(m, take_u32(c));
        break;
    case DW_CFA_offset_extended:
        number = take_uleb(c), set_offset(m, number, take_uleb(c));
        break;
    case DW_CFA_offset_extended_sf:
        number = take_uleb(c), set_offset(m, number, (uint64_t)take_sleb(c));
        break;
    case DW_CFA_GNU_negative_offset_extended:
        number = take_uleb(c), set_offset(m, number, -take_uleb(c));
        break;
    case DW_CFA_restore_extended:
        restore(m, take_uleb(c));
        break;
    case DW_CFA_undefined:
        set_kind(m, take_uleb(c), UNDEFINED);
        break;
    case DW_CFA_same_value:
        set_kind(m, take_uleb(c), SAME);
        break;
    case DW_CFA_register:
    case DW_CFA_val_offset:
    case DW_CFA_val_offset_sf:
        set_kind(m, take_uleb(c), OTHER), take_uleb(c);
        break;
    case DW_CFA_val_expression:
        set_kind(m, take_uleb(c), OTHER), take_block(m, c);
        break;
    case DW_CFA_expression:
        number = take_uleb(c);
        set_column(m, number, (struct column){.kind = EXPRESSION, .expression = take_block(m, c)});
        break;
    case DW_CFA_remember_state:
        remember(m);
        break;
    case DW_CFA_restore_state:
        recall(m);
        break;
    case DW_CFA_def_cfa:
        number = take_uleb(c), define_cfa(m, number, (int64_t)take_uleb(c));
        break;
    case DW_CFA_def_cfa_sf:
        number = take_uleb(c), define_cfa(m, number, factor(m, (uint64_t)take_sleb(c)));
        break;
    case DW_CFA_def_cfa_register:
        define_cfa(m, take_uleb(c), m->row.cfa_offset);
        break;
    case DW_CFA_def_cfa_offset:
        m->row.cfa_offset = (int64_t)take_uleb(c);
        break;
    case DW_CFA_def_cfa_offset_sf:
        m->row.cfa_offset = factor(m, (uint64_t)take_sleb(c));
        break;
    case DW_CFA_def_cfa_expression:
        m->row.cfa_expression = take_block(m, c);
        break;
    case DW_CFA_GNU_args_size:
        take_uleb(c);
        break;
    default:
        m->broken = true;
        break;
    }
}

/* Run the instructions until the row for the target is complete. */
static void run(struct machine *m, struct cursor c) {
    while (c.at < c.end && m->location <= m->target && !m->broken) {
        uint8_t opcode = take_u8(&c), low = opcode & 0x3f;
        switch (opcode >> 6) {
        case DW_CFA_advance_loc:
            advance(m, low);
            break;
        case DW_CFA_offset:
            set_offset(m, low, take_uleb(&c));
            break;
        case DW_CFA_restore:
            restore(m, low);
            break;
        default:
            execute(m, &c, opcode);
            break;
        }
    }
}

/* ---- from the row to a rule ---- */

/* An expression that is no more than [rbp or rsp] + offset, perhaps loaded from there. */
struct simple {
    bool by_fp;
    bool loaded;
    int32_t offset;
};

enum { DW_OP_deref = 0x06, DW_OP_breg0 = 0x70 };

static bool is_simple(const uint8_t *expression, struct simple *simple) {
    struct cursor c = {expression, expression + 16};
    uint64_t size = take_uleb(&c);
    if (size > 12)
        return false;
    c.end = c.at + size;
    unsigned reg = take_u8(&c) - (unsigned)DW_OP_breg0;
    simple->offset = (int32_t)take_sleb(&c);
    simple->by_fp = reg == RSD_DWARF_FP;
    simple->loaded = c.at < c.end && take_u8(&c) == DW_OP_deref;
    return (reg == RSD_DWARF_FP || reg == RSD_DWARF_SP) && c.at == c.end;
}

static bool cfa_of_row(const struct row *row, enum rsd_cfa *cfa, int32_t *offset) {
    struct simple simple;
    if (row->cfa_expression) {
        if (!is_simple(row->cfa_expression, &simple) || !simple.loaded)
            return false;
        *cfa = simple.by_fp ? RSD_CFA_AT_FP : RSD_CFA_AT_SP;
        *offset = simple.offset;
        return true;
    }
    *cfa = row->cfa_register == RSD_DWARF_FP ? RSD_CFA_FP : RSD_CFA_SP;
    *offset = (int32_t)row->cfa_offset;
    return row->cfa_register == RSD_DWARF_FP || row->cfa_register == RSD_DWARF_SP;
}

static bool saved_of_row(const struct row *row, enum rsd_saved *saved, int32_t *offset) {
    struct simple simple;
    *offset = 0;
    switch (row->fp.kind) {
    case SAME:
        *saved = RSD_SAVED_NOT;
        return true;
    case OFFSET:
        *saved = RSD_SAVED_AT_CFA, *offset = (int32_t)row->fp.offset;
        return true;
    case EXPRESSION:
        if (!is_simple(row->fp.expression, &simple) || simple.loaded)
            return false;
        *saved = simple.by_fp ? RSD_SAVED_AT_FP : RSD_SAVED_AT_SP;
        *offset = simple.offset;
        return true;
    default:
        *saved = RSD_SAVED_UNDEFINED;
        return true;
    }
}

static enum rsd_cfi rule_of_row(const struct row *row, uintptr_t address, struct rsd_rule *rule) {
    enum rsd_cfa cfa = RSD_CFA_ROOT;
    enum rsd_saved saved = RSD_SAVED_NOT;
    *rule = (struct rsd_rule){0};
    if (row->ra.kind != UNDEFINED) {
        if (row->ra.kind != OFFSET || row->ra.offset != RSD_RA_FROM_CFA || !cfa_of_row(row, &cfa, &rule->cfa_offset) ||
            !saved_of_row(row, &saved, &rule->fp_offset))
            return RSD_CFI_INEXPRESSIBLE;
    }
    rule->key = rsd_rule_key(address, cfa, saved, RESIDUE_SOURCE_CFI);
    return RSD_CFI_RULE;
}

enum rsd_cfi rsd_cfi_rule(const struct rsd_object *object, uintptr_t address, struct rsd_rule *rule) {
    struct rsd_fde fde;
    struct cie cie;
    struct cursor instructions;
    if (!find(object, address - 1, &fde, &cie, &instructions))
        return RSD_CFI_NO_FDE;
    if (cie.signal_frame) {
        *rule = (struct rsd_rule){.key = rsd_rule_key(address, RSD_CFA_SIGNAL, RSD_SAVED_NOT, RESIDUE_SOURCE_CFI)};
        return RSD_CFI_RULE;
    }
    struct machine machine = {.cie = &cie, .target = address - 1, .location = fde.start};
    run(&machine, cie.instructions);
    machine.initial = machine.row;
    run(&machine, instructions);
    return machine.broken ? RSD_CFI_INEXPRESSIBLE : rule_of_row(&machine.row, address, rule);
}
