/*
 * The unwinder on real programs: a preload of its own that takes the stack of every allocation and says at the end how
 * that went. What it does with the stacks is chosen by RSD_HARNESS:
 *
 *     stats      count and time (the default)
 *     compare    unwind each stack twice, against the stack before and from leaf to root, and compare all frames
 *     arming     overwrite each return address that machine code gave with that of a trampoline which checks, when the
 *                program returns there, that it is where it was said to be: the ground truth
 *     xcheck     for each frame that unwind tables gave, derive the rule from machine code as well and compare
 *     libunwind  compare with unw_backtrace, frame by frame, where that reaches the same root
 *     backtrace  time unw_backtrace alone
 *     off        nothing: the cost of the hooks
 *
 * The result is one line of "name value" pairs per topic, to RSD_HARNESS_OUT (a file, appended to) or stderr.
 * RSD_HARNESS_DEPTH is the depth limit, RSD_HARNESS_TRACE=n prints the first n stacks that do not reach a root.
 */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "../../preload/unwind/cache.h"
#include "../../preload/unwind/cfi.h"
#include "../../preload/unwind/check.h"
#include "../../preload/unwind/code.h"
#include "../../preload/unwind/fp.h"
#include "../../preload/unwind/maps.h"
#include "../../preload/unwind/object.h"
#include "../../preload/unwind/unwinder.h"

#define THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#define ARMED 60
#define PCS_PER_SLOT 16
#define PROVEN 65536u
#define SEEN 65536u
#define LIBUNWIND_FRAMES 1100

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

enum mode { OFF, STATS, COMPARE, ARMING, XCHECK, LIBUNWIND, BACKTRACE };

struct armed {
    uintptr_t slot;
    uintptr_t original;
    uintptr_t pc[PCS_PER_SLOT]; /* frames whose rule said that their return address is in the slot */
    unsigned pcs;
};

struct thread {
    struct thread *next;
    struct rsd_unwinder *unwinder;
    struct rsd_unwinder *whole; /* the same stacks, always unwound from leaf to root */
    uint64_t counter[RESIDUE_COUNTER_SLOTS];
    uint64_t idle[RESIDUE_COUNTER_SLOTS];
    uint64_t stacks, frames, deepest, guessed_stacks, merged;
    uint64_t cached, cached_ticks, first, first_ticks;
    uint64_t equal, different, skipped, untabled;
    uint64_t checked, agree, silent, disagree;
    uint64_t armed_total, returned, jumped_over;
    struct armed armed[ARMED];
    unsigned armed_count;
    void *theirs[LIBUNWIND_FRAMES]; /* what libunwind finds */
};

static enum mode mode;
static uint32_t depth = RSD_DEPTH_DEFAULT;
static int trace_left;
static struct thread *threads;
static THREAD_LOCAL struct thread *self;
static THREAD_LOCAL int busy;
static int out = 2;
static uint64_t start_ticks;
static struct timespec start_time;
static int (*backtrace_by_libunwind)(void **, int);

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (write(out, line, (size_t)(length < (int)sizeof line ? length : (int)sizeof line - 1)) < 0)
        return;
}

