/*
 * Several traces: call sites matched by name, renamed and moved ones told apart, columns that add up; for versions of a
 * library, and for workers of a service.
 */
#include <criterion/criterion.h>
#include <link.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "diff.h"
#include "reading.h"
#include "report/icicle.h"
#include "workers.h"

#define SECOND 1000u /* ticks */
#define LIBRARY "/srv/app/node_modules/imagery/libimagery.so.1"
#define SIDES_MOST 4

/* Functions whose names stand on the stacks. */
__attribute__((noinline)) static void save_image(void) {
    __asm__ volatile("" ::: "memory");
}
__attribute__((noinline)) static void write_image(void) {
    __asm__ volatile("nop" ::: "memory");
}

struct site {           /* one block a second: a minute of it is a leak */
    const char *script; /* "onGet", or "onGet /srv/app/server.js" */
    void (*function)(void);
    uint64_t offset; /* of nameless code in the library */
    int frames;      /* how many such frames */
    uint32_t size;   /* 0: the call site is there and keeps nothing */
};

static int main_program(struct dl_phdr_info *info, size_t size, void *base) {
    (void)size;
    *(uint64_t *)base = info->dlpi_addr;
    return 1;
}

static uint64_t address_in_file(void (*function)(void)) {
    uint64_t base = 0;
    dl_iterate_phdr(main_program, &base);
    return (uint64_t)(uintptr_t)function - base;
}

static uint32_t stack_of(struct made_writer *w, uint32_t root, const struct site *site, uint32_t id) {
    const char *file = strchr(site->script, ' ') ? strchr(site->script, ' ') + 1 : "/srv/app/server.js";
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(site->script, " "), site->script);
    struct residue_js_function js = {.head = {.tag = RESIDUE_TAG_JS_FUNCTION, .time = 2},
                                     .id = id,
                                     .line = 10,
                                     .column = 1,
                                     .name_size = (uint32_t)strlen(name),
                                     .file_size = (uint32_t)strlen(file)};
    made_tagged(w, &js, sizeof js, name, file);
    uint32_t node = made_node(w, RESIDUE_NODE_JS, UINT64_C(12) << 32 | 5, root, id, RESIDUE_SOURCE_FP);
    node = made_node(w, RESIDUE_NODE_NATIVE, 0x500000000000 + address_in_file(site->function) + 1, node, 2,
                     RESIDUE_SOURCE_CFI);
    for (int i = 0; i < site->frames; i++)
        node = made_node(w, RESIDUE_NODE_NATIVE, 0x7f0000000000 + site->offset + 16 * (uint64_t)i, node, 1,
                         RESIDUE_SOURCE_CODE);
    return node;
}

static bool steady; /* the program does not change between versions */
static const char *started_in = "/srv", *started = "server.js";

/* A trace of a minute. */
static char *version(const struct site *sites, size_t count, uint64_t marks) {
    char *folder = made_folder("match"), self[4096] = "", other[4096];
    cr_assert_gt(readlink("/proc/self/exe", self, sizeof self - 1), 0);
    snprintf(other, sizeof other, "%s/unit", folder); /* another path: another version of the program */
    cr_assert_eq(symlink(self, other), 0);
    made_meta_of(folder, started_in, started);
    struct made_writer *p = made_open(folder, 0), *w = made_open(folder, 1);
    made_module(p, 2, 1, 0x7f0000000000, LIBRARY);
    made_module(p, 2, 2, 0x500000000000, steady ? self : other);
    made_thread(w, 2, 4711, 1, "node");
    uint32_t root = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE), stack[8];
    for (size_t i = 0; i < count; i++)
        stack[i] = stack_of(w, root, &sites[i], (uint32_t)i + 1);
    uint64_t address = 0x100000;
    for (uint64_t second = 0; second < 60; second++) {
        made_memory(p, second * SECOND + 10, (20 << 20) + second * 300000);
        if (second % 10 == 5 && second / 10 < marks)
            made_barrier(p, second * SECOND + 500, RESIDUE_BARRIER_MARK, "round");
        for (size_t i = 0; i < count; i++, address += 0x100000) {
            uint64_t time = second * SECOND + 100 + 10 * i;
            made_alloc(w, time, address, sites[i].size ? sites[i].size : 100, stack[i]);
            if (!sites[i].size)
                made_free(w, time + 5, address);
        }
    }
    made_end(p, 60 * SECOND);
    made_live(p);
    made_live(w);
    made_close(p);
    made_close(w);
    return folder;
}

