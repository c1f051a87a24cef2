/*
 * What is told of traces that are made: garbage between collections, what moves from one call site to another, and leaks
 * beside both; and that nothing is told where too little was recorded.
 *
 * A program of a minute. Its call sites are lines of JavaScript above native code, which is one of two: MAKER or OTHER.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "reading.h"
#include "report/report.h"

#define SECOND 1000u /* ticks */
#define LENGTH (60 * SECOND)
#define HEAP UINT64_C(0x555600000000)
#define LINES 6

enum maker { MAKER, OTHER };

#define MOST 40000

struct event {
    uint64_t time, address;
    uint32_t size, node; /* size 0: it is freed */
};

struct program {
    char *folder;
    struct made_writer *process, *thread;
    uint32_t node[LINES][2]; /* by line and maker */
    uint64_t address;        /* of the last block */
    struct event *events;
    size_t count;
    uint64_t mapped;   /* bytes a second, resident */
    uint64_t heap;     /* the same, of malloc's */
    bool off;          /* as with RESIDUE_START=off */
    size_t near_limit; /* marks that the recorder made */
    size_t marks, counted;
};

static struct program program_open(void) {
    struct program p = {.folder = made_folder("judge"), .address = HEAP, .events = malloc(MOST * sizeof *p.events)};
    struct residue_runtime runtime = {
        .head = {.tag = RESIDUE_TAG_RUNTIME, .time = 3}, .name_size = 4, .version_size = 8};
    made_meta(p.folder);
    p.process = made_open(p.folder, 0);
    p.thread = made_open(p.folder, 1);
    made_module(p.process, 2, 1, 0x555500000000, "/srv/app/bin/node");
    made_tagged(p.process, &runtime, sizeof runtime, "node", "v20.20.2");
    made_thread(p.thread, 2, 4711, 1, "node");
    struct residue_js_function js = {.head = {.tag = RESIDUE_TAG_JS_FUNCTION, .time = 2},
                                     .id = 1,
                                     .line = 10,
                                     .column = 1,
                                     .name_size = 6,
                                     .file_size = 11};
    made_tagged(p.thread, &js, sizeof js, "handle", "/srv/app.js");
    uint32_t end = made_node(p.thread, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    for (uint64_t line = 0; line < LINES; line++) {
        uint32_t script = made_node(p.thread, RESIDUE_NODE_JS, (line + 1) << 32 | 5, end, 1, RESIDUE_SOURCE_FP);
        for (uint64_t maker = 0; maker < 2; maker++) {
            uint32_t wrap = made_node(p.thread, RESIDUE_NODE_NATIVE, 0x555500001000 + maker * 0x1000, script, 1,
                                      RESIDUE_SOURCE_CFI);
            p.node[line][maker] = made_node(p.thread, RESIDUE_NODE_NATIVE, 0x555500008000, wrap, 1, RESIDUE_SOURCE_CFI);
        }
    }
    return p;
}

static void add(struct program *p, struct event event) {
    cr_assert_lt(p->count, MOST);
    p->events[p->count++] = event;
}

static uint64_t make(struct program *p, uint64_t time, int line, enum maker maker, uint32_t size) {
    uint64_t address = p->address += 0x100000;
    add(p, (struct event){time, address, size, p->node[line][maker]});
    return address;
}

static void drop(struct program *p, uint64_t time, uint64_t address) {
    add(p, (struct event){time, address, 0, 0});
}

static int by_time(const void *first, const void *second) {
    const struct event *a = first, *b = second;
    return a->time < b->time ? -1 : a->time > b->time;
}

static void seal_if_full(struct made_writer *w, enum residue_kind kind) {
    if (w->segment[kind].records == 1000)
        made_seal(w, kind, RESIDUE_PLANES);
}

static void write_events(struct program *p) {
    qsort(p->events, p->count, sizeof *p->events, by_time);
    for (size_t i = 0; i < p->count; i++) {
        const struct event *event = &p->events[i];
        if (event->size)
            made_alloc(p->thread, event->time, event->address, event->size, event->node);
        else
            made_free(p->thread, event->time, event->address);
        seal_if_full(p->thread, RESIDUE_ALLOC);
        seal_if_full(p->thread, RESIDUE_FREE);
    }
    free(p->events);
}

#define MAPS UINT64_C(0x7e0000000000)

static void put_mapping(struct program *p, uint64_t time, uint64_t start, uint64_t bytes, const char *name) {
    struct residue_mapping r = {.head = {.tag = RESIDUE_TAG_MAPPING, .time = time},
                                .start = start,
                                .end = start + bytes,
                                .rss_bytes = bytes,
                                .prot = PROT_READ | PROT_WRITE,
                                .name_size = (uint32_t)strlen(name)};
    if (bytes)
        made_tagged(p->process, &r, sizeof r, name, NULL);
}

static void sample_memory(struct program *p) {
    for (uint64_t second = 0; second < 60; second++) {
        uint64_t time = second * SECOND + 10, mapped = (second + 1) * p->mapped, heap = (second + 1) * p->heap;
        made_memory(p->process, time, (64 << 20) + mapped + heap);
        put_mapping(p, time + 1, HEAP, heap, "[heap]");
        put_mapping(p, time + 1, MAPS, mapped, "");
    }
}

/* One sample in so many bytes, said by the process and by its thread. */
static void take_samples(struct program *p, uint64_t rate) {
    struct residue_sampling record = {.head = {.tag = RESIDUE_TAG_SAMPLING, .time = 4}, .rate = rate};
    made_tagged(p->process, &record, sizeof record, NULL, NULL);
    made_tagged(p->thread, &record, sizeof record, NULL, NULL);
}

/* The verdict on the process, and on its first two call sites. The program is gone. */
static struct rsd_judgement judged_within(struct program *p, struct rsd_window_options window,
                                          enum rsd_verdict first[2]) {
    struct rsd_analysis_options options = {.quiet = true, .window = window};
    struct rsd_analysis analysis;
    struct rsd_report report;
    char *why = NULL;
    if (p->off)
        made_barrier(p->process, 5, RESIDUE_BARRIER_STOP, "RESIDUE_START=off");
    write_events(p);
    sample_memory(p);
    for (size_t i = 0; i < p->marks; i++)
        made_barrier(p->process, LENGTH - 20 + i, RESIDUE_BARRIER_MARK, "round");
    if (p->near_limit)
        made_barrier(p->process, LENGTH - 2, RESIDUE_BARRIER_MARK, "near-limit");
    if (p->near_limit > 1)
        made_barrier(p->process, LENGTH - 1, RESIDUE_BARRIER_MARK, "near-heap-limit");
    made_barrier(p->process, LENGTH, RESIDUE_BARRIER_TEARDOWN, "");
    made_end(p->process, LENGTH + 1);
    made_live(p->process);
    made_live(p->thread);
    cr_assert(rsd_analyse(&analysis, p->folder, &options, &why), "%s", why);
    cr_assert(rsd_report_make(&report, &analysis, &(struct rsd_report_options){.top = 20}));
    struct rsd_judgement judgement = report.judgement;
    p->counted = analysis.window.marks;
    for (size_t i = 0; i < 2 && i < report.heap.count; i++)
        first[i] = report.heap.list[i].trend.verdict;
    rsd_report_free(&report);
    rsd_analysis_free(&analysis);
    made_close(p->process);
    made_close(p->thread);
    made_remove(p->folder);
    return judgement;
}

static struct rsd_judgement judged(struct program *p, enum rsd_verdict first[2]) {
    return judged_within(p, (struct rsd_window_options){.has_from = true}, first);
}

/* ---- Mappings ---------------------------------------------------------------------------------------------------- */

Test(judge, a_leak_of_mappings_names_the_library_that_makes_them) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    made_module(p.process, 4, 2, 0x7f0000000000, "/srv/app/node_modules/addon/addon.node");
    uint32_t map = made_node(p.thread, RESIDUE_NODE_NATIVE, 0x7f0000001000, p.node[0][OTHER], 2, RESIDUE_SOURCE_CFI);
    make(&p, 5, 0, MAKER, 100);
    p.mapped = 1 << 18;
    for (uint64_t second = 0; second < 60; second++)
        made_large(p.thread, second * SECOND + 1, RESIDUE_API_MMAP, MAPS + second * p.mapped, p.mapped, map,
                   PROT_READ | PROT_WRITE | (MAP_PRIVATE | MAP_ANONYMOUS) << 8);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert(judgement.by_mappings);
    cr_assert_eq(judgement.owner, 1, "the second binary: %u", judgement.owner);
}

