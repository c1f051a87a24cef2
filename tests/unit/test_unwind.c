/*
 * The unwinder's rooms one by one: rules and their cache, tables, machine code, checks, the table of code, and stacks
 * of this very process. What it does on real programs is the business of tests/unwind/run.sh.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unwind/cache.h"
#include "unwind/cfi.h"
#include "unwind/check.h"
#include "unwind/code.h"
#include "unwind/libunwind.h"
#include "unwind/maps.h"
#include "unwind/object.h"
#include "unwind/registers.h"
#include "unwind/unwinder.h"

#define NOINLINE __attribute__((noinline))

/* ---- rules ---- */

Test(unwind, a_rule_key_keeps_its_parts) {
    struct rsd_rule rule = {.key = rsd_rule_key(0x7fff12345678, RSD_CFA_AT_FP, RSD_SAVED_AT_SP, RESIDUE_SOURCE_CODE)};
    cr_assert_eq(rule.key & RSD_RULE_ADDRESS_MASK, 0x7fff12345678u);
    cr_assert_eq(rsd_rule_cfa(&rule), RSD_CFA_AT_FP);
    cr_assert_eq(rsd_rule_saved(&rule), RSD_SAVED_AT_SP);
    cr_assert_eq(rsd_rule_source(&rule), RESIDUE_SOURCE_CODE);
}

Test(unwind, the_cache_finds_what_was_put_in_and_forgets_by_range) {
    struct rsd_rule found;
    for (uintptr_t pc = 0x10000; pc < 0x11000; pc += 8) {
        struct rsd_rule rule = {rsd_rule_key(pc, RSD_CFA_SP, RSD_SAVED_NOT, RESIDUE_SOURCE_CFI), (int32_t)pc, -16};
        cr_assert(rsd_cache_insert(&rule));
    }
    cr_assert(rsd_cache_find(0x10800, &found));
    cr_assert_eq(found.cfa_offset, 0x10800);
    rsd_cache_forget(0x10000, 0x10800);
    cr_assert(rsd_cache_find(0x10800, &found) == false, "the instruction before a return address counts");
    cr_assert(rsd_cache_find(0x10808, &found));
}

Test(unwind, a_full_set_gives_up_one_rule_and_takes_the_new_one) {
    struct rsd_cache_set *set = rsd_cache_set(0x4000, RSD_CACHE_SETS - 1);
    struct rsd_rule found;
    bool displaced = false;
    for (uintptr_t pc = 0x4000; !displaced; pc++) {
        if (rsd_cache_set(pc, RSD_CACHE_SETS - 1) != set)
            continue;
        struct rsd_rule rule = {rsd_rule_key(pc, RSD_CFA_SP, RSD_SAVED_NOT, RESIDUE_SOURCE_CFI), 8, 0};
        displaced = !rsd_cache_insert(&rule);
        cr_assert(rsd_cache_find(pc, &found));
    }
    cr_assert_eq(rsd_cache_mask, RSD_CACHE_SETS - 1);
    for (unsigned i = 0; i < RSD_CACHE_WAYS; i++)
        cr_assert_eq(rsd_cache_set(set->way[i].key & RSD_RULE_ADDRESS_MASK, rsd_cache_mask), set);
}

static bool is_found(uintptr_t pc) {
    struct rsd_rule found;
    return (rsd_cache_find(pc, &found) || rsd_cache_find_moved(pc, &found)) && found.cfa_offset == (int32_t)pc;
}

/* GIVEN more rules than the first sets have room for, but not as many as there may be THEN nearly all are found, where they are
 * looked for from the second time on, and those of a range are forgotten wherever they stand. */
Test(unwind, the_cache_grows_with_its_rules) {
    const uintptr_t rules = 3 * RSD_CACHE_SETS_FIRST * RSD_CACHE_WAYS;
    uintptr_t there = 0;
    struct rsd_rule found;
    for (uintptr_t pc = 1; pc <= rules; pc++) {
        struct rsd_rule rule = {rsd_rule_key(pc * pc, RSD_CFA_SP, RSD_SAVED_NOT, RESIDUE_SOURCE_CFI),
                                (int32_t)(pc * pc), 0};
        cr_assert(rsd_cache_insert(&rule));
    }
    cr_assert_gt(rsd_cache_mask, RSD_CACHE_SETS_FIRST - 1);
    for (uintptr_t pc = 1; pc <= rules / 2; pc++)
        there += is_found(pc * pc) && rsd_cache_find(pc * pc, &found);
    cr_assert_gt(there, rules / 2 - rules / 200);
    rsd_cache_forget(0, UINTPTR_MAX);
    for (uintptr_t pc = 1; pc <= rules; pc++)
        cr_assert_not(is_found(pc * pc));
}

/* ---- objects, tables, the table of code ---- */