struct sides {
    char *folder[SIDES_MOST];
    struct rsd_analysis analysis[SIDES_MOST];
    struct rsd_report made[SIDES_MOST];
    struct rsd_report *report[SIDES_MOST];
    struct rsd_match match;
    size_t count;
};

static void add_side(struct sides *sides, const struct site *sites, size_t count, uint64_t marks) {
    struct rsd_analysis_options options = {.quiet = true, .window = {.has_from = true}};
    size_t i = sides->count++;
    char *why = NULL, name[] = "residue.1";
    name[8] = (char)('1' + i);
    sides->folder[i] = version(sites, count, marks);
    cr_assert(rsd_analyse(&sides->analysis[i], sides->folder[i], &options, &why), "%s", why);
    free(sides->analysis[i].trace.path);
    sides->analysis[i].trace.path = strdup(name);
    cr_assert(rsd_report_make(&sides->made[i], &sides->analysis[i], &(struct rsd_report_options){.top = 1}));
    sides->report[i] = &sides->made[i];
}

#define ADD_SIDE(sides, ...)                                                                                           \
    add_side(sides, (const struct site[]){__VA_ARGS__},                                                                \
             sizeof((const struct site[]){__VA_ARGS__}) / sizeof(struct site), 3)

static void compare(struct sides *sides, const struct rsd_per *per) {
    rsd_diff_make(&sides->match, sides->report, sides->count, per);
    for (size_t side = 0; side < sides->count; side++) {
        double sum = 0, all = 0;
        for (size_t i = 0; i < sides->match.count; i++)
            sum += sides->match.list[i].part[side].value;
        const char *why;
        for (size_t i = 0; i < sides->report[side]->heap.count; i++)
            all += (double)sides->report[side]->heap.list[i].value;
        all /= rsd_per_parts(per, &sides->analysis[side].window, side, &why);
        cr_assert_float_eq(sum, sides->match.total[side], 1e-6, "rows of side %zu", side);
        cr_assert_float_eq(sum, all, 1e-6, "call sites of side %zu", side);
    }
}

static const struct rsd_per as_it_is = {.kind = RSD_PER_RUN};

static void done(struct sides *sides) {
    rsd_match_free(&sides->match);
    for (size_t i = 0; i < sides->count; i++) {
        rsd_report_free(&sides->made[i]);
        rsd_analysis_free(&sides->analysis[i]);
        made_remove(sides->folder[i]);
    }
}

static void expect_kinship(const struct sides *sides, size_t row, enum rsd_kinship kinship, const char *text) {
    char *said = rsd_match_kinship(&sides->match, &sides->match.list[row]);
    cr_assert_eq(sides->match.list[row].kinship, kinship, "%s", rsd_kinship_name(sides->match.list[row].kinship));
    if (text)
        cr_assert_str_eq(said, text);
    else
        cr_assert_null(said);
    free(said);
}

static void expect_verdict(const struct sides *sides, const char *text) {
    char *verdict = rsd_diff_verdict(&sides->match);
    cr_assert_str_eq(verdict, text);
    free(verdict);
}

/* ---- Places ------------------------------------------------------------------------------------------------------ */

struct run {
    const char *folder, *script, *files[2];
};

/* How many of the call sites in two runs are the same, one in each file. */
static size_t same_rows(const struct run *run) {
    struct sides sides = {0};
    size_t same = 0;
    for (size_t i = 0; i < 2; i++) {
        char first[256], second[256];
        snprintf(first, sizeof first, "onGet %s", run[i].files[0]);
        snprintf(second, sizeof second, "keep %s", run[i].files[1]);
        started_in = run[i].folder;
        started = run[i].script;
        ADD_SIDE(&sides, {first, save_image, 0x1000, 1, 5000}, {second, save_image, 0x1000, 1, 70});
    }
    compare(&sides, &as_it_is);
    for (size_t i = 0; i < sides.match.count; i++) {
        const struct rsd_row *row = &sides.match.list[i];
        same += row->kinship == RSD_SAME && row->part[0].stack && row->part[1].stack;
    }
    done(&sides);
    return same;
}

