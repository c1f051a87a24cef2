/*
 * What preload/log.c writes, analyzer/read.c reads: the two halves of the contract against each other.
 */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cursor.h"
#include "read.h"
#include "recorder_side.h"

static char directory[] = "/tmp/residue-log.XXXXXX";

static void make_directory(void) {
    cr_assert(mkdtemp(directory));
}

static void empty_directory(void) {
    char path[sizeof directory + 300];
    DIR *open = opendir(directory);
    for (struct dirent *entry; (entry = readdir(open));) {
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        unlink(path);
    }
    closedir(open);
}

static void remove_directory(void) {
    empty_directory();
    rmdir(directory);
}

struct reading {
    struct rsd_writer writer;
    struct rsd_problems problems;
    struct rsd_source source;
};

static void start_reading(struct reading *r) {
    char path[sizeof directory + 20];
    *r = (struct reading){
        .writer = {.number = 1, .log = -1, .log_name = strdup("t1.log"), .live_name = strdup("t1.live")}};
    struct rsd_identity identity = {0};
    snprintf(path, sizeof path, "%s/t1.live", directory);
    rsd_writer_read_live(&r->writer, open(path, O_RDONLY), &identity, &r->problems);
    snprintf(path, sizeof path, "%s/t1.log", directory);
    rsd_writer_read_log(&r->writer, open(path, O_RDONLY), &identity, &r->problems);
    rsd_source_open(&r->source, &r->problems, UINT64_MAX);
}

static void stop_reading(struct reading *r) {
    rsd_source_close(&r->source);
    rsd_writer_free(&r->writer);
    rsd_problems_free(&r->problems);
}

/* Of blocks whose sizes are 1, 2, 3, ...: how many there are, some of which may be missing. */
static uint32_t count_some(struct reading *r, bool all) {
    struct rsd_cursor cursor;
    uint32_t count = 0, last = 0;
    if (!rsd_cursor_open(&cursor, &r->writer, RESIDUE_ALLOC, &r->source))
        return 0;
    do {
        cr_assert(rsd_cursor_load(&cursor));
        struct residue_alloc record;
        memcpy(&record, cursor.record, sizeof record);
        cr_assert_gt(record.size, last);
        last = record.size;
        count++;
        cr_assert(!all || record.size == count);
        cr_assert_eq(residue_where_address(record.where), (uint64_t)record.size * 0x1000);
    } while (rsd_cursor_next(&cursor));
    rsd_cursor_close(&cursor);
    return count;
}

static uint32_t count_allocations(struct reading *r) {
    return count_some(r, true);
}

TestSuite(recorder_log, .init = make_directory, .fini = remove_directory);