static uintptr_t here(void) {
    return (uintptr_t)__builtin_return_address(0);
}

Test(unwind, an_object_is_the_same_by_the_loader_and_by_its_elf_header) {
    uintptr_t places[] = {(uintptr_t)&here, (uintptr_t)&qsort};
    for (unsigned i = 0; i < 2; i++) {
        struct rsd_object a, b;
        cr_assert(rsd_object_find(places[i], &a));
        cr_assert(rsd_object_find_in_maps(places[i], &b));
        cr_assert_eq(a.eh_frame_hdr, b.eh_frame_hdr);
        cr_assert_eq(a.dynamic, b.dynamic);
        cr_assert_eq(a.bias, b.bias);
    }
}

Test(unwind, an_fde_holds_the_function_that_it_is_for) {
    struct rsd_object object;
    struct rsd_fde fde;
    uintptr_t function = (uintptr_t)&qsort;
    cr_assert(rsd_object_find(function, &object));
    cr_assert(rsd_fde_find(&object, function, &fde));
    cr_assert_eq(fde.start, function);
    cr_assert_gt(fde.end, fde.start);
}

Test(unwind, at_its_first_instruction_a_function_has_pushed_nothing) {
    struct rsd_object object;
    struct rsd_rule rule;
    cr_assert(rsd_object_find((uintptr_t)&qsort, &object));
    cr_assert_eq(rsd_cfi_rule(&object, (uintptr_t)&qsort + 1, &rule), RSD_CFI_RULE);
    cr_assert_eq(rsd_rule_cfa(&rule), RSD_CFA_SP);
    cr_assert_eq(rule.cfa_offset, 8);
    cr_assert_eq(rsd_rule_saved(&rule), RSD_SAVED_NOT);
}

Test(unwind, code_that_is_forgotten_is_learned_again) {
    struct rsd_code code;
    uintptr_t pc = (uintptr_t)&here;
    cr_assert(rsd_maps_learn(pc, &code));
    cr_assert(code.flags & RSD_CODE_FILE && code.flags & RSD_CODE_READABLE);
    cr_assert(rsd_maps_forget(code.start, code.end));
    cr_assert_not(rsd_maps_find(pc, &code));
    cr_assert_not(rsd_maps_forget(code.start, code.end), "nothing is known there any more");
    cr_assert(rsd_maps_learn(pc, &code));
}

Test(unwind, a_part_of_a_range_is_forgotten_and_the_rest_stays) {
    struct rsd_code code, part;
    cr_assert(rsd_maps_learn((uintptr_t)&qsort, &code));
    cr_assert(rsd_maps_forget(code.start + 0x1000, code.start + 0x2000));
    cr_assert(rsd_maps_find(code.start, &part));
    cr_assert_eq(part.end, code.start + 0x1000);
    cr_assert_not(rsd_maps_find(code.start + 0x1800, &part));
    cr_assert(rsd_maps_find(code.start + 0x2000, &part));
    cr_assert_eq(part.end, code.end);
}

Test(unwind, data_is_no_code) {
    struct rsd_code code;
    static int variable;
    cr_assert_not(rsd_maps_learn((uintptr_t)&variable, &code));
    cr_assert_not(rsd_maps_learn((uintptr_t)&code, &code));
}

/* ---- checks ---- */

static NOINLINE uintptr_t returns_to(void) {
    return (uintptr_t)__builtin_return_address(0);
}

Test(unwind, a_return_address_follows_a_call) {
    struct rsd_code code;
    uintptr_t target, (*volatile pointer)(void) = returns_to;
    cr_assert(rsd_maps_learn((uintptr_t)&returns_to, &code));
    uintptr_t direct = returns_to(), indirect = pointer();
    cr_assert_eq(rsd_check_call(direct, &target), RSD_CALL_DIRECT);
    cr_assert_eq(target, (uintptr_t)&returns_to);
    cr_assert_eq(rsd_check_call(indirect, &target), RSD_CALL_INDIRECT);
    cr_assert_eq(rsd_check_return(direct, (uintptr_t)&returns_to + 4), RSD_FIT_DIRECT);
    cr_assert_eq(rsd_check_return((uintptr_t)&target, (uintptr_t)&returns_to), RSD_FIT_NONE);
}

/* ---- machine code ---- */

static void run_code(struct rsd_registers_state *state, const char *code, size_t size) {
    ZydisDecoder decoder;
    ZydisDecodedInstruction instruction;
    ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    rsd_registers_reset(state);
    for (size_t at = 0; at < size; at += instruction.length) {
        cr_assert(ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code + at, size - at, &instruction, operand)));
        rsd_registers_apply(state, &instruction, operand);
    }
}
#define RUN(state, code) run_code(state, code, sizeof code - 1)