static void *map(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static struct thread *begin_thread(void) {
    struct thread *t = map(sizeof *t);
    if (!t)
        abort();
    t->unwinder = map(rsd_unwinder_size(depth));
    t->whole = map(rsd_unwinder_size(depth));
    rsd_unwinder_init(t->unwinder, depth);
    rsd_unwinder_init(t->whole, depth);
    self = t;
    t->next = __atomic_load_n(&threads, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&threads, &t->next, t, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
    return t;
}

/* "libvips-cpp.so+0x1234", or the address when no object is there. */
static const char *place_name(uintptr_t pc, char *text, size_t size) {
    Dl_info info;
    if (dladdr((void *)pc, &info) && info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        snprintf(text, size, "%s+0x%lx", slash ? slash + 1 : info.dli_fname, pc - (uintptr_t)info.dli_fbase);
    } else {
        snprintf(text, size, "0x%lx", pc);
    }
    return text;
}

static void print_stack(const char *title, const struct rsd_stack *stack) {
    char name[256];
    say("%s: end %d, %u frames, %u kept\n", title, stack->end, stack->depth, stack->kept);
    for (uint32_t i = stack->depth; i-- > 0;)
        say("    %d%s %s sp %lx fp %lx\n", stack->frame[i].source, stack->frame[i].flags ? "!" : " ",
            place_name(stack->frame[i].pc, name, sizeof name), stack->frame[i].sp, stack->frame[i].fp);
}

static int take_trace(void) {
    return trace_left > 0 && __atomic_fetch_sub(&trace_left, 1, __ATOMIC_RELAXED) > 0;
}

/* ---- compare ---- */

static int same_frames(const struct rsd_stack *a, const struct rsd_stack *b) {
    if (a->depth != b->depth || a->end != b->end)
        return 0;
    for (uint32_t i = 0; i < a->depth; i++)
        if (!rsd_again_same(&a->frame[i], &b->frame[i]))
            return 0;
    return 1;
}

static void compare(struct thread *t, const struct rsd_registers *from, const struct rsd_stack *stack) {
    rsd_unwinder_drop(t->whole);
    const struct rsd_stack *whole = rsd_unwind(t->whole, from, t->idle);
    if (same_frames(stack, whole)) {
        t->equal++;
        return;
    }
    t->different++;
    if (take_trace()) {
        print_stack("re-unwound", stack);
        print_stack("whole", whole);
    }
}

/* ---- xcheck ---- */

static uintptr_t seen[SEEN];

static int seen_before(uintptr_t pc) {
    uintptr_t *entry = &seen[pc * UINT64_C(0x9e3779b97f4a7c15) >> 48];
    for (unsigned i = 0; i < 64; i++, entry = &seen[(size_t)(entry - seen + 1) % SEEN]) {
        uintptr_t empty = 0;
        if (*entry == pc ||
            (!__atomic_compare_exchange_n(entry, &empty, pc, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) && empty == pc))
            return 1;
        if (!empty)
            return 0;
    }
    return 1;
}

static uintptr_t fp_slot_of(const struct rsd_rule *rule, const struct rsd_place *place, uintptr_t cfa) {
    uintptr_t offset = (uintptr_t)(intptr_t)rule->fp_offset;
    switch (rsd_rule_saved(rule)) {
    case RSD_SAVED_AT_CFA:
        return cfa + offset;
    case RSD_SAVED_AT_FP:
        return place->fp + offset;
    case RSD_SAVED_AT_SP:
        return place->sp + offset;
    default:
        return rsd_rule_saved(rule);
    }
}

static void cross_check_frame(struct thread *t, const struct rsd_frame *frame) {
    struct rsd_rule by_table, by_code;
    struct rsd_object object;
    struct rsd_place place = {frame->pc + frame->flags, frame->sp, frame->fp, frame->flags};
    uintptr_t cfa, cfa2;
    if (seen_before(place.address) || !rsd_cache_find(place.address, &by_table) ||
        rsd_rule_source(&by_table) != RESIDUE_SOURCE_CFI || rsd_rule_cfa(&by_table) > RSD_CFA_AT_SP ||
        !rsd_object_find(place.address - 1, &object) || !rsd_check_cfa(&t->unwinder->bounds, &by_table, &place, &cfa))
        return;
    t->checked++;
    if (!rsd_code_rule(&object, &t->unwinder->bounds, &place, &by_code)) {
        t->silent++;
        return;
    }
    if (rsd_check_cfa(&t->unwinder->bounds, &by_code, &place, &cfa2) && cfa == cfa2 &&
        fp_slot_of(&by_table, &place, cfa) == fp_slot_of(&by_code, &place, cfa2)) {
        t->agree++;
        return;
    }
    t->disagree++;
    char name[256];
    if (take_trace())
        say("xcheck: %s: cfi kind %d %+d saved %d %+d, code kind %d %+d saved %d %+d\n",
            place_name(frame->pc, name, sizeof name), rsd_rule_cfa(&by_table), by_table.cfa_offset,
            rsd_rule_saved(&by_table), by_table.fp_offset, rsd_rule_cfa(&by_code), by_code.cfa_offset,
            rsd_rule_saved(&by_code), by_code.fp_offset);
}

static void cross_check(struct thread *t, const struct rsd_stack *stack) {
    for (uint32_t i = stack->kept; i < stack->depth; i++)
        cross_check_frame(t, &stack->frame[i]);
}

/* ---- arming ---- */

void harness_trampoline(void);
__asm__(".text\n"
        ".globl harness_trampoline\n"
        ".hidden harness_trampoline\n"
        ".type harness_trampoline,@function\n"
        "harness_trampoline:\n"
        "    pushq $0\n" /* becomes the true return address */
        "    pushq %rax\n"
        "    pushq %rdx\n"
        "    subq $40, %rsp\n"
        "    movups %xmm0, (%rsp)\n"
        "    movups %xmm1, 16(%rsp)\n"
        "    leaq 64(%rsp), %rdi\n"
        "    call harness_returned\n"
        "    movq %rax, 56(%rsp)\n"
        "    movups (%rsp), %xmm0\n"
        "    movups 16(%rsp), %xmm1\n"
        "    addq $40, %rsp\n"
        "    popq %rdx\n"
        "    popq %rax\n"
        "    ret\n"
        ".size harness_trampoline, .-harness_trampoline\n");

static uintptr_t proven[PROVEN];

static void prove(uintptr_t pc) {
    size_t i = pc * UINT64_C(0x9e3779b97f4a7c15) >> 48;
    while (proven[i] && proven[i] != pc)
        i = (i + 1) % PROVEN;
    proven[i] = pc;
}

static int is_proven(uintptr_t pc) {
    size_t i = pc * UINT64_C(0x9e3779b97f4a7c15) >> 48;
    while (proven[i] && proven[i] != pc)
        i = (i + 1) % PROVEN;
    return proven[i] == pc;
}

/* The program has returned to an armed slot just below `sp`. Slots below that were left by longjmp. */
__attribute__((used, visibility("hidden"))) uintptr_t harness_returned(uintptr_t sp) {
    struct thread *t = self;
    while (t->armed_count && t->armed[t->armed_count - 1].slot < sp - 8) {
        t->jumped_over++;
        t->armed_count--;
    }
    if (!t->armed_count || t->armed[t->armed_count - 1].slot != sp - 8) {
        say("arming: the program returned to a slot that was not a return address: WRONG RULE\n");
        abort();
    }
    const struct armed *armed = &t->armed[--t->armed_count];
    t->returned++;
    for (unsigned i = 0; i < armed->pcs; i++)
        prove(armed->pc[i]);
    return armed->original;
}

static void disarm(struct thread *t, uintptr_t sp) {
    while (t->armed_count && t->armed[t->armed_count - 1].slot < sp) {
        t->jumped_over++;
        t->armed_count--;
    }
    for (unsigned i = 0; i < t->armed_count; i++)
        *(uintptr_t *)t->armed[i].slot = t->armed[i].original;
}

static void note_pc(struct armed *armed, uintptr_t pc) {
    for (unsigned i = 0; i < armed->pcs; i++)
        if (armed->pc[i] == pc)
            return;
    if (armed->pcs < PCS_PER_SLOT)
        armed->pc[armed->pcs++] = pc;
}

static void arm_slot(struct thread *t, uintptr_t slot, uintptr_t pc) {
    unsigned at = t->armed_count;
    while (at > 0 && t->armed[at - 1].slot < slot)
        at--;
    if (at > 0 && t->armed[at - 1].slot == slot) {
        note_pc(&t->armed[at - 1], pc);
        return;
    }
    if (t->armed_count == ARMED)
        return;
    memmove(&t->armed[at + 1], &t->armed[at], (t->armed_count - at) * sizeof t->armed[0]);
    t->armed[at] = (struct armed){.slot = slot, .original = *(uintptr_t *)slot, .pc = {pc}, .pcs = 1};
    t->armed_count++;
    t->armed_total++;
}

/* Armed slots are kept from the outermost inwards. V8 looks at return addresses, so its frames are left alone. */
static void arm(struct thread *t, const struct rsd_stack *stack) {
    for (uint32_t i = 0; i + 1 < stack->depth; i++)
        if (stack->frame[i].source == RESIDUE_SOURCE_CODE && !rsd_fp_is_builtin(stack->frame[i + 1].pc))
            arm_slot(t, stack->frame[i].sp - 8, stack->frame[i + 1].pc);
    for (unsigned i = 0; i < t->armed_count; i++)
        *(uintptr_t *)t->armed[i].slot = (uintptr_t)harness_trampoline;
}

/* ---- libunwind ---- */

static void compare_with_libunwind(struct thread *t, const struct rsd_stack *stack) {
    void **theirs = t->theirs;
    int count = backtrace_by_libunwind(theirs, LIBUNWIND_FRAMES), first = 0;
    while (first < count && (uintptr_t)theirs[first] != stack->frame[stack->depth - 1].pc)
        first++;
    while (count > first && !theirs[count - 1])
        count--;
    struct rsd_code code;
    for (int i = first; i < count; i++)
        if (!rsd_maps_find((uintptr_t)theirs[i] - 1, &code))
            count = 0; /* it has stepped through something that is no code (on-stack replacement) */
    if (first >= count || stack->end != RESIDUE_END_ROOT || (uintptr_t)theirs[count - 1] != stack->frame[0].pc) {
        t->skipped++;
        return;
    }
    int same = (uint32_t)(count - first) == stack->depth;
    for (int i = first; same && i < count; i++)
        same = (uintptr_t)theirs[i] == stack->frame[stack->depth - 1 - (uint32_t)(i - first)].pc;
    /* Where there are no tables libunwind follows rbp and may skip frames; arming is the judge there. */
    int tables = 1;
    for (uint32_t i = 0; i < stack->depth; i++)
        tables &= stack->frame[i].source != RESIDUE_SOURCE_CODE && stack->frame[i].source != RESIDUE_SOURCE_SCAN;
    t->equal += (uint64_t)same;
    t->different += (uint64_t)(!same && tables);
    t->untabled += (uint64_t)(!same && !tables);
    if (!same && tables && take_trace()) {
        char name[256];
        print_stack("ours", stack);
        say("libunwind: %d frames\n", count - first);
        for (int i = first; i < count; i++)
            say("      %s\n", place_name((uintptr_t)theirs[i], name, sizeof name));
    }
}

/* ---- the hook ---- */

/* What reading the clock twice adds to everything that is timed: the median of many empty intervals. */
static double clock_ticks(void) {
    enum { TIMES = 1001, MOST = 4096 };
    static unsigned seen[MOST];
    for (int i = 0; i < TIMES; i++) {
        uint64_t before = rsd_cpu_ticks_unfenced(), ticks = rsd_cpu_ticks_unfenced() - before;
        seen[ticks < MOST ? ticks : MOST - 1]++;
    }
    unsigned below = 0, ticks = 0;
    while ((below += seen[ticks]) <= TIMES / 2)
        ticks++;
    return ticks;
}

static void account_time(struct thread *t, uint64_t ticks, int missed) {
    if (missed) {
        t->first++;
        t->first_ticks += ticks;
    } else {
        t->cached++;
        t->cached_ticks += ticks;
    }
}

static void account(struct thread *t, const struct rsd_stack *stack) {
    t->stacks++;
    t->frames += stack->depth;
    t->merged += stack->kept > 0;
    if (stack->depth > t->deepest)
        t->deepest = stack->depth;
    if (stack->end != RESIDUE_END_ROOT && take_trace())
        print_stack("no root", stack);
    if (mode != STATS)
        return;
    for (uint32_t i = stack->kept; i < stack->depth; i++)
        if (stack->frame[i].source == RESIDUE_SOURCE_SCAN) {
            t->guessed_stacks++;
            return;
        }
}

static void time_libunwind(struct thread *t) {
    void **theirs = t->theirs;
    uint64_t before = rsd_cpu_ticks_unfenced();
    int count = backtrace_by_libunwind(theirs, (int)depth);
    t->cached_ticks += rsd_cpu_ticks_unfenced() - before;
    t->cached++;
    t->stacks++;
    t->frames += (uint64_t)count;
    struct rsd_rule rule;
    struct rsd_object object;
    while (count > 0 && !theirs[count - 1])
        count--;
    uintptr_t last = count ? (uintptr_t)theirs[count - 1] : 0;
    if (last && rsd_object_find(last - 1, &object) && rsd_cfi_rule(&object, last, &rule) == RSD_CFI_RULE &&
        rsd_rule_cfa(&rule) == RSD_CFA_ROOT)
        t->counter[RESIDUE_COUNTER_STACK_ROOT]++;
}

static void take_stack(const struct rsd_registers *from) {
    struct thread *t = self ? self : begin_thread();
    if (mode == BACKTRACE) {
        time_libunwind(t);
        return;
    }
    if (mode == ARMING)
        disarm(t, from->sp);
    int timed = t->stacks % 8 == 0;
    uint64_t misses = t->counter[RESIDUE_COUNTER_RULE_MISSES], before = timed ? rsd_cpu_ticks_unfenced() : 0;
    struct rsd_stack *stack = rsd_unwind(t->unwinder, from, t->counter);
    uint64_t after = timed ? rsd_cpu_ticks_unfenced() : 0;
    account(t, stack);
    if (timed)
        account_time(t, after - before, misses != t->counter[RESIDUE_COUNTER_RULE_MISSES]);
    if (mode == COMPARE)
        compare(t, from, stack);
    else if (mode == XCHECK)
        cross_check(t, stack);
    else if (mode == LIBUNWIND)
        compare_with_libunwind(t, stack);
    if (mode == ARMING)
        arm(t, stack);
}

/* Compiled with frame pointers: frame[0] is the caller's rbp, frame[1] the return address. */
static __attribute__((noinline)) void hook(const uintptr_t *frame) {
    if (mode == OFF || busy)
        return;
    busy = 1;
    const struct rsd_registers from = {frame[1], (uintptr_t)(frame + 2), frame[0]};
    take_stack(&from);
    busy = 0;
}

/* malloc may be called by a signal handler that interrupted malloc, which libc's own does not survive: then the block
 * comes from here, and is never given back. */
#define SPARE_SIZE (1u << 20)
static char spare_memory[SPARE_SIZE] __attribute__((aligned(64)));
static size_t spare_used;
static THREAD_LOCAL int in_libc;

static void *spare_block(size_t size) {
    size_t at = __atomic_fetch_add(&spare_used, (size + 63) & ~(size_t)63, __ATOMIC_RELAXED) % (SPARE_SIZE / 2);
    return size < SPARE_SIZE / 2 ? &spare_memory[at] : NULL;
}

static int is_spare(const void *block) {
    return (const char *)block >= spare_memory && (const char *)block < spare_memory + SPARE_SIZE;
}

#define HOOKED(call, size)                                                                                             \
    do {                                                                                                               \
        if (in_libc)                                                                                                   \
            return spare_block(size);                                                                                  \
        in_libc = 1;                                                                                                   \
        void *block = call;                                                                                            \
        in_libc = 0;                                                                                                   \
        hook(__builtin_frame_address(0));                                                                              \
        __asm__ volatile("" ::: "memory");                                                                             \
        return block;                                                                                                  \
    } while (0)
#define HOOK __attribute__((noinline, visibility("default")))

HOOK void *malloc(size_t size) {
    HOOKED(__libc_malloc(size), size);
}
HOOK void *calloc(size_t count, size_t size) {
    HOOKED(__libc_calloc(count, size), count * size);
}
HOOK void *realloc(void *old, size_t size) {
    HOOKED(__libc_realloc(old, size), size);
}

HOOK void free(void *block) {
    if (is_spare(block) || in_libc)
        return;
    in_libc = 1;
    __libc_free(block);
    in_libc = 0;
}

/* ---- start and end ---- */

static enum mode mode_by_name(const char *name) {
    static const char *const names[] = {"off", "stats", "compare", "arming", "xcheck", "libunwind", "backtrace"};
    for (unsigned i = 0; name && i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return (enum mode)i;
    return STATS;
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("RSD_HARNESS_OUT"), *limit = getenv("RSD_HARNESS_DEPTH"),
               *trace = getenv("RSD_HARNESS_TRACE");
    enum mode wanted = mode_by_name(getenv("RSD_HARNESS"));
    if (path)
        out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (limit)
        depth = (uint32_t)atoi(limit);
    if (trace)
        trace_left = atoi(trace);
    if (wanted == LIBUNWIND || wanted == BACKTRACE) {
        void *library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
        backtrace_by_libunwind = library ? (int (*)(void **, int))dlsym(library, "unw_backtrace") : NULL;
        if (!backtrace_by_libunwind)
            abort();
    }
    rsd_unwind_start();
    clock_gettime(CLOCK_MONOTONIC, &start_time);
    start_ticks = rsd_cpu_ticks_unfenced();
    mode = wanted;
}

static void add_up(struct thread *sum, const struct thread *t) {
    for (unsigned i = 0; i < RESIDUE_COUNTER_SLOTS; i++)
        sum->counter[i] += t->counter[i];
    sum->stacks += t->stacks, sum->frames += t->frames, sum->guessed_stacks += t->guessed_stacks;
    sum->merged += t->merged;
    sum->deepest = t->deepest > sum->deepest ? t->deepest : sum->deepest;
    sum->cached += t->cached, sum->cached_ticks += t->cached_ticks;
    sum->first += t->first, sum->first_ticks += t->first_ticks;
    sum->equal += t->equal, sum->different += t->different, sum->skipped += t->skipped;
    sum->untabled += t->untabled;
    sum->checked += t->checked, sum->agree += t->agree, sum->silent += t->silent, sum->disagree += t->disagree;
    sum->armed_total += t->armed_total, sum->returned += t->returned, sum->jumped_over += t->jumped_over;
    sum->armed_count += t->armed_count;
}

static double percent(uint64_t part, uint64_t whole) {
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void report_arming(const struct thread *sum) {
    unsigned rules = 0, exercised = 0;
    for (unsigned i = 0; i < RSD_CACHE_SETS; i++)
        for (unsigned j = 0; j < RSD_CACHE_WAYS; j++)
            if (rsd_rule_source(&rsd_cache[i].way[j]) == RESIDUE_SOURCE_CODE) {
                rules++;
                exercised += (unsigned)is_proven(rsd_cache[i].way[j].key & RSD_RULE_ADDRESS_MASK);
            }
    say("arming armed %lu returned %lu jumped_over %lu still_armed %u code_rules %u exercised %u (%.1f%%)\n",
        sum->armed_total, sum->returned, sum->jumped_over, sum->armed_count, rules, exercised,
        percent(exercised, rules));
}

__attribute__((destructor)) static void end(void) {
    if (mode == OFF)
        return;
    static struct thread sum;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ns = (double)(now.tv_sec - start_time.tv_sec) * 1e9 + (double)(now.tv_nsec - start_time.tv_nsec);
    double per_ns = (double)(rsd_cpu_ticks_unfenced() - start_ticks) / ns;
    unsigned count = 0;
    for (struct thread *t = threads; t; t = t->next, count++)
        add_up(&sum, t);
    const uint64_t *c = sum.counter;
    say("stacks %lu root %.4f%% depth %lu no_rule %lu bounds %lu bad_pc %lu foreign %lu guessed %.4f%% merged %.2f%% "
        "threads %u\n",
        sum.stacks, percent(c[RESIDUE_COUNTER_STACK_ROOT], sum.stacks), c[RESIDUE_COUNTER_STACK_DEPTH],
        c[RESIDUE_COUNTER_STACK_NO_RULE], c[RESIDUE_COUNTER_STACK_BOUNDS], c[RESIDUE_COUNTER_STACK_BAD_PC],
        c[RESIDUE_COUNTER_STACK_FOREIGN], percent(sum.guessed_stacks, sum.stacks), percent(sum.merged, sum.stacks),
        count);
    say("frames %lu mean %.1f deepest %lu kept %lu cfi %lu fp %lu code %lu scan %lu libunwind %lu\n", sum.frames,
        (double)sum.frames / (double)(sum.stacks ? sum.stacks : 1), sum.deepest, c[RESIDUE_COUNTER_FRAMES_KEPT],
        c[RESIDUE_COUNTER_FRAMES_CFI], c[RESIDUE_COUNTER_FRAMES_FP], c[RESIDUE_COUNTER_FRAMES_CODE],
        c[RESIDUE_COUNTER_FRAMES_SCAN], c[RESIDUE_COUNTER_FRAMES_LIBUNWIND]);
    say("rules hits %lu misses %lu full %lu derive_ms %.2f\n", c[RESIDUE_COUNTER_RULE_HITS],
        c[RESIDUE_COUNTER_RULE_MISSES], c[RESIDUE_COUNTER_RULE_FULL],
        (double)c[RESIDUE_COUNTER_RULE_TICKS] / per_ns / 1e6);
    double clock_ns = clock_ticks() / per_ns;
    say("time cached_ns %.1f of %lu clock_ns %.1f first_ns %.1f of %lu\n",
        (double)sum.cached_ticks / per_ns / (double)(sum.cached ? sum.cached : 1) - clock_ns, sum.cached, clock_ns,
        (double)sum.first_ticks / per_ns / (double)(sum.first ? sum.first : 1), sum.first);
    if (mode == COMPARE || mode == LIBUNWIND)
        say("compare equal %lu different %lu skipped %lu untabled %lu\n", sum.equal, sum.different, sum.skipped,
            sum.untabled);
    if (mode == XCHECK)
        say("xcheck pcs %lu agree %lu (%.3f%%) silent %lu disagree %lu\n", sum.checked, sum.agree,
            percent(sum.agree, sum.checked), sum.silent, sum.disagree);
    if (mode == ARMING)
        report_arming(&sum);
    else
        mode = OFF;
}
