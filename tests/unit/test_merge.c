/*
 * The merge: all writers in the order of time, and on a tie what frees before what allocates.
 */
#include <criterion/criterion.h>

#include "merge.h"
#include "reading.h"

Test(merge, writers_and_kinds_come_in_the_order_of_time) {
    char *folder = made_folder("merge");
    made_meta(folder);
    struct seen seen[4000];
    size_t wanted = 0;
    for (uint32_t number = 1; number <= 5; number++) {
        struct made_writer *w = made_open(folder, number);
        for (uint64_t i = 1; i <= 200; i++) {
            made_alloc(w, i * 10 + number, number << 20 | i << 4, 1, 0);
            made_free(w, i * 10 + number + 5, number << 20 | i << 4);
            wanted += 2;
            if (i % (30 + number) == 0) {
                made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
                made_seal(w, RESIDUE_FREE, RESIDUE_PLANES);
            }
        }
        made_live(w);
        made_close(w);
    }
    struct reading r;
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, RSD_EVENTS, seen, 4000), wanted);
    for (size_t i = 1; i < wanted; i++)
        cr_assert_geq(seen[i].time, seen[i - 1].time);
    cr_assert_eq(r.trace.problems.total, 0u);
    reading_close(&r);
    made_remove(folder);
}

Test(merge, between_writers_the_free_comes_first_on_a_tie) {
    char *folder = made_folder("merge");
    made_meta(folder);
    struct made_writer *a = made_open(folder, 1), *b = made_open(folder, 2), *c = made_open(folder, 3);
    made_alloc(a, 100, 0x1000, 8, 0);
    made_free(b, 100, 0x1000);
    made_large(c, 100, RESIDUE_API_MUNMAP, 0x10000, 4096, 0, 0);
    made_barrier(a, 100, RESIDUE_BARRIER_MARK, "m");
    made_live(a);
    made_live(b);
    made_live(c);
    struct reading r;
    struct seen seen[4];
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, RSD_EVENTS | 1u << RESIDUE_OTHER, seen, 4), 4u);
    cr_assert_eq(seen[0].kind, RESIDUE_FREE);
    cr_assert_eq(seen[1].kind, RESIDUE_LARGE, "munmap frees");
    cr_assert_eq(seen[2].kind, RESIDUE_ALLOC);
    cr_assert_eq(seen[3].kind, RESIDUE_OTHER, "a barrier has everything of its instant before it");
    reading_close(&r);
    made_close(a);
    made_close(b);
    made_close(c);
    made_remove(folder);
}

Test(merge, a_sealed_tie_is_ordered_like_an_open_one) {
    char *folder = made_folder("merge");
    made_meta(folder);
    struct made_writer *a = made_open(folder, 1), *b = made_open(folder, 2);
    made_alloc(a, 100, 0x1000, 8, 0);
    made_seal(a, RESIDUE_ALLOC, RESIDUE_PLANES);
    made_free(b, 100, 0x1000);
    made_seal(b, RESIDUE_FREE, RESIDUE_PLANES);
    made_live(a);
    made_live(b);
    struct reading r;
    struct seen seen[2];
    reading_open(&r, folder);
    cr_assert_eq(reading_all(&r, RSD_EVENTS, seen, 2), 2u);
    cr_assert_eq(seen[0].kind, RESIDUE_FREE);
    reading_close(&r);
    made_close(a);
    made_close(b);
    made_remove(folder);
}

Test(merge, what_is_later_than_the_cutoff_is_left_out) {
    char *folder = made_folder("merge");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    for (uint64_t time = 1; time <= 100; time++) {
        made_alloc(w, time, time << 8, 1, 0);
        if (time == 30 || time == 60)
            made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
    }
    made_live(w);
    static const uint64_t cutoffs[] = {10, 30, 31, 60, 75, 100, 1000};
    for (size_t i = 0; i < sizeof cutoffs / sizeof *cutoffs; i++) {
        struct reading r;
        struct seen seen[1];
        reading_open(&r, folder);
        r.source.cutoff = cutoffs[i];
        cr_assert_eq(reading_all(&r, RSD_EVENTS, seen, 1), cutoffs[i] < 100 ? cutoffs[i] : 100);
        reading_close(&r);
    }
    made_close(w);
    made_remove(folder);
}
