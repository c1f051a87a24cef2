/*
 * Stacks of the calling thread: the driver.
 *
 * A stack that was met before is looked for by what came before it and by its leaf's registers; if every word that led outward
 * from there is what it was, it is the same stack, and nothing else is done (met.h, again.c). Otherwise it is unwound, frame
 * by frame: one step goes from a frame to its caller by the rule for the frame's address (rule.h): out of the cache, or for
 * JIT code by range, or derived on the spot (derive.c). After each step the frame is compared with the stack before at the
 * same height; if it was there and all that led outward from it still holds, the rest is as before.
 *
 * Budget: 80 ns for a stack of 30 frames. The path there is rsd_unwind_met (met.h), or walk -> step, with nothing
 * but loads, compares and one hash lookup per new frame; everything else is in functions marked cold.
 *
 * What is kept from one stack to the next is dropped when code is unmapped (`generation`), when any part of the stack
 * was foreign memory, which may be gone by the next call, and when the stack ended where it might get further next
 * time: JIT code may have become known by then.
 *
 * Stacks deeper than the limit: the outermost frame that fits differs from one stack to the next, so nothing outside
 * of the new frames stays in its place, unless the depth is exactly the same.
 */
#include "unwind.h"

#include <string.h>

#include "cache.h"
#include "code.h"
#include "fp.h"
#include "guess.h"
#include "libunwind.h"
#include "maps.h"
#include "met.h"
#include "noreturn.h"

#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#define COLD __attribute__((cold, noinline))

#define MISSES 512u /* that are counted before it is judged how many they are */

#define STEPPED (-1) /* instead of an enum residue_end */

static uint32_t ready;
uint32_t rsd_unwind_generation; /* 0: not ready */

/* ---- the caller's side ---- */

void rsd_unwind_start(void) {
    if (ready)
        return;
    struct rsd_code code;
    rsd_code_start();
    rsd_fp_start();
    rsd_libunwind_start();
    rsd_maps_learn((uintptr_t)&rsd_unwind_start, &code);
    ready = 1;
    __atomic_store_n(&rsd_unwind_generation, 1, __ATOMIC_RELEASE);
}

static size_t aligned(size_t size) {
    return (size + 63) & ~(size_t)63;
}

/* What a place may have room for: no more than a little more than it needs, for places that lie close together take few pages.
 * Most steps read one word. */
static const struct {
    uint16_t frames, words;
} rooms[] = {{8, 12}, {16, 24}, {24, 36}, {32, 48}, {48, 72}, {RSD_STACKS_ROOM, RSD_STACKS_ROOM *RSD_WORDS_PER_FRAME}};
#define ROOMS (sizeof rooms / sizeof *rooms)

/* Every place may need one room after the other. */
size_t rsd_unwinder_size(uint32_t depth) {
    const struct rsd_unwinder *u = NULL;
    size_t size = aligned(sizeof *u) + aligned((depth + 1) * sizeof *u->fresh) +
                  rsd_again_size(depth, depth * RSD_WORDS_PER_FRAME);
    for (unsigned i = 0; i < ROOMS; i++)
        size += RSD_STACK_BEFORE * rsd_again_size(rooms[i].frames, rooms[i].words);
    return size;
}

void rsd_unwinder_init(struct rsd_unwinder *unwinder, uint32_t depth) {
    struct rsd_unwinder *u = unwinder;
    char *memory = (char *)u + aligned(sizeof *u);
    for (uint32_t i = 0; i < u->places; i++) /* of the thread that had it before */
        rsd_again_init(&u->again[i], 0, NULL);
    memset(u, 0, offsetof(struct rsd_unwinder, again));
    u->limit = depth;
    u->fresh = (struct rsd_fresh *)memory;
    u->before = RSD_STACK_BEFORE;
    u->places = RSD_STACKS_FIRST;
    u->missed_of = RSD_MISSED_OF;
    memory += aligned((depth + 1) * sizeof *u->fresh);
    rsd_again_init(&u->again[RSD_STACK_BEFORE], depth, memory);
    u->rest = memory + rsd_again_size(depth, depth * RSD_WORDS_PER_FRAME);
    rsd_bounds_init(&u->bounds);
}

void rsd_unwinder_forget(struct rsd_unwinder *unwinder) {
    rsd_unwinder_drop(unwinder);
}