Test(unwind, a_prologue_and_its_epilogue_cancel_out) {
    struct rsd_registers_state state;
    /* push rbp; mov rbp, rsp; push rbx; sub rsp, 0x48; lea rsp, [rbp-8]; pop rbx; pop rbp */
    RUN(&state, "\x55\x48\x89\xe5\x53\x48\x83\xec\x48\x48\x8d\x65\xf8\x5b\x5d");
    cr_assert_eq(state.value[RSD_SP].kind, RSD_ADDRESS);
    cr_assert_eq(state.value[RSD_SP].offset, 0);
    cr_assert_eq(state.value[RSD_FP].kind, RSD_ADDRESS);
    cr_assert_eq(state.value[RSD_FP].base, RSD_INITIAL_FP);
    cr_assert_eq(state.value[RSD_FP].offset, 0);
}

Test(unwind, an_epilogue_loads_rbp_from_where_the_prologue_put_it) {
    struct rsd_registers_state state;
    /* add rsp, 0x28; pop rbx; pop rbp */
    RUN(&state, "\x48\x83\xc4\x28\x5b\x5d");
    cr_assert_eq(state.value[RSD_SP].offset, 0x38);
    cr_assert_eq(state.value[RSD_FP].kind, RSD_LOADED);
    cr_assert_eq(state.value[RSD_FP].base, RSD_INITIAL_SP);
    cr_assert_eq(state.value[RSD_FP].offset, 0x30);
}

Test(unwind, what_an_unknown_instruction_writes_is_unknown) {
    struct rsd_registers_state state;
    /* xor ebp, ebp; and rsp, -32 */
    RUN(&state, "\x31\xed\x48\x83\xe4\xe0");
    cr_assert_eq(state.value[RSD_FP].kind, RSD_UNKNOWN);
    cr_assert_eq(state.value[RSD_SP].kind, RSD_UNKNOWN);
}

Test(unwind, a_stack_pointer_that_is_moved_out_of_all_bounds_wraps) {
    struct rsd_registers_state state;
    /* add rsp, 0x7fffffff, twice */
    RUN(&state, "\x48\x81\xc4\xff\xff\xff\x7f\x48\x81\xc4\xff\xff\xff\x7f");
    cr_assert_eq(state.value[RSD_SP].offset, -2);
}

/* ---- stacks of this process ---- */

#define LIMIT 64u

static struct rsd_unwinder *unwinder;
static uint64_t counter[RESIDUE_COUNTER_SLOTS];

static NOINLINE struct rsd_stack *stack_here(void) {
    const uintptr_t *frame = __builtin_frame_address(0);
    const struct rsd_registers from = {frame[1], (uintptr_t)(frame + 2), frame[0]};
    return rsd_unwind(unwinder, &from, counter);
}

/* `n` more frames, each with something left to do, so that no call is a jump. Returns how many frames were kept. */
static NOINLINE uint32_t descend(unsigned n, struct rsd_stack **stack) {
    volatile char pad[48] __attribute__((unused));
    pad[0] = (char)n;
    if (n == 0)
        *stack = stack_here();
    uint32_t kept = n ? descend(n - 1, stack) : (*stack)->kept;
    pad[0] = 0;
    return kept;
}

static void start(void) {
    unwinder = aligned_alloc(64, rsd_unwinder_size(LIMIT));
    memset(unwinder, 0, rsd_unwinder_size(LIMIT));
    rsd_unwinder_init(unwinder, LIMIT);
}

Test(unwind, before_the_start_a_stack_is_its_leaf) {
    start();
    struct rsd_stack *stack = stack_here();
    cr_assert_eq(stack->end, RESIDUE_END_EARLY);
    cr_assert_eq(stack->depth, 1u);
    cr_assert_eq(counter[RESIDUE_COUNTER_STACK_EARLY], 1u);
}

Test(unwind, a_stack_reaches_the_root_and_keeps_the_outer_frames_and_their_nodes) {
    start();
    rsd_unwind_start();
    struct rsd_stack *stack;
    cr_assert_eq(descend(5, &stack), 0u);
    cr_assert_eq(stack->end, RESIDUE_END_ROOT);
    uint32_t depth = stack->depth;
    for (uint32_t i = 0; i < depth; i++)
        stack->frame[i].node = i + 1;
    uint32_t kept = descend(7, &stack);
    cr_assert_eq(stack->depth, depth + 2);
    cr_assert_gt(kept, 3u);
    for (uint32_t i = 0; i < stack->depth; i++)
        cr_assert_eq(stack->frame[i].node, i < kept ? i + 1 : 0);
    cr_assert_eq(stack->frame[depth + 1].source, RESIDUE_SOURCE_NONE);
    cr_assert_eq(counter[RESIDUE_COUNTER_STACK_ROOT], 2u);
}

