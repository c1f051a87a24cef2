/*
 * Canonical stacks and call sites: what is the same stack, in whichever thread and wherever things were loaded.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis.h"
#include "reading.h"

static void analyse(struct rsd_analysis *analysis, const char *folder) {
    struct rsd_analysis_options options = {.quiet = true};
    char *why = NULL;
    cr_assert(rsd_analyse(analysis, folder, &options, &why), "%s", why);
}

static uint32_t two_frames(struct made_writer *w, uint64_t bias, uint32_t module) {
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t outer = made_node(w, RESIDUE_NODE_NATIVE, bias + 0x100, end, module, RESIDUE_SOURCE_CFI);
    return made_node(w, RESIDUE_NODE_NATIVE, bias + 0x200, outer, module, RESIDUE_SOURCE_NONE);
}

Test(stacks, the_same_stack_in_two_threads_is_one_site) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *p = made_open(folder, 0), *a = made_open(folder, 1), *b = made_open(folder, 2);
    made_module(p, 1, 1, 0x7f0000000000, "/lib/libx.so");
    made_node(b, RESIDUE_NODE_END, RESIDUE_END_DEPTH, 0, 0, RESIDUE_SOURCE_NONE); /* the ids differ */
    made_alloc(a, 10, 0x1000, 5, two_frames(a, 0x7f0000000000, 1));
    made_alloc(b, 20, 0x2000, 7, two_frames(b, 0x7f0000000000, 1));
    made_live(p);
    made_live(a);
    made_live(b);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.pairing.heap.count, 1u);
    cr_assert_eq(r.pairing.heap.list[0].now.live_bytes, 12u);
    rsd_analysis_free(&r);
    made_close(p);
    made_close(a);
    made_close(b);
    made_remove(folder);
}

Test(stacks, a_library_that_was_loaded_again_elsewhere_is_the_same) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_module(w, 1, 1, 0x7f0000000000, "/lib/libx.so");
    made_module(w, 2, 2, 0x7e0000000000, "/lib/libx.so");
    made_module(w, 3, 3, 0x7d0000000000, "/lib/liby.so");
    made_alloc(w, 10, 0x1000, 1, two_frames(w, 0x7f0000000000, 1));
    made_alloc(w, 11, 0x2000, 1, two_frames(w, 0x7e0000000000, 2));
    made_alloc(w, 12, 0x3000, 1, two_frames(w, 0x7d0000000000, 3));
    made_live(w);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.history.binary_count, 2u);
    cr_assert_eq(r.pairing.heap.count, 2u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}

Test(stacks, a_lost_node_segment_shifts_no_ids) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t first = made_node(w, RESIDUE_NODE_UNKNOWN, 0x111, end, 0, RESIDUE_SOURCE_NONE);
    made_seal(w, RESIDUE_NODE, RESIDUE_PLANES);
    uint32_t lost = made_node(w, RESIDUE_NODE_UNKNOWN, 0x222, end, 0, RESIDUE_SOURCE_NONE);
    made_lose(w, RESIDUE_NODE);
    uint32_t last = made_node(w, RESIDUE_NODE_UNKNOWN, 0x333, end, 0, RESIDUE_SOURCE_NONE);
    uint32_t child_of_lost = made_node(w, RESIDUE_NODE_UNKNOWN, 0x444, lost, 0, RESIDUE_SOURCE_NONE);
    made_seal(w, RESIDUE_NODE, RESIDUE_KIN);
    made_live(w);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.stacks.nodes[rsd_stacks_find(&r.stacks, 0, first)].offset, 0x111u);
    cr_assert_eq(rsd_stacks_find(&r.stacks, 0, lost), RSD_NO_STACK);
    cr_assert_eq(r.stacks.nodes[rsd_stacks_find(&r.stacks, 0, last)].offset, 0x333u);
    uint32_t child = rsd_stacks_find(&r.stacks, 0, child_of_lost);
    cr_assert_eq(r.stacks.nodes[child].offset, 0x444u);
    cr_assert_eq(rsd_stacks_end(&r.stacks, child), RSD_END_LOST);
    cr_assert_eq(rsd_trace_lost(&r.trace), 1u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}

/* The last byte of a file. */
static void spoil_end(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r+");
    cr_assert(file && fseek(file, -1, SEEK_END) == 0);
    int last = fgetc(file);
    cr_assert(fseek(file, -1, SEEK_END) == 0 && fputc(~last & 0xff, file) != EOF);
    fclose(file);
}