/* The order matters: what another thread learns in between must not outlive the new generation. */
void rsd_unwind_forget(uintptr_t start, uintptr_t end) {
    if (!rsd_maps_forget(start, end))
        return;
    rsd_cache_forget(start, end);
    rsd_noreturn_forget();
    __atomic_fetch_add(&rsd_unwind_generation, 1, __ATOMIC_RELEASE);
}

void rsd_unwind_after_fork(void) {
    rsd_maps_after_fork();
    rsd_libunwind_after_fork();
}

/* ---- rules ---- */

/* False: there is no code at the place. */
static COLD bool derive(struct rsd_unwinder *u, const struct rsd_place *place, struct rsd_rule *rule) {
    if (rsd_cache_find_moved(place->address, rule))
        return true;
    uint64_t before = rsd_cpu_ticks_unfenced();
    struct rsd_jit jit;
    enum rsd_derived derived = rsd_derive(&u->bounds, place, rule, &jit);
    if (derived == RSD_DERIVED_JIT) {
        u->jit[1] = u->jit[0];
        u->jit[0] = jit;
        return true;
    }
    if (derived == RSD_DERIVED && !rsd_cache_insert(rule))
        u->counter[RESIDUE_COUNTER_RULE_FULL]++;
    u->counter[RESIDUE_COUNTER_RULE_MISSES]++;
    u->counter[RESIDUE_COUNTER_RULE_TICKS] += rsd_cpu_ticks_unfenced() - before;
    return derived != RSD_DERIVED_NO_CODE;
}

static inline uintptr_t address_of(const struct rsd_frame *frame) {
    return frame->pc + (frame->flags & RESIDUE_NODE_INTERRUPTED);
}

static inline bool find_rule(struct rsd_unwinder *u, const struct rsd_frame *frame, struct rsd_rule *rule) {
    uintptr_t address = address_of(frame);
    if (address - u->jit[0].start < u->jit[0].size || address - u->jit[1].start < u->jit[1].size) {
        *rule = rsd_fp_rule(address);
        return true;
    }
    if (likely(rsd_cache_find(address, rule)))
        return true;
    const struct rsd_place place = {address, frame->sp, frame->fp, frame->flags & RESIDUE_NODE_INTERRUPTED};
    return derive(u, &place, rule);
}

/* ---- steps: from fresh->frame to *caller; STEPPED, or why not ---- */

static COLD int out_of_bounds(const struct rsd_unwinder *u) {
    return u->bounds.foreign ? RESIDUE_END_FOREIGN : RESIDUE_END_BOUNDS;
}

/* The registers of the code that a signal interrupted, perhaps on another stack. */
static int step_signal(struct rsd_unwinder *u, struct rsd_fresh *fresh, struct rsd_frame *caller) {
    uintptr_t context = fresh->frame.sp;
    if (!rsd_bounds_hold(&u->bounds, context + RSD_UCONTEXT_FP) ||
        !rsd_bounds_hold(&u->bounds, context + RSD_UCONTEXT_PC))
        return out_of_bounds(u);
    fresh->fp_slot = RSD_SLOT_GUESS;
    *caller = (struct rsd_frame){.pc = rsd_word_at(context + RSD_UCONTEXT_PC),
                                 .sp = rsd_word_at(context + RSD_UCONTEXT_SP),
                                 .fp = rsd_word_at(context + RSD_UCONTEXT_FP),
                                 .source = RESIDUE_SOURCE_CFI,
                                 .flags = RESIDUE_NODE_INTERRUPTED};
    bool further = caller->sp > fresh->frame.sp && rsd_bounds_hold(&u->bounds, caller->sp & ~(uintptr_t)7);
    if (further)
        return STEPPED;
    u->bounds.foreign = true;
    return rsd_bounds_locate(&u->bounds, caller->sp) ? STEPPED : out_of_bounds(u);
}

static COLD int step_guess(struct rsd_unwinder *u, struct rsd_fresh *fresh, struct rsd_frame *caller, bool by_fp) {
    fresh->fp_slot = RSD_SLOT_GUESS;
    fresh->cfa_slot = 0;
    bool found =
        by_fp ? rsd_guess_by_fp(&u->bounds, &fresh->frame, caller) : rsd_guess(&u->bounds, &fresh->frame, caller);
    if (!found)
        return by_fp ? out_of_bounds(u) : RESIDUE_END_NO_RULE;
    caller->source = RESIDUE_SOURCE_SCAN;
    return STEPPED;
}