Test(match, a_program_is_the_same_wherever_it_lies_and_is_started) {
    static const struct {
        const char *what;
        struct run run[2];
        size_t same;
    } cases[] = {
        {"started from a folder below",
         {{"/shop", "start.js", {"/shop/start.js", "/shop/lib/cart.js"}},
          {"/shop/lib", "../start.js", {"/shop/start.js", "/shop/lib/cart.js"}}},
         2},
        {"a copy, in a container",
         {{"/home/me/shop", "start.js", {"/home/me/shop/start.js", "/home/me/shop/lib/cart.js"}},
          {"/app", "start.js", {"/app/start.js", "/app/lib/cart.js"}}},
         2},
        {"a copy within the other, with files of one name in several folders",
         {{"/shop", "start.js", {"/shop/start.js", "/shop/lib/start.js"}},
          {"/shop/copy", "start.js", {"/shop/copy/start.js", "/shop/copy/lib/start.js"}}},
         2},
        {"copies side by side, started from where both lie, one by its URL",
         {{"/srv", "v1/src/start.js", {"/srv/v1/src/start.js", "/srv/v1/cart.js"}},
          {"/srv", "v2/src/start.js", {"file:///srv/v2/src/start.js", "file:///srv/v2/cart.js"}}},
         2},
        {"another script of a copy",
         {{"/shop", "start.js", {"/shop/start.js", "/shop/lib/cart.js"}},
          {"/copy/test", "load.js", {"/copy/test/load.js", "/copy/lib/cart.js"}}},
         1},
        {"beside a file of all programs",
         {{"/v1", "start.js", {"/v1/start.js", "/opt/agent.js"}},
          {"/v2", "start.js", {"/v2/start.js", "/opt/agent.js"}}},
         2},
        {"other files of the same name in one program",
         {{"/shop", "start.js", {"/shop/a/index.js", "/shop/b/index.js"}},
          {"/shop", "start.js", {"/shop/c/index.js", "/shop/d/index.js"}}},
         0},
        {"packages",
         {{"/v1", "start.js", {"/v1/node_modules/x/a.js", "/v1/node_modules/.pnpm/y@1/node_modules/y/a.js"}},
          {"/v2", "start.js", {"/v2/node_modules/x/a.js", "/v2/node_modules/y/a.js"}}},
         2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t same = same_rows(cases[i].run);
        cr_assert_eq(same, cases[i].same, "%s: %zu", cases[i].what, same);
    }
}

/* ---- Versions ---------------------------------------------------------------------------------------------------- */

Test(match, nameless_runs_of_a_module_are_one_word_whatever_their_offsets_and_number) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000});
    ADD_SIDE(&sides, {"onGet", save_image, 0x2340, 3, 0});
    compare(&sides, &as_it_is);
    cr_assert_eq(sides.match.count, 1u);
    cr_assert_eq(sides.match.matched, 1);
    expect_kinship(&sides, 0, RSD_SAME, NULL);
    cr_assert_str_eq(rsd_diff_change(&sides.match, &sides.match.list[0]), "gone");
    expect_verdict(&sides, "the leak of A is gone in B");
    done(&sides);
}

Test(match, a_function_that_was_renamed_is_shown_as_such) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000}, {"onPut", save_image, 0x1000, 1, 70});
    ADD_SIDE(&sides, {"onGet", write_image, 0x2340, 1, 5000}, {"onPut", save_image, 0x2340, 1, 70});
    compare(&sides, &as_it_is);
    cr_assert_eq(sides.match.count, 2u);
    cr_assert_eq(sides.match.matched, 1);
    expect_kinship(&sides, 0, RSD_RENAMED, "A: save_image; B: write_image");
    expect_kinship(&sides, 1, RSD_SAME, NULL);
    expect_verdict(&sides, "both leak");
    done(&sides);
}