Test(stacks, a_last_node_segment_that_cannot_be_read_shifts_no_ids_of_the_live_file) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t first = made_node(w, RESIDUE_NODE_UNKNOWN, 0x111, end, 0, RESIDUE_SOURCE_NONE);
    made_seal(w, RESIDUE_NODE, RESIDUE_PLANES);
    uint32_t lost = made_node(w, RESIDUE_NODE_UNKNOWN, 0x222, end, 0, RESIDUE_SOURCE_NONE);
    made_seal(w, RESIDUE_NODE, RESIDUE_PLANES);
    spoil_end(folder, "t1.log");
    uint32_t live = made_node(w, RESIDUE_NODE_UNKNOWN, 0x333, end, 0, RESIDUE_SOURCE_NONE);
    made_live(w);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.stacks.nodes[rsd_stacks_find(&r.stacks, 0, first)].offset, 0x111u);
    cr_assert_eq(rsd_stacks_find(&r.stacks, 0, lost), RSD_NO_STACK);
    cr_assert_eq(r.stacks.nodes[rsd_stacks_find(&r.stacks, 0, live)].offset, 0x333u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}

Test(stacks, ids_that_nothing_stands_for_are_no_stack) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_node(w, RESIDUE_NODE_UNKNOWN, 0x1, 77, 0, RESIDUE_SOURCE_NONE); /* a parent that comes later, or never */
    made_node(w, RESIDUE_NODE_NATIVE, 0x2, 1, 55, RESIDUE_SOURCE_NONE);  /* a module without a record */
    made_alloc(w, 1, 0x1000, 1, 0);
    made_alloc(w, 2, 0x2000, 1, 4000000000u);
    made_alloc(w, 3, 0x3000, 1, 2);
    made_live(w);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.pairing.heap.count, 2u);
    cr_assert_eq(r.pairing.anomaly[RSD_ODD_NO_STACK], 2u);
    cr_assert_eq(r.pairing.heap_now.live_blocks, 3u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}

Test(stacks, the_window_takes_growth_from_its_start_to_its_end) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    for (uint64_t i = 1; i <= 100; i++) /* one block of 10 bytes each tenth of a second */
        made_alloc(w, i * 100, i << 8, 10, 0);
    made_free(w, 5550, 0x100);
    made_barrier(w, 8000, RESIDUE_BARRIER_TEARDOWN, "");
    for (uint64_t i = 1; i <= 80; i++)
        made_free(w, 8001 + i, i << 8);
    made_live(w);
    struct rsd_analysis r;
    struct rsd_analysis_options options = {.window = {.has_from = true, .from = 5.0}, .quiet = true};
    char *why = NULL;
    cr_assert(rsd_analyse(&r, folder, &options, &why));
    cr_assert_eq(r.window.to, 8000u, "the start of teardown");
    cr_assert_eq(r.heap_start.live_bytes, 500u);
    cr_assert_eq(r.pairing.heap_now.live_bytes, 790u, "the 80th is in, its like of 5.55 s is not");
    cr_assert_eq(rsd_site_growth(&r.pairing.heap.list[0]), 290);
    rsd_analysis_free(&r);
    options.window = (struct rsd_window_options){.at = RSD_AT_END};
    cr_assert(rsd_analyse(&r, folder, &options, &why));
    cr_assert_eq(r.pairing.heap_now.live_bytes, 1000u - 800u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}

Test(stacks, what_died_in_the_nursery_is_added_to_its_site) {
    char *folder = made_folder("stacks");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t node = made_node(w, RESIDUE_NODE_UNKNOWN, 0x111, end, 0, RESIDUE_SOURCE_NONE);
    made_alloc(w, 1, 0x1000, 8, node);
    for (uint64_t i = 1; i <= 3; i++) { /* cumulative: the last one counts */
        struct residue_counts counts = {.head = {.tag = RESIDUE_TAG_COUNTS, .time = 1000 * i},
                                        .node = node,
                                        .writer = 1,
                                        .calls = 10 * i,
                                        .bytes = 1000 * i,
                                        .temporaries = 10 * i};
        made_tagged(w, &counts, sizeof counts, NULL, NULL);
    }
    made_live(w);
    struct rsd_analysis r;
    analyse(&r, folder);
    cr_assert_eq(r.pairing.heap.list[0].now.calls, 31u);
    cr_assert_eq(r.pairing.heap.list[0].now.bytes, 3008u);
    cr_assert_eq(r.pairing.heap.list[0].now.temporaries, 30u);
    cr_assert_eq(r.pairing.heap.list[0].now.live_blocks, 1u);
    rsd_analysis_free(&r);
    made_close(w);
    made_remove(folder);
}
