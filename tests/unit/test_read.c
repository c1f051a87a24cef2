/*
 * The reader against traces that end anywhere, miss parts or are damaged: "Every instant is a valid end."
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis.h"
#include "reading.h"

#define ALLOCS (1u << RESIDUE_ALLOC)

static char *path_in(const char *folder, const char *name) {
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t count_in(const char *folder, struct reading *reading, unsigned kinds) {
    struct seen seen[1];
    reading_open(reading, folder);
    return reading_all(reading, kinds, seen, 1);
}

/* Three sealed segments of ten allocations each and five more in the live file. */
static char *three_segments(enum residue_encoding encoding) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    uint64_t time = 1000;
    for (int segment = 0; segment < 3; segment++) {
        for (int i = 0; i < 10; i++, time += 3)
            made_alloc(w, time, 0x10000 + time * 16, 100, 0);
        made_seal(w, RESIDUE_ALLOC, encoding);
    }
    for (int i = 0; i < 5; i++, time += 3)
        made_alloc(w, time, 0x10000 + time * 16, 100, 0);
    made_live(w);
    made_close(w);
    return folder;
}

Test(read, sealed_and_open_segments_are_one_stream) {
    for (int encoding = RESIDUE_ROWS; encoding <= RESIDUE_FIELDS; encoding++) {
        char *folder = three_segments((enum residue_encoding)encoding);
        struct reading r;
        struct seen seen[40];
        reading_open(&r, folder);
        cr_assert_eq(reading_all(&r, ALLOCS, seen, 40), 35u);
        for (size_t i = 0; i < 35; i++) {
            cr_assert_eq(seen[i].time, 1000 + 3 * i);
            cr_assert_eq(seen[i].place, i < 30 ? RSD_IN_LOG : RSD_IN_LIVE);
        }
        cr_assert_eq(r.trace.problems.total, 0u);
        cr_assert_eq(rsd_trace_lost(&r.trace), 0u);
        reading_close(&r);
        made_remove(folder);
    }
}

/* Where the three frames of the log end. */
static void frame_ends(const char *folder, off_t ends[3]) {
    struct reading r;
    reading_open(&r, folder);
    for (int i = 0; i < 3; i++) {
        const struct rsd_frame *frame = &r.trace.writers[0].frames[RESIDUE_ALLOC].list[i];
        ends[i] = (off_t)(frame->offset + RESIDUE_HEADER_SIZE + frame->packed_size);
    }
    reading_close(&r);
}

Test(read, a_log_cut_at_any_byte_gives_what_stands_before_the_cut) {
    char *folder = three_segments(RESIDUE_PLANES), *log = strdup(path_in(folder, "t1.log"));
    off_t ends[3];
    frame_ends(folder, ends);
    unlink(path_in(folder, "t1.live"));
    for (off_t cut = ends[2]; cut >= 0; cut--) {
        cr_assert_eq(truncate(log, cut), 0);
        struct reading r;
        size_t whole = (cut >= ends[0]) + (cut >= ends[1]) + (cut >= ends[2]);
        cr_assert_eq(count_in(folder, &r, ALLOCS), whole * 10, "cut at byte %ld", (long)cut);
        bool at_an_end = cut == ends[0] || cut == ends[1] || cut == ends[2];
        unsigned problems = cut == 0 || cut == 64 ? 0 : at_an_end ? 1 : 2; /* 0: a writer just made; 1: no live file */
        cr_assert_eq(r.trace.problems.total, problems, "cut at byte %ld", (long)cut);
        reading_close(&r);
    }
    free(log);
    made_remove(folder);
}

Test(read, a_live_segment_that_the_log_has_already_is_dropped) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    for (uint64_t i = 1; i <= 10; i++)
        made_alloc(w, i, i << 12, 100, 0);
    made_append(w, RESIDUE_ALLOC, RESIDUE_PLANES); /* killed between the append and the commit word */
    made_live(w);
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 10u);
    cr_assert_eq(r.trace.problems.total, 0u);
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