Test(recorder_log, every_record_is_read_back_once_in_order_over_sealed_and_open_segments) {
    const uint32_t blocks = 20000; /* seven sealed segments of 2,730 and an open one */
    cr_assert(recorder_write(directory, blocks));
    struct reading r;
    start_reading(&r);
    cr_expect_eq(r.writer.frames[RESIDUE_ALLOC].count, 7);
    cr_expect_eq(r.writer.lost, 0);
    cr_expect_eq(count_allocations(&r), blocks);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

Test(recorder_log, a_trace_without_a_sealed_segment_is_read_from_the_live_file_alone) {
    cr_assert(recorder_write(directory, 10));
    struct reading r;
    start_reading(&r);
    cr_expect_eq(count_allocations(&r), 10);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

Test(recorder_log, a_full_segment_that_nobody_has_sealed_is_read_before_the_open_one) {
    const uint32_t full = 2730;                       /* blocks of a segment */
    for (uint32_t sealed = 0; sealed < 4; sealed++) { /* the full one is the first of the two, or the second */
        uint32_t blocks = (sealed + 1) * full + 100;
        cr_assert(recorder_write_unsealed(directory, blocks));
        struct reading r;
        start_reading(&r);
        cr_expect_eq(r.writer.frames[RESIDUE_ALLOC].count, sealed);
        cr_expect_eq(r.writer.open[RESIDUE_ALLOC].size, (full + 100) * sizeof(struct residue_alloc));
        cr_expect_eq(r.writer.lost, 0);
        cr_expect_eq(count_allocations(&r), blocks);
        cr_expect_eq(r.problems.total, 0);
        stop_reading(&r);
        empty_directory();
    }
}

/* Killed between the append of a frame and the store that empties its segment. */
Test(recorder_log, a_full_segment_that_the_log_has_already_is_read_once) {
    const uint32_t blocks = 2 * 2730 + 100;
    cr_assert(recorder_write(directory, blocks));
    char path[sizeof directory + 20];
    snprintf(path, sizeof path, "%s/t1.live", directory);
    int live = open(path, O_RDWR);
    struct residue_live_header h;
    cr_assert_eq(pread(live, &h, sizeof h, 0), (ssize_t)sizeof h);
    struct residue_segment *emptied =
        h.second[RESIDUE_ALLOC].commit == 0 ? &h.second[RESIDUE_ALLOC] : &h.segment[RESIDUE_ALLOC];
    cr_assert_eq(emptied->commit, 0);
    emptied->commit = residue_commit(2, 65520);
    cr_assert_eq(pwrite(live, &h, sizeof h, 0), (ssize_t)sizeof h);
    close(live);
    struct reading r;
    start_reading(&r);
    cr_expect_eq(count_allocations(&r), blocks);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

Test(recorder_log, a_log_that_may_not_grow_stops_the_recording_and_keeps_what_was_written) {
    const char *why = recorder_write_until_full(directory, 400000000);
    cr_expect_str_eq(why, "cannot write the log (-27)"); /* EFBIG */
    struct reading r;
    start_reading(&r);
    cr_expect_gt(count_allocations(&r), 100000);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

static _Atomic bool done;

static void *take_turns(void *unused) {
    while (!done)
        continue;
    return unused;
}

/* GIVEN a processor that this thread has to share with two that never rest. */
Test(recorder_clock, its_rate_is_right_on_a_busy_machine, .timeout = 120) {
    enum { OTHERS = 2, STARTS = 3000 };
    pthread_t others[OTHERS];
    cpu_set_t one, all;
    cr_assert(sched_getaffinity(0, sizeof all, &all) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
    for (int i = 0; i < OTHERS; i++)
        cr_assert(pthread_create(&others[i], NULL, take_turns, NULL) == 0);
    double least, most;
    recorder_clock_rates(STARTS, &least, &most);
    done = true;
    for (int i = 0; i < OTHERS; i++)
        pthread_join(others[i], NULL);
    cr_expect_lt(most, least * 1.05, "from %.0f to %.0f ticks per second", least, most);
}

/* ---- Nurseries --------------------------------------------------------------------------------------------------- */

TestSuite(recorder_nursery, .init = make_directory, .fini = remove_directory);

enum { A, B };

Test(recorder_nursery, a_block_dies_by_any_thread_and_once) {
    cr_assert(recorder_nurseries(directory));
    recorder_young(A, 0x1000, 1);
    recorder_young(A, 0x2000, 2);
    cr_expect(recorder_kill(B, 0x1000));
    cr_expect(recorder_kill(A, 0x2000));
    cr_expect_not(recorder_kill(B, 0x1000));
    cr_expect_not(recorder_kill(A, 0x2000));
}

Test(recorder_nursery, what_a_realloc_holds_nobody_else_kills) {
    cr_assert(recorder_nurseries(directory));
    recorder_young(A, 0x9000, 1); /* so that B looks into A's ring even where the address is B's now */
    cr_assert(recorder_kill(B, 0x9000));
    recorder_young(A, 0x1000, 1);
    cr_assert(recorder_hold(A, 0x1000));
    cr_expect_not(recorder_kill(B, 0x1000), "freed by A's realloc, got and freed by B");
    cr_expect(recorder_kill_held(A, 0x1000));
    recorder_young(A, 0x2000, 1);
    cr_assert(recorder_hold(A, 0x2000));
    recorder_let_go(A, 0x2000);
    cr_expect(recorder_kill(B, 0x2000), "the realloc failed");
}

Test(recorder_nursery, a_block_that_was_alive_at_a_sample_dies_into_its_sum_and_at_two_not_at_all) {
    struct residue_late late;
    cr_assert(recorder_nurseries(directory));
    recorder_look();
    recorder_young(A, 0x1000, 40);
    recorder_young(A, 0x2000, 2);
    recorder_young(A, 0x3000, 7);
    recorder_look();
    cr_expect_not(recorder_hold(A, 0x3000), "its end must be known");
    cr_expect(recorder_kill(A, 0x1000));
    cr_expect(recorder_kill(B, 0x2000));
    recorder_look();
    cr_expect_not(recorder_kill(A, 0x3000));
    cr_assert(recorder_late(&late));
    cr_expect_eq(late.writer, 1u);
    cr_expect_eq(late.bytes, 2u, "B's table is written last");
}

static const struct residue_counts *counts_of(const struct residue_counts *counts, uint32_t node) {
    while (counts->node != node)
        counts++;
    return counts;
}

/* Nodes of which blocks died by their own thread, by another, by both; next to each other and far apart. */
Test(recorder_nursery, what_died_is_written_by_node_whoever_freed_it_and_once) {
    enum { OWN = 70000, FOREIGN = 130, BOTH = 131, LAST = 0xfffff, BEYOND = 0x123456 };
    static const uint32_t nodes[] = {OWN, FOREIGN, BOTH, LAST, BEYOND};
    struct residue_counts counts[16] = {0};
    cr_assert(recorder_nurseries(directory));
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = 0; k < 4; k++)
            recorder_young_of(A, nodes[i], 0x10000 * (i + 1) + 0x1000 * k, 1 + i);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = 0; k < 2; k++)
            cr_assert(recorder_kill(i == 1 || (i == 2 && k) ? B : A, 0x10000 * (i + 1) + 0x1000 * k));
    cr_assert_eq(recorder_counts(A, counts), 5u);
    static const uint32_t written[] = {OWN, FOREIGN, BOTH, LAST, 0};
    for (uint32_t i = 0; i < 5; i++) {
        const struct residue_counts *now = counts_of(counts, written[i]);
        cr_expect_eq(now->writer, 1u);
        cr_expect_eq(now->calls, 2u);
        cr_expect_eq(now->bytes, 2 * (1 + i));
        cr_expect_eq(now->temporaries, 2u);
    }
    cr_expect_eq(recorder_counts(A, counts), 0u, "nothing has died since");
    cr_assert(recorder_kill(A, 0x22000) && recorder_kill(B, 0x12000));
    cr_assert_eq(recorder_counts(A, counts), 2u);
    cr_expect_eq(counts_of(counts, FOREIGN)->calls, 3u, "its own thread's with the other's");
    cr_expect_eq(counts_of(counts, OWN)->calls, 3u);
    cr_expect_eq(recorder_counts(B, counts), 0u, "what B freed was A's");
}

Test(recorder_nursery, thousands_of_stacks_that_were_alive_at_a_sample_have_a_sum_each) {
    const uint32_t blocks = 8000;
    bool sorted;
    cr_assert(recorder_nurseries(directory));
    for (int sample = 1; sample <= 2; sample++) { /* the second table begins with the room that the first one needed */
        for (uint32_t i = 1; i <= blocks; i++)
            recorder_young_of(A, i * 7919 % 10007, (uint64_t)i * 0x1000, 1);
        recorder_look();
        for (uint32_t i = 1; i <= blocks; i++)
            cr_assert(recorder_kill(A, (uint64_t)i * 0x1000), "sample %d, block %u", sample, i);
        recorder_look();
        cr_expect_eq(recorder_lates(&sorted), sample * blocks);
        cr_expect(sorted);
    }
}

Test(recorder_nursery, a_ring_that_grows_loses_nothing_on_the_way) {
    const uint32_t blocks = 200000;
    cr_assert(recorder_nurseries(directory));
    for (uint32_t i = 1; i <= blocks; i++)
        recorder_young(A, (uint64_t)i * 0x1000, i);
    cr_expect_eq(recorder_capacity(A), 65536u);
    cr_expect_eq(recorder_capacity(B), 1024u);
    struct reading r;
    start_reading(&r);
    cr_expect_eq(count_allocations(&r), blocks);
    cr_expect_eq(r.writer.ring_count, 65536u + 8192u, "the young and the elders");
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
    for (uint32_t i = blocks; i > blocks - 1000; i--)
        cr_assert(recorder_kill(i % 2 ? A : B, (uint64_t)i * 0x1000), "block %u", i);
}

Test(recorder_nursery, an_entry_is_void_once_another_thread_has_freed_its_address) {
    cr_assert(recorder_nurseries(directory));
    recorder_young(A, 0x1000, 1);
    recorder_disown(0x1000); /* by B, whose next malloc returns it; B hands it to A, who frees it */
    cr_expect_not(recorder_kill(A, 0x1000));
    recorder_young(A, 0x1000, 1);
    cr_expect(recorder_kill(A, 0x1000), "what was made since then counts");
}

Test(recorder_nursery, what_was_alive_at_a_barrier_dies_by_a_record_alone) {
    cr_assert(recorder_nurseries(directory));
    recorder_young(A, 0x1000, 1);
    recorder_young(A, 0x2000, 1);
    recorder_barrier();
    recorder_young(A, 0x3000, 1);
    cr_expect_not(recorder_kill(A, 0x1000));
    cr_expect_not(recorder_kill(B, 0x2000));
    cr_expect(recorder_kill(A, 0x3000));
}

/* B frees A's blocks in the order in which they were made. */
Test(recorder_nursery, the_block_behind_the_last_one_dies_if_it_may) {
    cr_assert(recorder_nurseries(directory));
    for (uint32_t i = 1; i <= 7; i++)
        recorder_young(A, (uint64_t)i * 0x1000, i);
    cr_expect(recorder_kill(B, 0x1000));
    cr_expect(recorder_kill(B, 0x2000));
    recorder_disown(0x3000);
    cr_expect_not(recorder_kill(B, 0x3000), "another one has freed it");
    cr_expect(recorder_kill(B, 0x4000));
    cr_assert(recorder_hold(A, 0x5000));
    cr_expect_not(recorder_kill(B, 0x5000), "a realloc of A's has freed it");
    cr_expect(recorder_kill(B, 0x6000));
    recorder_barrier();
    cr_expect_not(recorder_kill(B, 0x7000), "it was alive at a barrier");
}

/* ---- The elders ---- */

enum { YOUNG = 1024 };

static void pass_time(void) {
    for (uint32_t i = 0; i < YOUNG; i++) {
        recorder_young(A, 0xf0000, 1);
        cr_assert(recorder_kill(A, 0xf0000));
    }
}

Test(recorder_nursery, a_block_that_outlives_the_young_dies_among_the_elders) {
    struct reading r;
    cr_assert(recorder_nurseries(directory));
    for (uint32_t i = 1; i <= 4; i++)
        recorder_young(A, (uint64_t)i * 0x1000, i);
    pass_time();
    cr_expect(recorder_kill(A, 0x2000));
    cr_expect(recorder_kill(B, 0x3000));
    cr_expect(recorder_kill(B, 0x4000));
    start_reading(&r);
    cr_expect_eq(count_allocations(&r), 1u);
    cr_expect_eq(r.writer.ring_count, 1u, "it is not in the log");
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

Test(recorder_nursery, a_block_that_a_realloc_holds_is_held_among_the_elders_too) {
    cr_assert(recorder_nurseries(directory));
    recorder_young(A, 0x1000, 1);
    recorder_young(A, 0x2000, 1);
    cr_assert(recorder_hold(A, 0x1000));
    pass_time();
    cr_expect_not(recorder_kill(B, 0x1000), "freed by A's realloc, got and freed by B");
    cr_expect_not(recorder_kill_held(A, 0x1000), "a record frees it");
    cr_expect(recorder_kill(B, 0x2000));
}

/* GIVEN the young with their first block on its way to the elders, in the state that it is in after so many of the stores of
 * that. */
static void move_first(struct residue_live_header *live, unsigned stores) {
    struct residue_alloc *young = (void *)((char *)live + live->ring.offset);
    struct residue_alloc *elder = (void *)((char *)live + live->elders.offset);
    elder[0] = stores > 0 ? young[0] : (struct residue_alloc){.where = 0};
    live->elders.head = stores > 1;
    live->elders.moved = stores > 2 ? young[0].time : 0;
    if (stores > 3)
        young[0].where = 0;
}

Test(recorder_nursery, a_block_that_moves_counts_once_whichever_store_was_the_last) {
    char path[sizeof directory + 20];
    cr_assert(recorder_nurseries(directory));
    for (uint32_t i = 1; i <= YOUNG; i++)
        recorder_young(A, (uint64_t)i * 0x1000, i);
    snprintf(path, sizeof path, "%s/t1.live", directory);
    int fd = open(path, O_RDWR);
    void *live = mmap(NULL, (size_t)lseek(fd, 0, SEEK_END), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert(live != MAP_FAILED);
    for (unsigned stores = 0; stores <= 4; stores++) {
        struct reading r;
        move_first(live, stores);
        start_reading(&r);
        cr_expect_eq(count_allocations(&r), YOUNG, "after %u stores", stores);
        stop_reading(&r);
    }
    close(fd);
}

/* ---- What leaves the rings ---- */

static uint32_t made, killed;

static void kill_all(void) {
    for (uint32_t i = 1; i <= made; i++)
        killed += recorder_kill(B, (uint64_t)i * 0x1000);
}

/* The log has no room for a block that leaves, and while a segment is sealed for it another thread frees all blocks. */
Test(recorder_nursery, a_block_that_its_ring_sees_off_is_in_the_log_or_died_and_not_both) {
    struct reading r;
    cr_assert(recorder_nurseries(directory));
    recorder_at_seal(kill_all);
    for (made = 1; killed == 0 && made < 100000; made++)
        recorder_young(A, (uint64_t)made * 0x1000, made);
    cr_assert_gt(killed, 0u);
    start_reading(&r);
    cr_expect_eq(count_some(&r, false) + killed, made - 1);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

/* ---- A ring that may not grow ---- */

static void fill(uint32_t blocks) {
    for (uint32_t i = 1; i <= blocks; i++)
        recorder_young(A, (uint64_t)i * 0x1000, i);
    cr_expect_eq(recorder_capacity(A), 1024u);
}

Test(recorder_nursery, a_ring_whose_live_file_may_not_grow_stays_as_it_is) {
    char path[sizeof directory + 20];
    struct stat live;
    struct rlimit limit;
    struct reading r;
    cr_assert(recorder_nurseries(directory));
    snprintf(path, sizeof path, "%s/t1.live", directory);
    cr_assert(stat(path, &live) == 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = (rlim_t)live.st_size;
    cr_assert(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    fill(20000);
    start_reading(&r);
    cr_expect_eq(count_allocations(&r), 20000u);
    cr_expect_eq(r.problems.total, 0);
    stop_reading(&r);
}

Test(recorder_nursery, a_ring_whose_live_file_was_replaced_stays_as_it_is_and_the_other_file_too) {
    char path[sizeof directory + 20], text[4096] = "something else";
    struct stat other;
    cr_assert(recorder_nurseries(directory));
    snprintf(path, sizeof path, "%s/t1.live", directory);
    cr_assert(unlink(path) == 0);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    cr_assert(write(fd, text, sizeof text) == sizeof text);
    fill(20000);
    cr_expect(fstat(fd, &other) == 0 && other.st_size == sizeof text);
    close(fd);
}