/* ---- Garbage ----------------------------------------------------------------------------------------------------- */

/* A collector that comes once in about each sixteenth of the window, a little earlier in it each time, or a little later: the
 * lowest level in a sixteenth is that at the next look after the collection, a quarter of a tooth later at most, and so the lowest
 * levels rise for the whole minute, or fall. */
#define SIXTEENTH (LENGTH / 16)
#define EARLIER (SIXTEENTH - 55)
#define LATER (SIXTEENTH + 55)

/* Every 20 ms a block that is dropped at once and freed by the next collection; each `kept`th of them is kept. */
static void collect_garbage(struct program *p, uint64_t period, size_t kept) {
    uint64_t garbage[1000], due = period == EARLIER ? 930 : 20;
    size_t count = 0, number = 0;
    for (uint64_t time = 10; time < LENGTH; time += 20) {
        for (; time >= due; due += period)
            while (count)
                drop(p, time - 5, garbage[--count]);
        uint64_t block = make(p, time, 0, MAKER, 40000);
        if (!kept || ++number % kept)
            garbage[count++] = block;
    }
}

Test(judge, garbage_between_collections_is_no_leak) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    collect_garbage(&p, EARLIER, 0);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_neq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_neq(judgement.cause, RSD_CAUSE_SHORT);
    cr_assert_eq(first[0], RSD_VERDICT_CHURN);
}