Test(read, a_frame_cut_short_at_the_end_is_taken_from_the_live_file) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    for (uint64_t i = 1; i <= 10; i++)
        made_alloc(w, i, i << 12, 100, 0);
    made_append(w, RESIDUE_ALLOC, RESIDUE_PLANES);
    made_live(w);
    struct stat info;
    cr_assert_eq(stat(w->log, &info), 0);
    for (off_t cut = info.st_size - 1; cut > 64; cut--) {
        cr_assert_eq(truncate(w->log, cut), 0);
        struct reading r;
        cr_assert_eq(count_in(folder, &r, ALLOCS), 10u, "cut at %ld", (long)cut);
        cr_assert_eq(rsd_trace_lost(&r.trace), 0u, "nothing is lost");
        reading_close(&r);
    }
    made_close(w);
    made_remove(folder);
}

Test(read, a_gap_in_the_sequence_is_that_many_segments_lost) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_alloc(w, 1, 0x1000, 1, 0);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_ROWS);
    for (int i = 0; i < 4; i++)
        made_lose(w, RESIDUE_ALLOC);
    made_alloc(w, 2, 0x2000, 1, 0);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_ROWS);
    made_lose(w, RESIDUE_ALLOC);
    made_alloc(w, 3, 0x3000, 1, 0);
    made_live(w);
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 3u);
    cr_assert_eq(rsd_trace_lost(&r.trace), 5u, "four in the log, one before the live segment");
    cr_assert_eq(r.trace.problems.total, 2u);
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

Test(read, a_segment_that_is_there_twice_counts_once) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_alloc(w, 1, 0x1000, 1, 0);
    made_append(w, RESIDUE_ALLOC, RESIDUE_ROWS);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_ROWS);
    made_live(w);
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 1u);
    cr_assert_eq(r.trace.problems.total, 1u);
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

static void flip(const char *path, size_t bit) {
    int fd = open(path, O_RDWR);
    uint8_t byte;
    cr_assert_eq(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1u << bit % 8);
    cr_assert_eq(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
    close(fd);
}

/* With any one bit of the log flipped the other segments are read, and something is said unless nothing is missing. */
Test(read, one_flipped_bit_costs_at_most_one_segment) {
    char *folder = three_segments(RESIDUE_PLANES), *log = strdup(path_in(folder, "t1.log"));
    struct stat info;
    cr_assert_eq(stat(log, &info), 0);
    for (size_t bit = 0; bit < (size_t)info.st_size * 8; bit++) {
        flip(log, bit);
        struct reading r;
        size_t count = count_in(folder, &r, ALLOCS);
        bool in_identity = bit < 32 * 8; /* version or trace id: the file is refused as a whole */
        if (!in_identity)
            cr_assert(count == 25 || count == 35, "bit %zu: %zu records", bit, count);
        if (count != 35)
            cr_assert_gt(r.trace.problems.total, 0u, "bit %zu: loss without a word", bit);
        reading_close(&r);
        flip(log, bit);
    }
    free(log);
    made_remove(folder);
}

Test(read, a_live_file_damaged_anywhere_in_its_header_crashes_nothing) {
    char *folder = three_segments(RESIDUE_ROWS), *live = strdup(path_in(folder, "t1.live"));
    for (size_t bit = 0; bit < 512 * 8; bit++) {
        flip(live, bit);
        struct reading r;
        size_t count = count_in(folder, &r, ALLOCS);
        cr_assert(count >= 30 && count <= 35 + 65536 / 24, "bit %zu: %zu records", bit, count);
        reading_close(&r);
        flip(live, bit);
    }
    free(live);
    made_remove(folder);
}

Test(read, a_record_that_goes_back_in_time_ends_its_frame_and_those_before_it_count) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_alloc(w, 10, 0x1000, 1, 0);
    made_alloc(w, 20, 0x2000, 1, 0);
    made_alloc(w, 15, 0x3000, 1, 0);
    made_alloc(w, 30, 0x4000, 1, 0);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
    made_alloc(w, 40, 0x5000, 1, 0);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
    made_live(w);
    struct reading r;
    struct seen seen[8];
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, ALLOCS, seen, 8), 3u);
    cr_assert_eq(seen[1].time, 20u);
    cr_assert_eq(seen[2].time, 40u);
    cr_assert_eq(r.trace.problems.total, 1u);
    cr_assert_eq(r.trace.problems.list[0].offset, 64u);
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