static int step_libunwind(struct rsd_unwinder *u, struct rsd_fresh *fresh, struct rsd_frame *caller) {
    const struct rsd_frame *frame = &fresh->frame;
    const struct rsd_place place = {address_of(frame), frame->sp, frame->fp, frame->flags & RESIDUE_NODE_INTERRUPTED};
    fresh->fp_slot = RSD_SLOT_GUESS;
    return rsd_libunwind_step(&u->bounds, &place, caller) ? STEPPED : step_guess(u, fresh, caller, false);
}

static COLD int step_seldom(struct rsd_unwinder *u, const struct rsd_rule *rule, struct rsd_fresh *fresh,
                            struct rsd_frame *caller) {
    switch (rsd_rule_cfa(rule)) {
    case RSD_CFA_ROOT:
        return RESIDUE_END_ROOT;
    case RSD_CFA_SIGNAL:
        return step_signal(u, fresh, caller);
    case RSD_CFA_SCAN:
        return step_guess(u, fresh, caller, false);
    case RSD_CFA_LIBUNWIND:
        return step_libunwind(u, fresh, caller);
    default:
        return RESIDUE_END_NO_RULE;
    }
}

/* A rule led out of the stack. Only the frame pointer rule is known to do that (deoptimisation). */
static COLD int step_failed(struct rsd_unwinder *u, const struct rsd_rule *rule, struct rsd_fresh *fresh,
                            struct rsd_frame *caller) {
    bool by_fp = rsd_rule_source(rule) == RESIDUE_SOURCE_FP;
    return by_fp ? step_guess(u, fresh, caller, true) : out_of_bounds(u);
}

/* There is no code where fresh[0] is said to be. If that came from a frame pointer, the one frame before it broke the
 * chain, and its caller is to be guessed; fresh[0] is overwritten. */
static COLD int step_back(struct rsd_unwinder *u, struct rsd_fresh *fresh) {
    if (fresh->frame.source != RESIDUE_SOURCE_FP)
        return RESIDUE_END_BAD_PC;
    struct rsd_frame found = fresh->frame;
    if (step_guess(u, fresh - 1, &fresh->frame, true) == STEPPED)
        return STEPPED;
    fresh->frame = found;
    return RESIDUE_END_BAD_PC;
}

/* What the step does with the frame pointer. */
static inline uint8_t fp_use(const struct rsd_rule *rule) {
    enum rsd_cfa cfa = rsd_rule_cfa(rule);
    bool used = cfa == RSD_CFA_FP || cfa == RSD_CFA_AT_FP || rsd_rule_saved(rule) == RSD_SAVED_AT_FP;
    return (uint8_t)((used ? RSD_FP_USED : 0) | (rsd_rule_saved(rule) == RSD_SAVED_NOT ? RSD_FP_PASSED : 0));
}

static inline bool read_fp(struct rsd_unwinder *u, const struct rsd_rule *rule, struct rsd_fresh *fresh, uintptr_t cfa,
                           struct rsd_frame *caller) {
    uintptr_t base;
    switch (rsd_rule_saved(rule)) {
    case RSD_SAVED_NOT:
        caller->fp = fresh->frame.fp;
        return true;
    case RSD_SAVED_AT_CFA:
        base = cfa;
        break;
    case RSD_SAVED_AT_FP:
        base = fresh->frame.fp;
        break;
    case RSD_SAVED_AT_SP:
        base = fresh->frame.sp;
        break;
    default:
        caller->fp = 0;
        return true;
    }
    fresh->fp_slot = base + (uintptr_t)(intptr_t)rule->fp_offset;
    if (unlikely(!rsd_bounds_hold(&u->bounds, fresh->fp_slot)))
        return false;
    caller->fp = rsd_word_at(fresh->fp_slot);
    return true;
}