Test(judge, a_leak_among_garbage_of_the_same_call_site_is_found_with_its_size) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    collect_garbage(&p, EARLIER, 100); /* of 3,000 */
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(first[0], RSD_VERDICT_LEAK);
    cr_assert_float_eq((double)judgement.bytes, 30 * 40000, 2 * 40000, "%ld bytes", (long)judgement.bytes);
    cr_assert_float_eq(judgement.rate, 20000, 2000, "%f bytes a second", judgement.rate);
}

/* From just before a collection to just after one: there is less at the end. */
Test(judge, a_leak_among_garbage_is_found_also_where_the_window_ends_in_a_valley) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    collect_garbage(&p, EARLIER, 100);
    struct rsd_window_options window = {.has_from = true, .from = 4.6, .has_to = true, .to = 56.4};
    struct rsd_judgement judgement = judged_within(&p, window, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(first[0], RSD_VERDICT_LEAK);
    cr_assert_float_eq((double)judgement.bytes, 26 * 40000, 1.5 * 40000, "%ld bytes", (long)judgement.bytes);
}

Test(judge, a_leak_beside_garbage_of_its_kin_is_found) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    collect_garbage(&p, LATER, 0);
    for (uint64_t time = 15; time < LENGTH; time += 100)
        make(&p, time, 1, MAKER, 1700);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(judgement.bytes, 600 * 1700);
}

/* Each of ever more sessions makes its block anew every two seconds. */
Test(judge, what_is_made_anew_all_the_time_and_becomes_more_is_a_leak) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    uint64_t session[600];
    size_t count = 0;
    for (uint64_t time = 10; time < LENGTH; time += 100) {
        session[count++] = make(&p, time, 0, MAKER, 20000);
        for (size_t i = count % 20; i + 1 < count; i += 20) {
            drop(&p, time + 1 + i / 20, session[i]);
            session[i] = make(&p, time + 41 + i / 20, 0, MAKER, 20000);
        }
    }
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(judgement.bytes, 600 * 20000);
}