Test(match, in_a_module_that_did_not_change_no_function_was_renamed) {
    struct sides sides = {0};
    steady = true;
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000});
    ADD_SIDE(&sides, {"onGet", write_image, 0x2340, 1, 70});
    compare(&sides, &as_it_is);
    cr_assert_eq(sides.match.count, 2u, "one is gone, another is new");
    cr_assert_eq(sides.match.matched_of[0], 0);
    done(&sides);
}

Test(match, a_site_that_other_javascript_calls_is_shown_as_moved_where_there_is_but_one) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000});
    ADD_SIDE(&sides, {"onPut", save_image, 0x2340, 1, 5000});
    compare(&sides, &as_it_is);
    cr_assert_eq(sides.match.count, 1u);
    expect_kinship(&sides, 0, RSD_MOVED, "A: onGet app/server.js; B: onPut app/server.js");
    done(&sides);

    struct sides unclear = {0};
    ADD_SIDE(&unclear, {"onGet", save_image, 0x1000, 1, 5000}, {"onHead", save_image, 0x1000, 1, 400});
    ADD_SIDE(&unclear, {"onPut", save_image, 0x2340, 1, 5000});
    compare(&unclear, &as_it_is);
    cr_assert_eq(unclear.match.count, 3u, "which of the two it was cannot be told");
    cr_assert_eq(unclear.match.matched, 0);
    done(&unclear);
}

Test(match, another_leak_in_the_newer_version_is_not_taken_for_the_old_one) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000}, {"onPut", write_image, 0x1000, 1, 0});
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 0}, {"onPut", write_image, 0x1000, 1, 7000});
    compare(&sides, &as_it_is);
    expect_verdict(&sides, "both leak, but not the same: the largest leak of A is gone in B, which leaks elsewhere");
    done(&sides);
}

static void write_diff(FILE *out, void *context) {
    rsd_diff_text(&((struct sides *)context)->match, 10, out);
}

static void write_folded(FILE *out, void *context) {
    rsd_diff_flame(&((struct sides *)context)->match, out);
}

static void write_drawn(FILE *out, void *context) {
    rsd_diff_icicle(&((struct sides *)context)->match, 100, out);
}

static void expect_columns(const char *name, char *text, size_t width) {
    golden(name, text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_leq(strlen(line), width, "wider than %zu columns: %s", width, line);
    free(text);
}

/* Where a function of this program lies differs from build to build. */
static char *without_places(char *text) {
    for (char *at; (at = strstr(text, "  unit+0x"));)
        memmove(at, strchr(at, '\n'), strlen(strchr(at, '\n')) + 1);
    return text;
}

static void four_versions(struct sides *sides) {
    ADD_SIDE(sides, {"onGet", save_image, 0x1000, 1, 5000}, {"onPut", save_image, 0x1000, 1, 700});
    ADD_SIDE(sides, {"onGet", save_image, 0x2000, 2, 5000}, {"onPut", save_image, 0x2000, 1, 700});
    ADD_SIDE(sides, {"onGet", write_image, 0x3000, 1, 0}, {"onPut", save_image, 0x3000, 1, 0});
    ADD_SIDE(sides, {"onGet", write_image, 0x4000, 1, 0}, {"onPut", save_image, 0x4000, 1, 0});
}

Test(match, more_than_two_versions_are_a_table_that_adds_up) {
    struct sides sides = {0};
    four_versions(&sides);
    compare(&sides, &as_it_is);
    expect_verdict(&sides, "the leak of A and B is gone in C and D");
    expect_columns("versions.txt", text_of(write_diff, &sides), 80);
    done(&sides);
}

Test(match, folded_stacks_of_two_versions_have_a_count_of_each) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"on;Get", save_image, 0x1000, 2, 5000}, {"onPut", save_image, 0x1000, 1, 700});
    ADD_SIDE(&sides, {"on;Get", save_image, 0x2000, 1, 0}, {"onPut", save_image, 0x2000, 1, 800});
    compare(&sides, &as_it_is);
    char *text = text_of(write_folded, &sides);
    golden("flame-diff.txt", text);
    double sum[2] = {0, 0};
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *b = strrchr(line, ' ');
        *b++ = 0;
        char *a = strrchr(line, ' ');
        *a++ = 0;
        cr_assert(*a && strspn(a, "0123456789") == strlen(a) && *b && strspn(b, "0123456789") == strlen(b));
        cr_assert(!strstr(line, ";;") && line[0] != ';' && a[-2] != ';', "an empty frame: %s", line);
        sum[0] += atof(a);
        sum[1] += atof(b);
    }
    cr_assert_eq(sum[0], sides.match.total[0]);
    cr_assert_eq(sum[1], sides.match.total[1]);
    free(text);
    expect_columns("icicle-diff.txt", text_of(write_drawn, &sides), 100);
    done(&sides);
}