static inline int step(struct rsd_unwinder *u, struct rsd_fresh *fresh, struct rsd_frame *caller) {
    struct rsd_rule rule;
    const struct rsd_frame *frame = &fresh->frame;
    uintptr_t cfa;
    fresh->fp_slot = fresh->cfa_slot = 0;
    fresh->frame.fp_use = RSD_FP_USED;
    if (unlikely(!find_rule(u, frame, &rule)))
        return RESIDUE_END_BAD_PC;
    uintptr_t offset = (uintptr_t)(intptr_t)rule.cfa_offset;
    switch (rsd_rule_cfa(&rule)) {
    case RSD_CFA_SP:
        cfa = frame->sp + offset;
        break;
    case RSD_CFA_FP:
        if (unlikely(frame->fp < frame->sp))
            return step_failed(u, &rule, fresh, caller);
        cfa = frame->fp + offset;
        break;
    case RSD_CFA_AT_FP:
    case RSD_CFA_AT_SP:
        fresh->cfa_slot = (rsd_rule_cfa(&rule) == RSD_CFA_AT_FP ? frame->fp : frame->sp) + offset;
        if (unlikely(!rsd_bounds_hold(&u->bounds, fresh->cfa_slot)))
            return out_of_bounds(u);
        cfa = rsd_word_at(fresh->cfa_slot);
        break;
    default:
        return step_seldom(u, &rule, fresh, caller);
    }
    uintptr_t ra_slot = cfa + (uintptr_t)(intptr_t)RSD_RA_FROM_CFA;
    if (unlikely(cfa <= frame->sp || !rsd_bounds_hold(&u->bounds, ra_slot) || !read_fp(u, &rule, fresh, cfa, caller)))
        return step_failed(u, &rule, fresh, caller);
    fresh->frame.fp_use = fp_use(&rule);
    caller->pc = rsd_word_at(ra_slot);
    caller->sp = cfa;
    caller->source = rsd_rule_source(&rule);
    caller->flags = 0;
    return likely(caller->pc) ? STEPPED : RESIDUE_END_ROOT;
}

/* ---- a stack ---- */

/* The frames of the stack before that are of use end where this one's do. */
static bool fits(const struct rsd_unwinder *u, const struct rsd_again *before, uint32_t count) {
    return before->end == RESIDUE_END_DEPTH ? count == u->limit : count <= u->limit;
}

/* Unwind from fresh[0] outward until the root, or until the rest is as before: then *kept frames are. Returns why the
 * stack ends; *count is the number of fresh frames. */
static inline int walk(struct rsd_unwinder *u, const struct rsd_again *before, uint32_t *count, uint32_t *kept) {
    uint32_t outer = before->depth, n = 0;
    *kept = 0;
    for (;;) {
        struct rsd_fresh *fresh = &u->fresh[n];
        while (outer > 0 && before->frame[outer - 1].sp < fresh->frame.sp)
            outer--;
        if (outer > 0 && rsd_again_same(&before->frame[outer - 1], &fresh->frame)) {
            uint32_t holds_from = rsd_again_verify(before, outer - 1);
            if (likely(!holds_from && fits(u, before, n + outer))) {
                *kept = outer;
                *count = n;
                return before->end;
            }
            outer = holds_from; /* what lies further in leads elsewhere */
        }
        int end = n < u->limit ? step(u, fresh, &fresh[1].frame) : RESIDUE_END_DEPTH;
        if (unlikely(end == RESIDUE_END_BAD_PC && n > 0 && step_back(u, fresh) == STEPPED))
            continue;
        if (end != STEPPED) {
            *count = n < u->limit ? n + 1 : n;
            return end;
        }
        n++;
    }
}

static inline void count_frames(struct rsd_unwinder *u, rsd_tally_t tally, uint32_t kept) {
    u->counter[RESIDUE_COUNTER_FRAMES_KEPT] += kept;
    u->counter[RESIDUE_COUNTER_FRAMES_CFI] += rsd_tally(tally, RESIDUE_SOURCE_CFI);
    u->counter[RESIDUE_COUNTER_FRAMES_FP] += rsd_tally(tally, RESIDUE_SOURCE_FP);
    if (!(tally >> 10 * RESIDUE_SOURCE_CODE))
        return;
    u->counter[RESIDUE_COUNTER_FRAMES_CODE] += rsd_tally(tally, RESIDUE_SOURCE_CODE);
    u->counter[RESIDUE_COUNTER_FRAMES_SCAN] += rsd_tally(tally, RESIDUE_SOURCE_SCAN);
    u->counter[RESIDUE_COUNTER_FRAMES_LIBUNWIND] += rsd_tally(tally, RESIDUE_SOURCE_LIBUNWIND);
}

/* May the frames be taken for true when the next stack meets them? */
static bool lasting(const struct rsd_unwinder *u, int end) {
    return !u->bounds.foreign && (end == RESIDUE_END_ROOT || end == RESIDUE_END_DEPTH || end == RESIDUE_END_BOUNDS);
}

