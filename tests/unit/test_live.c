/*
 * The live set and the mappings against slow models of themselves, and pairing by its rules.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analysis.h"
#include "reading.h"

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

Test(live, the_table_agrees_with_a_plain_array_over_a_million_changes) {
    enum { ADDRESSES = 5000 };
    static uint64_t model[ADDRESSES]; /* size + 1, 0: none */
    struct rsd_live live = {0};
    uint64_t state = 4711;
    size_t count = 0;
    for (int i = 0; i < 1000000; i++) {
        uint64_t n = next_random(&state) % ADDRESSES, size = next_random(&state) >> 20, address = (n + 1) * 16;
        struct rsd_block old, block = rsd_block_make(address, size, (uint64_t)i, 7);
        bool there = model[n] != 0, found;
        if (next_random(&state) & 1) {
            found = rsd_live_add(&live, &block, &old);
            count += !there;
        } else {
            found = rsd_live_remove(&live, address, &old);
            count -= there;
        }
        cr_assert_eq(found, there);
        if (found)
            cr_assert_eq(rsd_block_size(&old), model[n] - 1);
        model[n] = 0;
        if (rsd_live_remove(&live, address, &old)) { /* look, and put it back */
            model[n] = rsd_block_size(&old) + 1;
            block = old;
            rsd_live_add(&live, &block, &old);
        }
        cr_assert_eq(live.count, count);
    }
    rsd_live_free(&live);
}

Test(live, a_block_costs_at_most_64_bytes) {
    static struct rsd_live live;
    struct rsd_block old;
    for (uint64_t i = 1; i <= 3000000; i++) {
        struct rsd_block block = rsd_block_make(i * 32, 24, i, 0);
        rsd_live_add(&live, &block, &old);
        size_t bytes = 0;
        if (i % 100000)
            continue;
        for (size_t s = 0; s < RSD_SHARDS; s++)
            bytes += live.shard[s].blocks ? (live.shard[s].mask + 1) * sizeof(struct rsd_block) : 0;
        cr_assert_leq(bytes, i * 64 + (1 << 20), "%zu bytes for %lu blocks", bytes, (unsigned long)i);
    }
    rsd_live_free(&live);
}

/* ---- Pairing ----------------------------------------------------------------------------------------------------- */

static void analyse(struct rsd_analysis *analysis, const char *folder) {
    struct rsd_analysis_options options = {.quiet = true};
    char *why = NULL;
    cr_assert(rsd_analyse(analysis, folder, &options, &why), "%s", why);
}

Test(pairing, an_allocation_on_a_live_address_frees_what_was_there) {
    char *folder = made_folder("pair");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_alloc(w, 1, 0x1000, 100, 0);
    made_alloc(w, 2, 0x1000, 30, 0);
    made_live(w);
    struct rsd_analysis a;
    analyse(&a, folder);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 30u);
    cr_assert_eq(a.pairing.heap_now.live_blocks, 1u);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_ALLOC_OVER_LIVE], 1u);
    rsd_analysis_free(&a);
    made_close(w);
    made_remove(folder);
}

Test(pairing, frees_without_a_block_are_told_apart) {
    char *folder = made_folder("pair");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_alloc(w, 1, 0x1000, 100, 0);
    made_free(w, 2, 0x1000);
    made_free(w, 3, 0x1000);                         /* again */
    made_free(w, 4, 0x9000);                         /* never seen: from before recording began */
    made_free_by(w, 5, 0xa000, RESIDUE_API_REALLOC); /* the same by realloc */
    made_free_by(w, 6, 0xb000, RESIDUE_API_REALLOCARRAY);
    made_live(w);
    struct rsd_analysis a;
    analyse(&a, folder);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_FREE_TWICE], 1u);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_FREE_UNKNOWN], 1u);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_REALLOC_UNKNOWN], 2u);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 4u);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 0u);
    rsd_analysis_free(&a);
    made_close(w);
    made_remove(folder);
}

