/*
 * preload/stacks.c: the table in which the stacks of a thread are known, on stacks of this very process. Modules are
 * none of its business here.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "init.h"
#include "js_fake.h"
#include "modules.h"
#include "thread.h"
#include "unwind/unwinder.h"

#define DEPTH 64u
#define STACKS 15000u
#define MOVED_AT_ONCE 8u /* entries, with each new node */

uint32_t rsd_module_at(struct rsd_thread *thread, uintptr_t pc) {
    (void)thread, (void)pc;
    return 0;
}

bool rsd_module_is_ours(uintptr_t pc) {
    (void)pc;
    return false;
}

static char directory[] = "/tmp/residue-trie.XXXXXX";
static struct rsd_thread *thread;

static void make_thread(void) {
    cr_assert(mkdtemp(directory));
    strcpy(rsd_trace.directory, directory);
    rsd_trace.depth = DEPTH;
    rsd_clock_init();
    rsd_log_init();
    thread = aligned_alloc(64, sizeof *thread);
    memset(thread, 0, sizeof *thread);
    thread->unwinder = aligned_alloc(64, (rsd_unwinder_size(DEPTH) + 63) & ~(size_t)63);
    memset(thread->unwinder, 0, rsd_unwinder_size(DEPTH));
    cr_assert(rsd_writer_open(&thread->writer, 1) && rsd_trie_init(&thread->trie));
    rsd_unwind_start();
    rsd_unwinder_init(thread->unwinder, DEPTH);
}

static void remove_files(void) {
    char path[sizeof directory + 20];
    for (unsigned live = 0; live < 2; live++) {
        snprintf(path, sizeof path, "%s/t1.%s", directory, live ? "live" : "log");
        unlink(path);
    }
    rmdir(directory);
}

/* The node of this process's stack as part of the work that was queued at `origin`: all frames are new with each. */
static __attribute__((noinline)) uint32_t node_here(uint32_t origin) {
    const uintptr_t *frame = __builtin_frame_address(0);
    const struct rsd_registers from = {frame[1], (uintptr_t)(frame + 2), frame[0]};
    thread->origin = (struct rsd_origin){.node = origin, .writer = 7, .kind = RESIDUE_ORIGIN_THREAD};
    return rsd_stack_node(thread, &from);
}

static uint32_t node_of_stack(uint32_t origin) {
    volatile uint32_t node = node_here(origin);
    return node;
}

Test(trie, a_table_that_has_become_too_small_is_moved_a_few_entries_at_a_time, .init = make_thread,
     .fini = remove_files) {
    static uint32_t node[STACKS];
    const struct rsd_trie *trie = &thread->trie;
    uint32_t tables = 0;
    for (uint32_t i = 0; i < 2 * STACKS; i++) {
        uint32_t mask = trie->now.mask, moved = trie->moved;
        uint64_t before = thread->writer.last_node;
        uint32_t now = node_of_stack(1 + i % STACKS);
        uint64_t nodes = thread->writer.last_node - before;
        if (i >= STACKS) {
            cr_assert_eq(now, node[i - STACKS], "stack %u was forgotten", i - STACKS);
            continue;
        }
        node[i] = now;
        if (trie->now.mask != mask) {
            moved = 0;
            tables++;
        }
        cr_assert(now && nodes > 2);
        cr_assert_leq(trie->moved - moved, MOVED_AT_ONCE * nodes, "%u entries at a time", trie->moved - moved);
    }
    cr_assert_geq(tables, 4u);
}

/* A frame is named by this word of the stack, and by one of V8's heap. */
static void prove_by(struct rsd_named_frames *of, const uintptr_t *word, const uintptr_t *heap, uint16_t frame) {
    static struct rsd_js_proof named;
    static struct rsd_word in_heap;
    if (of->room == 0) {
        of->named = &named;
        of->in_heap = &in_heap;
        of->room = 1;
    }
    of->named[0] = (struct rsd_js_proof){.frame = frame,
                                         .settled = true,
                                         .words = 1,
                                         .fp = (uintptr_t)word,
                                         .value = {*word},
                                         .region = rsd_js_region((uintptr_t)heap),
                                         .shared_at = (uintptr_t)heap,
                                         .shared = *heap};
    of->count = 1;
    of->taken = 0;
}