static COLD struct rsd_stack *leaf_only(struct rsd_unwinder *u, const struct rsd_registers *from, int end) {
    struct rsd_again *again = &u->again[RSD_STACK_BEFORE];
    u->before = RSD_STACK_BEFORE;
    u->twice = false;
    again->depth = 0;
    again->frame[0] = (struct rsd_frame){.pc = from->pc, .sp = from->sp, .fp = from->fp};
    again->node = 0;
    u->stack = (struct rsd_stack){RSD_STACK_BEFORE, RSD_STACK_BEFORE, RSD_STACK_BEFORE, 1, 0,
                                  (uint8_t)end,     again->frame,     &again->node};
    u->counter[RESIDUE_COUNTER_STACK_ROOT + end]++;
    return &u->stack;
}

static COLD void begin_generation(struct rsd_unwinder *u, uint32_t generation) {
    u->generation = generation;
    u->jit[0] = u->jit[1] = (struct rsd_jit){0};
    rsd_unwinder_drop(u);
}

/* Of the whole stack, by the frames in which those with the same leaf differ most often. */
static uint32_t hash_of(const struct rsd_again *again) {
    const struct rsd_frame *leaf = &again->frame[again->depth - 1];
    uint64_t key = rsd_again_ends(again)[again->depth - 1];
    for (uint32_t i = 0; i < 4 && i < again->depth; i++)
        key = key * 31 + leaf[-(int)i].pc;
    return rsd_unwind_hash(key);
}

/* The smallest room for a stack, or ROOMS. */
static unsigned room_for(uint32_t frames, uint32_t words) {
    unsigned i = 0;
    while (i < ROOMS && (frames > rooms[i].frames || words > rooms[i].words))
        i++;
    return i;
}

/* A larger room is a new one: the place had the smaller ones before. */
static void make_room(struct rsd_unwinder *u, uint32_t place, unsigned room) {
    if (rooms[room].frames <= u->again[place].room)
        return;
    char *memory = u->rest;
    u->rest += rsd_again_size(rooms[room].frames, rooms[room].words);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    rsd_again_init(&u->again[place], rooms[room].frames, memory);
}

/* Out of the list of its leaf, if it is in one. */
static void unlink_place(struct rsd_unwinder *u, uint32_t place) {
    uint16_t *link = &u->leaf[rsd_unwind_leaf(&u->again[place].leaf)];
    for (uint32_t i = 0; *link && i < RSD_STACK_BEFORE; i++, link = &u->older[*link - 1])
        if (*link == place + 1) {
            *link = u->older[place];
            return;
        }
}

static void link_place(struct rsd_unwinder *u, uint32_t place) {
    uint16_t *leaf = &u->leaf[rsd_unwind_leaf(&u->again[place].leaf)];
    u->older[place] = *leaf;
    *leaf = (uint16_t)(place + 1);
}

/* Whose place a stack with this leaf might get: one in turn, of all, or of those with that leaf if they are as many as are
 * looked at. */
static uint32_t next_place(struct rsd_unwinder *u, const struct rsd_registers *leaf) {
    uint32_t hand = u->hand++ % u->places, place = hand;
    uint32_t next = u->leaf[rsd_unwind_leaf(leaf)];
    for (uint32_t i = 0; i < RSD_MET_TRIES; i++, next = u->older[next - 1]) {
        if (!next)
            return hand;
        if (i == hand % RSD_MET_TRIES)
            place = next - 1;
    }
    return place;
}

/* A stack that gets no place, or loses it, would be met if there were more of them, should it come once more. */
static void miss(struct rsd_unwinder *u, uint32_t whole) {
    u->missed[whole % RSD_STACKS_MISSED] = whole;
}

/* This one came once more. Where more than one in `missed_of` stacks does there are to be twice as many places; where fewer do,
 * more memory in use would cost more than it saves. */
static void count_miss(struct rsd_unwinder *u, uint32_t whole) {
    uint32_t *missed = &u->missed[whole % RSD_STACKS_MISSED];
    uint64_t stacks = u->counter[RESIDUE_COUNTER_STACK_ROOT];
    if (*missed != whole || u->places == RSD_STACK_BEFORE)
        return;
    *missed = 0;
    if (++u->misses < MISSES)
        return;
    uint32_t one_of = u->places < RSD_STACKS_MANY ? u->missed_of : RSD_MISSED_OF;
    if (stacks - u->stacks < MISSES * one_of)
        u->places *= 2;
    u->misses = 0;
    u->stacks = stacks;
}

/* The stack before was met for the second time: give it a place of its own, with the nodes that it has got meanwhile. One
 * place is looked at each time, and one that was used since it was looked at before stays: where more stacks than there is
 * room for take turns, some are met again, and the others are not copied all the time. Returns the place, or
 * RSD_STACK_BEFORE. */