Test(pairing, where_recording_begins_again_nothing_is_known_of_before) {
    char *folder = made_folder("pair");
    made_meta(folder);
    struct made_writer *p = made_open(folder, 0), *w = made_open(folder, 1);
    made_barrier(p, 200, RESIDUE_BARRIER_STOP, "");
    made_barrier(p, 400, RESIDUE_BARRIER_START, "");
    made_alloc(w, 100, 0x1000, 100, 0);
    made_alloc(w, 110, 0x2000, 70, 0);
    made_free(w, 120, 0x2000);
    made_alloc(w, 500, 0x3000, 30, 0);
    made_free(w, 510, 0x1000);                         /* from before */
    made_free(w, 520, 0x2000);                         /* freed, and allocated again unseen */
    made_free_by(w, 530, 0x9000, RESIDUE_API_REALLOC); /* from the gap */
    made_live(p);
    made_live(w);
    struct rsd_analysis a;
    analyse(&a, folder);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 30u);
    cr_assert_eq(a.heap_start.live_bytes, 0u);
    cr_assert_eq(a.pairing.anomaly[RSD_ODD_FREE_BEFORE], 3u);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 0u);
    cr_assert_eq(a.window.from, 400u);
    rsd_analysis_free(&a);
    struct rsd_analysis_options first = {.window = {.has_from = true, .has_to = true, .to = 0.2}, .quiet = true};
    char *why = NULL;
    cr_assert(rsd_analyse(&a, folder, &first, &why), "%s", why);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 100u, "what the first stretch left is exact at its end");
    rsd_analysis_free(&a);
    made_close(p);
    made_close(w);
    made_remove(folder);
}

Test(pairing, a_block_freed_by_another_thread_is_gone) {
    char *folder = made_folder("pair");
    made_meta(folder);
    struct made_writer *a_side = made_open(folder, 1), *b_side = made_open(folder, 2);
    for (uint64_t i = 1; i <= 1000; i++) {
        made_alloc(a_side, i * 10, i * 64, 50, 0);
        made_free(b_side, i * 10 + 4, i * 64);
    }
    made_alloc(a_side, 10001, 0x77770, 5, 0);
    made_live(a_side);
    made_live(b_side);
    struct rsd_analysis a;
    analyse(&a, folder);
    cr_assert_eq(a.pairing.heap_now.live_bytes, 5u);
    cr_assert_eq(a.pairing.heap_now.calls, 1001u);
    cr_assert_eq(rsd_pairing_anomalies(&a.pairing), 0u);
    rsd_analysis_free(&a);
    made_close(a_side);
    made_close(b_side);
    made_remove(folder);
}

/* ---- Mappings ---------------------------------------------------------------------------------------------------- */

#define PAGES(n) ((uint64_t)(n)*4096)
#define RW_ANONYMOUS (PROT_READ | PROT_WRITE | (MAP_PRIVATE | MAP_ANONYMOUS) << 8)
#define RESERVED (PROT_NONE | (MAP_PRIVATE | MAP_ANONYMOUS) << 8)
#define BASE 0x7f0000000000u

/* One writer's mapping calls, then the bytes that are in use. */
static uint64_t used_after(void (*calls)(struct made_writer *w, uint32_t *nodes), size_t *ranges) {
    char *folder = made_folder("maps");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    uint32_t end = made_node(w, RESIDUE_NODE_END, 0, 0, 0, RESIDUE_SOURCE_NONE), nodes[3];
    for (uint64_t i = 0; i < 3; i++)
        nodes[i] = made_node(w, RESIDUE_NODE_UNKNOWN, 0x1000 + i, end, 0, RESIDUE_SOURCE_NONE);
    calls(w, nodes);
    made_live(w);
    struct rsd_analysis a;
    analyse(&a, folder);
    uint64_t bytes = a.pairing.mappings_now.live_bytes, sum = 0;
    for (size_t i = 0; i < a.pairing.mappings.count; i++)
        sum += a.pairing.mappings.list[i].now.live_bytes;
    cr_assert_eq(sum, bytes, "the sites add up to the total");
    *ranges = a.pairing.mappings_now.live_blocks;
    rsd_analysis_free(&a);
    made_close(w);
    made_remove(folder);
    return bytes;
}

static void unmap_the_middle(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(10), nodes[0], RW_ANONYMOUS);
    made_large(w, 2, RESIDUE_API_MUNMAP, BASE + PAGES(3), PAGES(2), 0, 0);
}

static void unmap_over_two(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(4), nodes[0], RW_ANONYMOUS);
    made_large(w, 2, RESIDUE_API_MMAP, BASE + PAGES(4), PAGES(4), nodes[1], RW_ANONYMOUS);
    made_large(w, 3, RESIDUE_API_MUNMAP, BASE + PAGES(2), PAGES(4), 0, 0);
}

static void map_over(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(10), nodes[0], RW_ANONYMOUS);
    made_large(w, 2, RESIDUE_API_MMAP, BASE + PAGES(2), PAGES(3), nodes[1], RW_ANONYMOUS | MAP_FIXED << 8);
}