/* ---- What moves -------------------------------------------------------------------------------------------------- */

/* A cache of 600 blocks that line 0 filled; from 20 s on line 1 replaces them, one by one. */
static void replace(struct program *p, enum maker by) {
    uint64_t cache[600];
    for (uint64_t i = 0; i < 600; i++)
        cache[i] = make(p, 10 + i, 0, MAKER, 20000);
    for (uint64_t i = 0; i < 390; i++) {
        drop(p, 20 * SECOND + i * 100, cache[i]);
        make(p, 20 * SECOND + i * 100 + 1, 1, by, 20000);
    }
}

Test(judge, what_moves_to_another_line_is_no_leak) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    replace(&p, MAKER);
    cr_assert_neq(judged(&p, first).cause, RSD_CAUSE_LEAK);
    cr_assert_eq(first[0], RSD_VERDICT_MOVED);
}

Test(judge, what_other_code_made_and_freed_does_not_hide_a_leak) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    replace(&p, OTHER);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(judgement.bytes, 390 * 20000);
}

Test(judge, a_leak_beside_what_moves_is_found) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    for (uint64_t time = 15; time < LENGTH; time += 100)
        make(&p, time, 2, OTHER, 5000);
    replace(&p, MAKER);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(judgement.bytes, 600 * 5000);
    cr_assert_eq(judgement.leaks, 1, "the call site that took over is none");
    cr_assert_eq(first[0], RSD_VERDICT_LEAK, "it comes first, though the other grew by more");
    cr_assert_eq(first[1], RSD_VERDICT_MOVED);
}

/* ---- What cannot be told ----------------------------------------------------------------------------------------- */

/* malloc's heap grows by a MiB a second, of which one block was seen. */
static struct rsd_judgement judged_by_samples(uint64_t rate) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    p.heap = 1 << 20;
    take_samples(&p, rate);
    make(&p, 5 * SECOND, 0, MAKER, 1000);
    return judged(&p, first);
}

Test(judge, what_few_samples_did_not_see_is_not_called_freed) {
    struct rsd_judgement judgement = judged_by_samples(16 << 20);
    cr_assert_eq(judgement.cause, RSD_CAUSE_SHORT);
    cr_assert_eq(judgement.doubt, RSD_DOUBT_COARSE);
    cr_assert_eq(judgement.every, 16 << 20);
    cr_assert_gt(judgement.bytes, 40 << 20, "%ld bytes", (long)judgement.bytes);
    cr_assert_eq(judged_by_samples(64 << 10).cause, RSD_CAUSE_RETENTION, "as many samples would have seen a leak");
}

/* A cache that fills in the first ten seconds, as three samples show it. */
Test(judge, a_few_samples_are_no_plateau) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    p.heap = 100 << 10;
    take_samples(&p, 4 << 20);
    for (uint64_t i = 0; i < 3; i++)
        make(&p, (6 + 4 * i) * SECOND, 0, MAKER, 100);
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_SHORT);
    cr_assert_eq(judgement.doubt, RSD_DOUBT_COARSE);
}

Test(judge, nothing_is_told_of_a_window_in_which_nothing_was_recorded) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    p.off = true;
    p.heap = 1 << 20;
    struct rsd_judgement judgement = judged(&p, first);
    cr_assert_eq(judgement.cause, RSD_CAUSE_SHORT);
    cr_assert_eq(judgement.doubt, RSD_DOUBT_NOTHING);
}

Test(judge, marks_that_the_recorder_makes_are_no_units_of_work) {
    struct program p = program_open();
    enum rsd_verdict first[2];
    p.marks = 3;
    p.near_limit = 2;
    make(&p, 5, 0, MAKER, 100);
    judged(&p, first);
    cr_assert_eq(p.counted, 3u);
}