static uint32_t settle(struct rsd_unwinder *u) {
    const struct rsd_again *before = &u->again[RSD_STACK_BEFORE];
    unsigned room = room_for(before->depth, before->words);
    u->twice = false;
    if (before->depth == 0 || room == ROOMS)
        return RSD_STACK_BEFORE;
    uint32_t whole = hash_of(before);
    count_miss(u, whole);
    uint32_t place = next_place(u, &before->leaf);
    bool used = u->again[place].used;
    u->again[place].used = false;
    if (used) {
        miss(u, whole);
        return RSD_STACK_BEFORE;
    }
    if (u->again[place].depth)
        miss(u, hash_of(&u->again[place]));
    unlink_place(u, place);
    make_room(u, place, room);
    if (!rsd_again_settle(&u->again[place], before))
        return RSD_STACK_BEFORE;
    link_place(u, place);
    return place;
}

/* Is this the second time that the stack was met? Then the next one finds it in a place of its own. Every other time what was
 * met before stays: of two stacks that take turns and belong in the same place here, one comes to its second time, and then
 * the other. */
static void consider(struct rsd_unwinder *u, const struct rsd_again *again) {
    uint32_t whole = hash_of(again);
    uint32_t *met = &u->met[whole % RSD_STACKS_MET];
    u->twice = *met == whole;
    if (u->considered++ % 2)
        *met = whole;
}

/* The stack is not one that has a place, or not quite. */
static struct rsd_stack *unwind(struct rsd_unwinder *u) {
    struct rsd_again *again = &u->again[RSD_STACK_BEFORE];
    uint64_t misses = u->counter[RESIDUE_COUNTER_RULE_MISSES];
    uint32_t count, kept, from = u->before;
    uint32_t copied = u->twice ? settle(u) : RSD_STACK_BEFORE;
    int end = walk(u, &u->again[from], &count, &kept);
    if (from != RSD_STACK_BEFORE)
        rsd_again_assign(again, &u->again[from], kept);
    count_frames(u, rsd_again_append(again, kept, u->fresh, count), kept);
    again->end = (uint8_t)end;
    u->counter[RESIDUE_COUNTER_RULE_HITS] += count - (u->counter[RESIDUE_COUNTER_RULE_MISSES] - misses);
    u->counter[RESIDUE_COUNTER_STACK_ROOT + end]++;
    if (likely(lasting(u, end)))
        consider(u, again);
    else
        again->depth = 0;
    u->before = RSD_STACK_BEFORE;
    u->stack = (struct rsd_stack){RSD_STACK_BEFORE, from,         copied,      kept + count, kept,
                                  (uint8_t)end,     again->frame, &again->node};
    return &u->stack;
}

struct rsd_stack *rsd_unwind_same(struct rsd_unwinder *unwinder, const struct rsd_again *met, uint64_t *counter) {
    struct rsd_unwinder *u = unwinder;
    uint32_t place = (uint32_t)(met - u->again);
    rsd_unwind_count_met(met, counter);
    u->stack = (struct rsd_stack){place,      place,    RSD_STACK_BEFORE, met->depth,
                                  met->depth, met->end, met->frame,       &u->again[place].node};
    return &u->stack;
}

struct rsd_stack *rsd_unwind_new(struct rsd_unwinder *unwinder, const struct rsd_registers *from, uint64_t *counter) {
    struct rsd_unwinder *u = unwinder;
    uint32_t generation = __atomic_load_n(&rsd_unwind_generation, __ATOMIC_ACQUIRE);
    u->counter = counter;
    if (unlikely(generation == 0))
        return leaf_only(u, from, RESIDUE_END_EARLY);
    if (unlikely(generation != u->generation))
        begin_generation(u, generation);
    if (unlikely(!rsd_bounds_begin(&u->bounds, from->sp)))
        return leaf_only(u, from, RESIDUE_END_FOREIGN);
    if (unlikely(u->bounds.foreign))
        rsd_unwinder_drop(u);
    u->fresh[0].frame = (struct rsd_frame){.pc = from->pc, .sp = from->sp, .fp = from->fp};
    return unwind(u);
}

struct rsd_stack *rsd_unwind(struct rsd_unwinder *unwinder, const struct rsd_registers *from, uint64_t *counter) {
    const struct rsd_again *met = rsd_unwind_met(unwinder, from);
    return met ? rsd_unwind_same(unwinder, met, counter) : rsd_unwind_new(unwinder, from, counter);
}