static void commit_a_part(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, UINT64_C(10) << 30, nodes[0], RESERVED);
    made_large(w, 2, RESIDUE_API_MPROTECT, BASE + PAGES(5), PAGES(2), nodes[1], PROT_READ | PROT_WRITE);
    made_large(w, 3, RESIDUE_API_MPROTECT, BASE + PAGES(6), PAGES(1), nodes[2], PROT_READ);
}

static void commit_and_take_back(struct made_writer *w, uint32_t *nodes) {
    commit_a_part(w, nodes);
    made_large(w, 4, RESIDUE_API_MPROTECT, BASE + PAGES(5), PAGES(1), nodes[2], PROT_NONE);
}

static void move_and_grow(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(2), nodes[0], RW_ANONYMOUS);
    made_large(w, 2, RESIDUE_API_MUNMAP, BASE, PAGES(2), 0, 0);
    made_large(w, 3, RESIDUE_API_MREMAP, BASE + PAGES(100), PAGES(8), nodes[1], UINT32_MAX);
}

static void move_a_reservation(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(2), nodes[0], RESERVED);
    made_large(w, 2, RESIDUE_API_MUNMAP, BASE, PAGES(2), 0, 0);
    made_large(w, 3, RESIDUE_API_MREMAP, BASE + PAGES(100), PAGES(8), nodes[1], UINT32_MAX);
}

static void map_a_file(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_MMAP, BASE, PAGES(7), nodes[0], PROT_READ | MAP_PRIVATE << 8);
}

static void move_the_break(struct made_writer *w, uint32_t *nodes) {
    made_large(w, 1, RESIDUE_API_SBRK, BASE + PAGES(10), PAGES(10), nodes[0], 1);
    made_large(w, 2, RESIDUE_API_BRK, BASE + PAGES(7), PAGES(3), nodes[0], 2);
}

Test(maps, munmap_takes_any_part_of_any_range) {
    size_t ranges;
    cr_assert_eq(used_after(unmap_the_middle, &ranges), PAGES(8));
    cr_assert_eq(ranges, 2u);
    cr_assert_eq(used_after(unmap_over_two, &ranges), PAGES(4));
    cr_assert_eq(ranges, 2u);
}

Test(maps, map_fixed_replaces_what_lay_there) {
    size_t ranges;
    cr_assert_eq(used_after(map_over, &ranges), PAGES(10));
    cr_assert_eq(ranges, 3u);
}

Test(maps, a_reservation_is_no_use_until_a_part_of_it_is_made_accessible) {
    size_t ranges;
    cr_assert_eq(used_after(commit_a_part, &ranges), PAGES(2));
    cr_assert_eq(used_after(commit_and_take_back, &ranges), PAGES(1));
}

Test(maps, mremap_moves_a_range_with_what_it_was) {
    size_t ranges;
    cr_assert_eq(used_after(move_and_grow, &ranges), PAGES(8));
    cr_assert_eq(used_after(move_a_reservation, &ranges), 0u);
}

Test(maps, files_do_not_count_and_the_break_does) {
    size_t ranges;
    cr_assert_eq(used_after(map_a_file, &ranges), 0u);
    cr_assert_eq(used_after(move_the_break, &ranges), PAGES(7));
}

static void mark(void *context, const struct rsd_range *range) {
    uint8_t *pages = context;
    for (uint64_t i = range->start; i < range->end; i++) {
        cr_assert_eq(pages[i], 0, "ranges overlap");
        pages[i] = (uint8_t)range->site;
    }
}

static void ignore(void *context, const struct rsd_range *range) {
    (void)context;
    (void)range;
}

Test(maps, the_set_agrees_with_an_array_of_pages) {
    enum { PLACES = 300 };
    uint8_t model[PLACES] = {0};
    struct rsd_maps maps;
    uint64_t state = 99;
    rsd_maps_open(&maps);
    for (int i = 0; i < 20000; i++) {
        uint64_t start = next_random(&state) % PLACES, end = start + 1 + next_random(&state) % 40;
        uint8_t site = (uint8_t)(1 + next_random(&state) % 200);
        if (end > PLACES)
            end = PLACES;
        rsd_maps_carve(&maps, start, end, ignore, NULL);
        memset(model + start, 0, end - start);
        if (next_random(&state) & 1) {
            rsd_maps_put(&maps, &(struct rsd_range){.start = start, .end = end, .site = site});
            memset(model + start, site, end - start);
        }
        uint8_t seen[PLACES] = {0};
        rsd_maps_each(&maps, mark, seen);
        cr_assert_arr_eq(seen, model, PLACES);
    }
    rsd_maps_close(&maps);
}