static void set_major(const char *path, off_t offset, uint16_t major) {
    int fd = open(path, O_RDWR);
    cr_assert_eq(pwrite(fd, &major, sizeof major, offset), (ssize_t)sizeof major);
    close(fd);
}

/* In which second segments were zero. */
Test(read, a_trace_of_version_1_is_read) {
    char *folder = three_segments(RESIDUE_PLANES);
    set_major(path_in(folder, "t1.log"), 16, 1);
    set_major(path_in(folder, "t1.live"), 8, 1);
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 35u);
    cr_assert_eq(r.trace.problems.total, 0u);
    reading_close(&r);
    made_remove(folder);
}

Test(read, a_version_mismatch_names_both_versions) {
    char *folder = three_segments(RESIDUE_ROWS);
    set_major(path_in(folder, "t1.log"), 16, 7);
    struct reading r;
    reading_open(&r, folder);
    char *text = rsd_problem_text(&r.trace.problems.list[0]);
    cr_assert_str_eq(text, "t1.log: offset 8: format 7.0; this residue reads 1.x to 3.x: the file is left out");
    free(text);
    reading_close(&r);
    made_remove(folder);
}

/* A header whose checksum is right can still lie about everything else. */
Test(read, a_header_that_lies_crashes_nothing) {
    static const uint64_t lies[] = {0, 1, 2, 7, 255, 65536, 16777216, UINT32_MAX, UINT64_MAX, UINT64_MAX / 2 + 1};
    static const size_t fields[] = {8, 9, 12, 16, 20, 24, 32, 40}, sizes[] = {1, 1, 4, 4, 4, 8, 8, 4};
    for (int kind = 0; kind < RESIDUE_KINDS; kind++) {
        char *folder = made_folder("read");
        made_meta(folder);
        struct made_writer *w = made_open(folder, 1);
        made_node(w, RESIDUE_NODE_END, 0, 0, 0, RESIDUE_SOURCE_NONE);
        made_alloc(w, 1, 0x1000, 1, 1);
        made_free(w, 2, 0x1000);
        made_large(w, 3, RESIDUE_API_MMAP, 0x1000, 4096, 1, 3);
        made_end(w, 4);
        made_seal(w, (enum residue_kind)kind, kind == RESIDUE_OTHER ? RESIDUE_ROWS : RESIDUE_PLANES);
        made_live(w);
        for (size_t i = 0; i < sizeof lies / sizeof *lies * sizeof fields / sizeof *fields; i++) {
            struct residue_frame_header h, lying;
            size_t field = i % (sizeof fields / sizeof *fields);
            int fd = open(w->log, O_RDWR);
            cr_assert_eq(pread(fd, &h, sizeof h, 64), (ssize_t)sizeof h);
            lying = h;
            memcpy((char *)&lying + fields[field], &lies[i / (sizeof fields / sizeof *fields)], sizes[field]);
            lying.checksum = residue_fnv1a(&lying, offsetof(struct residue_frame_header, checksum));
            cr_assert_eq(pwrite(fd, &lying, sizeof lying, 64), (ssize_t)sizeof lying);
            struct rsd_analysis analysis;
            struct rsd_analysis_options options = {.quiet = true};
            char *why = NULL;
            cr_assert(rsd_analyse(&analysis, folder, &options, &why));
            rsd_analysis_free(&analysis);
            cr_assert_eq(pwrite(fd, &h, sizeof h, 64), (ssize_t)sizeof h);
            close(fd);
        }
        made_close(w);
        made_remove(folder);
    }
}

/* ---- The ring ---------------------------------------------------------------------------------------------------- */