/* ---- Per --------------------------------------------------------------------------------------------------------- */

Test(match, values_are_divided_by_minutes_marks_or_requests) {
    static const struct {
        const char *text;
        double divisor;
    } per[] = {{"minute", 59.999 / 60}, {"mark", 3}, {"request=240,240", 240}};
    for (size_t i = 0; i < sizeof per / sizeof *per; i++) {
        struct sides sides = {0};
        struct rsd_per chosen;
        cr_assert(rsd_per_argument("diff", per[i].text, &chosen));
        ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000});
        ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 500});
        compare(&sides, &chosen);
        cr_assert_float_eq(sides.match.total[0], 60 * 5000 / per[i].divisor, 10, "%s: %f", per[i].text,
                           sides.match.total[0]);
        done(&sides);
    }
}

Test(match, what_cannot_be_divided_by_is_said) {
    struct rsd_per per;
    const char *why = NULL;
    struct rsd_window window = {.to_s = 60};
    freopen("/dev/null", "w", stderr);
    cr_assert_not(rsd_per_argument("diff", "request", &per));
    cr_assert_not(rsd_per_argument("diff", "request=", &per));
    cr_assert_not(rsd_per_argument("diff", "request=0", &per));
    cr_assert_not(rsd_per_argument("diff", "request=5,", &per));
    cr_assert_not(rsd_per_argument("diff", "hour", &per));
    cr_assert(rsd_per_argument("diff", "request=5", &per));
    cr_assert_eq(rsd_per_parts(&per, &window, 0, &why), 5);
    cr_assert_eq(rsd_per_parts(&per, &window, 1, &why), 0);
    cr_assert_str_eq(why, "--per request= has no number for it");
    cr_assert(rsd_per_argument("diff", "mark", &per));
    cr_assert_eq(rsd_per_parts(&per, &window, 0, &why), 0, "there is none");
}

/* ---- Workers ----------------------------------------------------------------------------------------------------- */

static void write_workers(FILE *out, void *context) {
    rsd_workers_text(&((struct sides *)context)->match, 10, out);
}

Test(match, workers_are_added_up_and_the_one_that_leaks_alone_is_seen) {
    struct sides sides = {0};
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5000}, {"onPut", save_image, 0x1000, 1, 0});
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5100}, {"onPut", save_image, 0x1000, 1, 0});
    ADD_SIDE(&sides, {"onGet", save_image, 0x1000, 1, 5200}, {"onDelete", save_image, 0x1000, 1, 3000});
    rsd_workers_make(&sides.match, sides.report, sides.count, &as_it_is);
    cr_assert_eq(sides.match.count, 3u, "what one worker has alone is no renamed form of what another has");
    struct rsd_spread all = rsd_spread_of(&sides.match, &sides.match.list[0]),
                      one = rsd_spread_of(&sides.match, &sides.match.list[1]);
    cr_assert_eq(all.workers, 3u);
    cr_assert_eq(all.sum, 60 * (5000 + 5100 + 5200));
    cr_assert(all.least == 60 * 5000 && all.median == 60 * 5100 && all.most == 60 * 5200);
    cr_assert_eq(one.workers, 1u);
    cr_assert(one.least == 0 && one.median == 0 && one.most == 60 * 3000);
    expect_columns("workers.txt", without_places(text_of(write_workers, &sides)), 80);
    done(&sides);
}