/* One of twelve callers of the same frame. */
static NOINLINE void called_from(unsigned caller, unsigned n, struct rsd_stack **stack) {
#define CALL(number)                                                                                                   \
    case number:                                                                                                       \
        descend(n, stack);                                                                                             \
        __asm__ volatile("# " #number);                                                                                \
        break;
    switch (caller) {
        CALL(0) CALL(1) CALL(2) CALL(3) CALL(4) CALL(5) CALL(6) CALL(7) CALL(8) CALL(9) CALL(10) CALL(11)
    }
#undef CALL
}

#define ROUNDS 200u

/* How many of the stacks of so many callers, at so many depths, that take turns are met again in the last round. */
static uint32_t met_again(unsigned callers, unsigned depths) {
    struct rsd_stack *stack;
    uint32_t met = 0;
    for (unsigned i = 0; i < ROUNDS; i++)
        for (unsigned caller = 0; caller < callers; caller++)
            for (unsigned n = 0; n < depths; n++) {
                called_from(caller, n, &stack);
                met += i == ROUNDS - 1 && stack->place != RSD_STACK_BEFORE && stack->kept == stack->depth;
            }
    return met;
}

Test(unwind, stacks_that_take_turns_are_all_met_again) {
    start();
    rsd_unwind_start();
    uint32_t met = met_again(4, 25);
    cr_assert_geq(met, 90u, "%u", met);
}

Test(unwind, of_stacks_without_room_for_all_some_are_met_again) {
    start();
    rsd_unwind_start();
    uint32_t met = met_again(12, 30);
    cr_assert_geq(met, RSD_STACK_BEFORE / 4, "%u", met);
}

Test(unwind, a_stack_that_is_too_deep_ends_with_the_limit_and_is_right_nevertheless) {
    start();
    rsd_unwind_start();
    struct rsd_stack *stack;
    for (unsigned n = 100; n < 140; n += 3) {
        descend(n, &stack);
        cr_assert_eq(stack->end, RESIDUE_END_DEPTH);
        cr_assert_eq(stack->depth, LIMIT);
        for (uint32_t i = 1; i < LIMIT; i++)
            cr_assert_lt(stack->frame[i].sp, stack->frame[i - 1].sp);
        cr_assert_eq(stack->frame[0].pc, stack->frame[20].pc, "all of them are descend()");
    }
    descend(3, &stack);
    cr_assert_eq(stack->end, RESIDUE_END_ROOT);
    cr_assert_eq(stack->kept, 0u);
}

Test(unwind, forgetting_code_drops_the_stack_before) {
    start();
    rsd_unwind_start();
    struct rsd_stack *stack;
    struct rsd_code code;
    descend(5, &stack);
    cr_assert(rsd_maps_find((uintptr_t)&qsort, &code));
    rsd_unwind_forget(code.start, code.end);
    cr_assert_eq(descend(5, &stack), 0u);
    cr_assert_eq(stack->end, RESIDUE_END_ROOT);
}

/* ---- libunwind ---- */

/* A stack that libunwind is at first not allowed to read: then it is in the middle of a step. */
static uintptr_t *page;
static uintptr_t code;
static int child_status;

static bool ask_libunwind(void) {
    uintptr_t low = (uintptr_t)page;
    struct rsd_bounds bounds = {
        .low = low, .last = low + RSD_PAGE - RSD_WORD, .home_low = low, .home_high = low + RSD_PAGE};
    struct rsd_place place = {.address = code, .sp = low + 256, .fp = low + 512};
    struct rsd_frame caller;
    return rsd_libunwind_step(&bounds, &place, &caller);
}

static void allow(void) {
    mprotect(page, RSD_PAGE, PROT_READ | PROT_WRITE);
    for (unsigned i = 0; i < RSD_PAGE / RSD_WORD; i++)
        page[i] = code;
}

static void fork_inside(int signal_number) {
    (void)signal_number;
    pid_t child = fork();
    if (child == 0) {
        allow();
        rsd_libunwind_after_fork();
        _exit(ask_libunwind() ? 1 : 2);
    }
    waitpid(child, &child_status, 0);
    allow();
}

Test(unwind, a_child_forked_while_somebody_was_inside_libunwind_does_without_it) {
    code = here();
    page = mmap(NULL, RSD_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rsd_libunwind_start();
    signal(SIGSEGV, fork_inside);
    cr_assert(ask_libunwind(), "the parent has it");
    cr_assert(WIFEXITED(child_status));
    cr_assert_eq(WEXITSTATUS(child_status), 2);
    if (fork() == 0) { /* nobody is inside */
        rsd_libunwind_after_fork();
        _exit(ask_libunwind() ? 1 : 2);
    }
    wait(&child_status);
    cr_assert_eq(WEXITSTATUS(child_status), 1);
}