/* A function made from this source. */
static uintptr_t closure_of(uintptr_t shared) {
    uintptr_t closure = fake_object(rsd_js_layout.type_first_function, 64);
    fake_set(closure, rsd_js_layout.function_shared, shared);
    return closure;
}

static void prove_by_function(struct rsd_named_frames *of, const uintptr_t *word, uint16_t frame) {
    const uintptr_t *leads = (const uintptr_t *)(*word - 1 + (uintptr_t)rsd_js_layout.function_shared);
    prove_by(of, word, leads, frame);
    of->named[0].value[1] = *leads;
}

/* GIVEN a stack that is met again and again, a frame of which is each time of another function made from one source THEN the
 * words of the rest are put down once, and its name holds; until it is a function of another source. */
Test(trie, a_function_that_is_made_anew_each_time_has_its_name, .init = make_thread, .fini = remove_files) {
    void *memory = aligned_alloc(64, (rsd_names_size(DEPTH) + 63) & ~(size_t)63);
    memset(memory, 0, rsd_names_size(DEPTH));
    fake_heap();
    rsd_names_init(thread, memory);
    uintptr_t shared = fake_shared(fake_undefined(), 0, 0, 9), word = closure_of(shared);
    struct rsd_named_frames *of = NULL;
    for (unsigned i = 0; i < 14; i++) { /* one place of the program: one stack */
        node_of_stack(1);
        uint32_t place = thread->unwinder->before;
        if (i == 5) {
            of = &thread->names.of[place];
            prove_by_function(of, &word, (uint16_t)(thread->unwinder->again[place].depth - 1));
        } else if (i > 5 && i < 13) {
            cr_assert_eq(of->named[0].fp, (uintptr_t)&word);
            cr_assert_eq(of->named[0].value[0], word);
            cr_assert_eq(of->changings, i > 6);
            cr_assert_eq(of->dozens, i == 6);
        }
        if (i >= 6)
            word = closure_of(i < 12 ? shared : fake_shared(fake_undefined(), 0, 20, 29));
    }
    cr_assert_neq(of->named[0].fp, (uintptr_t)&word);
}

/* GIVEN a stack that is met again and again, a frame of which is named by some word THEN it is not asked for its name as long as
 * the word is what it was, and is when it has changed: whatever became of V8's heap meanwhile. */
Test(trie, a_stack_that_is_met_again_is_named_anew_when_a_word_has_changed, .init = make_thread, .fini = remove_files) {
    void *memory = aligned_alloc(64, (rsd_names_size(DEPTH) + 63) & ~(size_t)63);
    uintptr_t word = 4711, *heap = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(memory, 0, rsd_names_size(DEPTH));
    rsd_names_init(thread, memory);
    rsd_js_pages_kept = true;
    rsd_js_memory_comes(heap, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    struct rsd_named_frames *of = NULL;
    uint32_t node = 0;
    for (unsigned i = 0; i < 12; i++) { /* one place of the program: one stack */
        uint32_t now = node_of_stack(1);
        cr_assert(node == 0 || now == node);
        node = now;
        if (i == 5) {
            uint32_t place = thread->unwinder->before;
            cr_assert_neq(place, RSD_STACK_BEFORE);
            of = &thread->names.of[place];
            prove_by(of, &word, heap, (uint16_t)(thread->unwinder->again[place].depth - 1));
        } else if (i > 5 && i < 11) {
            cr_assert_eq(of->named[0].fp, (uintptr_t)&word);
            cr_assert_eq(of->dozens, 1);
            cr_assert_eq(of->heap_words, 1);
            cr_assert_eq(of->taken, rsd_js_pages_taken, "what may be read was not asked for again");
        }
        if (i == 8)
            rsd_js_memory_goes(memory, 4096);
        if (i == 10) { /* a collection moved a function, and its page is given back before anybody says so */
            word++;
            munmap(heap, 4096);
        }
    }
    cr_assert_neq(of->named[0].fp, (uintptr_t)&word);
}