Test(read, a_ring_entry_counts_only_if_it_is_newer_than_the_last_alloc_record) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_ring(w, 4);
    made_ring_entry(w, 10, 0x1000, 1, 0); /* pushed out */
    made_ring_entry(w, 20, 0x2000, 1, 0); /* written to the segment, not overwritten yet */
    made_ring_entry(w, 30, 0, 0, 0);      /* dead */
    made_ring_entry(w, 40, 0x4000, 1, 0);
    made_ring_entry(w, 50, 0x5000, 1, 0);
    made_alloc(w, 10, 0x1000, 1, 0);
    made_alloc(w, 20, 0x2000, 1, 0);
    made_live(w);
    struct reading r;
    struct seen seen[8];
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, ALLOCS, seen, 8), 4u);
    for (size_t i = 0; i < 4; i++) {
        static const uint64_t times[] = {10, 20, 40, 50};
        cr_assert_eq(seen[i].time, times[i]);
        cr_assert_eq(seen[i].place, i < 2 ? RSD_IN_LIVE : RSD_IN_RING);
    }
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

Test(read, the_ring_rule_looks_at_the_log_when_the_segment_is_empty) {
    char *folder = made_folder("read");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_ring(w, 4);
    made_ring_entry(w, 10, 0x1000, 1, 0);
    made_ring_entry(w, 20, 0x2000, 1, 0);
    made_alloc(w, 10, 0x1000, 1, 0);
    made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
    made_live(w);
    struct reading r;
    struct seen seen[8];
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, ALLOCS, seen, 8), 2u);
    cr_assert_eq(seen[0].place, RSD_IN_LOG);
    cr_assert_eq(seen[1].place, RSD_IN_RING);
    reading_close(&r);
    made_close(w);
    made_remove(folder);
}

/* A kill between the last store of an entry and that of `head`, both before the ring is full and after. */
Test(read, a_ring_entry_that_was_written_and_not_counted_yet_is_read_in_its_place) {
    for (size_t before = 2; before <= 5; before++) {
        char *folder = made_folder("read");
        made_meta(folder);
        struct made_writer *w = made_open(folder, 1);
        made_ring(w, 4);
        for (uint64_t i = 1; i <= before; i++)
            made_ring_entry(w, 10 * i, 0x1000 * i, 1, 0);
        made_ring_uncounted(w);
        made_live(w);
        struct reading r;
        struct seen seen[8];
        size_t expected = before < 4 ? before : 4;
        reading_open(&r, folder);
        cr_assert_eq(reading_all(&r, ALLOCS, seen, 8), expected);
        for (size_t i = 0; i < expected; i++)
            cr_assert_eq(seen[i].time, 10 * (before - expected + i + 1));
        cr_assert_eq(r.trace.problems.total, 0u);
        reading_close(&r);
        made_close(w);
        made_remove(folder);
    }
}

/* ---- The directory ----------------------------------------------------------------------------------------------- */

Test(read, a_trace_without_meta_is_read_and_a_folder_without_anything_is_none) {
    char *folder = three_segments(RESIDUE_ROWS), *why = NULL;
    unlink(path_in(folder, "meta.json"));
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 35u);
    cr_assert_eq(r.trace.problems.total, 1u);
    reading_close(&r);
    made_remove(folder);

    char *empty = made_folder("read");
    struct rsd_trace trace;
    cr_assert_not(rsd_trace_open(&trace, empty, &why));
    cr_assert(strstr(why, empty), "the message names the trace");
    free(why);
    made_remove(empty);
}

Test(read, files_of_another_trace_are_left_out) {
    char *folder = three_segments(RESIDUE_ROWS);
    uint64_t other = 99;
    int fd = open(path_in(folder, "t1.log"), O_RDWR);
    cr_assert_eq(pwrite(fd, &other, sizeof other, 24), (ssize_t)sizeof other);
    close(fd);
    struct reading r;
    cr_assert_eq(count_in(folder, &r, ALLOCS), 5u, "the live file is still ours");
    reading_close(&r);
    made_remove(folder);
}
