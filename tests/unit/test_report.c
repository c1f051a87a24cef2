/*
 * What the commands print, for a small trace that has one of everything: golden files, the shape of the JSON, and the
 * rules of folded stacks.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dump.h"
#include "reading.h"
#include "report/icicle.h"
#include "report/issue.h"
#include "report/layout.h"
#include "report/report.h"

#define LIBVIPS "/srv/app/node_modules/@img/sharp-libvips-linux-x64/lib/libvips-cpp.so.42"

static uint32_t js_function(struct made_writer *w, uint32_t id, const char *name, const char *file) {
    struct residue_js_function js = {.head = {.tag = RESIDUE_TAG_JS_FUNCTION, .time = 2},
                                     .id = id,
                                     .line = 10,
                                     .column = 1,
                                     .name_size = (uint32_t)strlen(name),
                                     .file_size = (uint32_t)strlen(file)};
    made_tagged(w, &js, sizeof js, name, file);
    return id;
}

static void process_side(const char *folder) {
    struct made_writer *p = made_open(folder, 0);
    struct residue_runtime runtime = {
        .head = {.tag = RESIDUE_TAG_RUNTIME, .time = 3}, .name_size = 4, .version_size = 8};
    made_module(p, 2, 1, 0x7f0000000000, LIBVIPS);
    made_module(p, 2, 2, 0x555500000000, "/srv/app/bin/node");
    made_tagged(p, &runtime, sizeof runtime, "node", "v20.20.2");
    made_memory(p, 10, 50 << 20);
    made_memory(p, 2000, 70 << 20);
    made_memory(p, 4000, 90 << 20);
    made_seal(p, RESIDUE_OTHER, RESIDUE_ROWS);
    made_barrier(p, 4500, RESIDUE_BARRIER_TEARDOWN, "");
    made_memory(p, 5000, 30 << 20);
    made_end(p, 5000);
    made_live(p);
    made_close(p);
}

static void main_thread(const char *folder) {
    struct made_writer *w = made_open(folder, 1);
    made_thread(w, 2, 4711, 1, "node");
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t start = made_node(w, RESIDUE_NODE_NATIVE, 0x555500001000, end, 2, RESIDUE_SOURCE_CFI);
    uint32_t handler = made_node(w, RESIDUE_NODE_JS, UINT64_C(12) << 32 | 5, start,
                                 js_function(w, 1, "on;Request\n", "/srv/app/server.js"), RESIDUE_SOURCE_FP);
    uint32_t jit = made_node(w, RESIDUE_NODE_JIT, 0x1234500, handler, 0, RESIDUE_SOURCE_FP);
    jit = made_node(w, RESIDUE_NODE_JIT, 0x1234600, jit, 0, RESIDUE_SOURCE_FP);
    uint32_t leaf = made_node(w, RESIDUE_NODE_NATIVE, 0x555500002000, jit, 2, RESIDUE_SOURCE_NONE);
    for (uint64_t i = 1; i <= 40; i++) {
        made_alloc(w, i * 100, 0x10000 * i, 1000 + (uint32_t)(i % 3), leaf);
        if (i % 2)
            made_free(w, i * 100 + 50, 0x10000 * i);
        if (i == 20) {
            made_seal(w, RESIDUE_ALLOC, RESIDUE_PLANES);
            made_seal(w, RESIDUE_NODE, RESIDUE_PLANES);
        }
    }
    made_large(w, 60, RESIDUE_API_MMAP, 0x7e0000000000, 1 << 20, leaf,
               PROT_READ | PROT_WRITE | (MAP_PRIVATE | MAP_ANONYMOUS) << 8);
    made_free(w, 4600, 0x20000); /* teardown: not in the report */
    made_live(w);
    made_close(w);
}

static void pool_thread(const char *folder) {
    struct made_writer *w = made_open(folder, 2);
    made_thread(w, 500, 4712, 2, "libuv-worker");
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_NO_RULE, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t save = made_node(w, RESIDUE_NODE_NATIVE, 0x7f000026870b, end, 1, RESIDUE_SOURCE_SCAN);
    uint32_t leaf = made_node(w, RESIDUE_NODE_NATIVE, 0x7f0000100000, save, 1, RESIDUE_SOURCE_NONE);
    for (uint64_t i = 1; i <= 36; i++)
        made_large(w, 1000 + i * 90, RESIDUE_API_MALLOC, 0x7d0000000000 + i * 0x100000, 262268, leaf, 0);
    made_ring(w, 4);
    made_ring_entry(w, 4400, 0x900000, 77, leaf);
    made_live(w);
    made_close(w);
}

static char *example(void) {
    char *folder = made_folder("report");
    made_meta(folder);
    made_file(folder, "status.json", "{\"exit\": 0}\n");
    process_side(folder);
    main_thread(folder);
    pool_thread(folder);
    return folder;
}

struct shown {
    struct rsd_analysis analysis;
    struct rsd_report report;
};

static void show_with(struct shown *shown, const char *folder, const struct rsd_report_options *how) {
    struct rsd_analysis_options options = {.quiet = true};
    char *why = NULL;
    cr_assert(rsd_analyse(&shown->analysis, folder, &options, &why), "%s", why);
    free(shown->analysis.trace.path);
    shown->analysis.trace.path = strdup("residue.4711"); /* the folder's name is made up each time */
    cr_assert(rsd_report_make(&shown->report, &shown->analysis, how));
}

static void show(struct shown *shown, const char *folder, size_t top, const char *site) {
    show_with(shown, folder, &(struct rsd_report_options){.top = top, .site = site});
}

static void unshow(struct shown *shown) {
    rsd_report_free(&shown->report);
    rsd_analysis_free(&shown->analysis);
}

static void write_text(FILE *out, void *context) {
    rsd_report_text(&((struct shown *)context)->report, out);
}
static void write_json(FILE *out, void *context) {
    rsd_report_json(&((struct shown *)context)->report, out);
}
static void write_flame(FILE *out, void *context) {
    rsd_report_flame(&((struct shown *)context)->report, out);
}
static void write_stat(FILE *out, void *context) {
    rsd_report_stat(&((struct shown *)context)->analysis, out);
}
static void write_dump(FILE *out, void *context) {
    struct reading r;
    struct rsd_dump_options options = {.kinds = (1u << RESIDUE_KINDS) - 1};
    reading_open(&r, context);
    rsd_dump(&r.trace, &r.source, &options, out);
    reading_close(&r);
}

Test(report, the_text_is_the_golden_one) {
    char *folder = example(), *text;
    struct shown shown;
    show(&shown, folder, 20, NULL);
    text = text_of(write_text, &shown);
    golden("report.txt", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_leq(strlen(line), 80u, "wider than 80 columns: %s", line);
    unshow(&shown);
    free(text);
    made_remove(folder);
}

Test(report, one_site_is_shown_by_rank_or_by_id) {
    char *folder = example(), id[20];
    struct shown by_rank, by_id;
    show(&by_rank, folder, 20, "2");
    snprintf(id, sizeof id, "%016lx", (unsigned long)by_rank.report.heap.list[1].id);
    show(&by_id, folder, 1, id);
    char *a = text_of(write_text, &by_rank), *b = text_of(write_text, &by_id);
    cr_assert_str_eq(a, b);
    cr_assert_not_null(strstr(a, "#2 "));
    cr_assert_null(strstr(a, "#1 "));
    free(a);
    free(b);
    unshow(&by_rank);
    unshow(&by_id);
    made_remove(folder);
}

Test(report, the_dump_is_the_golden_one) {
    char *folder = example(), *text = text_of(write_dump, folder);
    golden("dump.txt", text);
    free(text);
    made_remove(folder);
}

Test(report, the_counters_are_the_golden_ones) {
    char *folder = example();
    struct shown shown;
    show(&shown, folder, 20, NULL);
    char *text = text_of(write_stat, &shown);
    golden("stat.txt", text);
    free(text);
    unshow(&shown);
    made_remove(folder);
}

/* "no empty frames, counts integral, semicolons escaped" */
Test(report, folded_stacks_keep_the_rules_of_flame_graphs) {
    static const enum rsd_metric metrics[] = {RSD_METRIC_GROWTH, RSD_METRIC_OUTSTANDING, RSD_METRIC_ALLOCATED,
                                              RSD_METRIC_CALLS};
    static const char *const files[] = {"flame-growth.txt", "flame-outstanding.txt", "flame-allocated.txt",
                                        "flame-calls.txt"};
    char *folder = example();
    for (size_t i = 0; i < 4; i++) {
        struct shown shown;
        show_with(&shown, folder, &(struct rsd_report_options){.metric = metrics[i]});
        char *text = text_of(write_flame, &shown);
        golden(files[i], text);
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
            char *number = strrchr(line, ' ');
            cr_assert(number && strspn(number + 1, "0123456789") == strlen(number + 1), "no whole number: %s", line);
            cr_assert_null(strstr(line, ";;"), "an empty frame: %s", line);
            cr_assert(line[0] != ';' && number[-1] != ';', "an empty frame: %s", line);
        }
        free(text);
        unshow(&shown);
    }
    made_remove(folder);
}

/* ---- A leak of a minute ------------------------------------------------------------------------------------------ */

#define SECOND 1000u /* ticks */
#define HEAP 0x555600000000u
#define V8_PAGES 0x7c0000000000u

static void made_mapping(struct made_writer *w, uint64_t time, uint64_t start, uint64_t size, uint64_t rss,
                         const char *name) {
    struct residue_mapping r = {.head = {.tag = RESIDUE_TAG_MAPPING, .time = time},
                                .start = start,
                                .end = start + size,
                                .rss_bytes = rss,
                                .prot = PROT_READ | PROT_WRITE,
                                .name_size = (uint32_t)strlen(name)};
    made_tagged(w, &r, sizeof r, name, NULL);
}

static void sample_mappings(struct made_writer *p, uint64_t time, uint64_t heap) {
    made_mapping(p, time, 0x555500000000, 8 << 20, 4 << 20, "/srv/app/bin/node");
    made_mapping(p, time, HEAP, 256 << 20, heap, "[heap]");
    made_mapping(p, time, V8_PAGES, 2 << 20, 1 << 20, "");
    made_mapping(p, time, 0x7f0000000000, 8 << 20, 2 << 20, LIBVIPS);
    made_mapping(p, time, 0x7f1000000000, 1 << 20, 512 << 10, "[residue]");
    made_mapping(p, time, 0x7ffe00000000, 1 << 20, 64 << 10, "[stack]");
}

/* One block of 100,000 bytes a second is kept; a cache of 40 blocks of 50,000 bytes fills in the first ten. */
static char *minute(void) {
    char *folder = made_folder("report");
    made_meta(folder);
    struct made_writer *p = made_open(folder, 0), *w = made_open(folder, 1);
    struct residue_runtime runtime = {
        .head = {.tag = RESIDUE_TAG_RUNTIME, .time = 3}, .name_size = 4, .version_size = 8};
    made_module(p, 2, 1, 0x7f0000000000, LIBVIPS);
    made_module(p, 2, 2, 0x555500000000, "/srv/app/bin/node");
    made_tagged(p, &runtime, sizeof runtime, "node", "v20.20.2");
    made_thread(w, 2, 4711, 1, "node");
    uint32_t end = made_node(w, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0, 0, RESIDUE_SOURCE_NONE);
    uint32_t start = made_node(w, RESIDUE_NODE_NATIVE, 0x555500001000, end, 2, RESIDUE_SOURCE_CFI);
    uint32_t handler = made_node(w, RESIDUE_NODE_JS, UINT64_C(57) << 32 | 5, start,
                                 js_function(w, 1, "resizeAvatar", "/srv/app/src/avatar.js"), RESIDUE_SOURCE_FP);
    uint32_t leak = made_node(w, RESIDUE_NODE_NATIVE, 0x7f000026870b, handler, 1, RESIDUE_SOURCE_CODE);
    uint32_t cache = made_node(w, RESIDUE_NODE_NATIVE, 0x555500003000, handler, 2, RESIDUE_SOURCE_CFI);
    made_large(w, 5, RESIDUE_API_MMAP, V8_PAGES, 2 << 20, start,
               PROT_READ | PROT_WRITE | (MAP_PRIVATE | MAP_ANONYMOUS) << 8);
    uint64_t heap = 8 << 20;
    for (uint64_t second = 0; second < 60; second++) {
        uint64_t time = second * SECOND + 10;
        made_memory(p, time, heap + (8 << 20));
        if (second % 20 == 0)
            sample_mappings(p, time + 1, heap);
        made_large(w, time + 100, RESIDUE_API_MALLOC, HEAP + second * 0x40000, 100000, leak, 0);
        heap += 100 << 10;
        for (uint64_t i = 0; i < 4 && second < 10; i++, heap += 50 << 10)
            made_alloc(w, time + 200 + i, HEAP + 0x8000000 + (second * 4 + i) * 0x10000, 50000, cache);
    }
    sample_mappings(p, 60 * SECOND - 1, heap);
    made_barrier(p, 60 * SECOND, RESIDUE_BARRIER_TEARDOWN, "");
    made_end(p, 60 * SECOND + 1);
    made_live(p);
    made_live(w);
    made_close(p);
    made_close(w);
    return folder;
}

static void expect_columns(const char *name, size_t width, char *text) {
    golden(name, text);
    cr_assert_null(strchr(text, 27), "no colour");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_leq(strlen(line), width, "wider than %zu columns: %s", width, line);
    free(text);
}

static void expect_80_columns(const char *name, char *text) {
    expect_columns(name, 80, text);
}

Test(report, a_leak_of_a_minute_is_told_with_its_ledger) {
    char *folder = minute();
    struct shown shown;
    show(&shown, folder, 20, NULL);
    cr_assert_eq(shown.report.judgement.cause, RSD_CAUSE_LEAK);
    cr_assert_eq(shown.report.heap.list[0].trend.verdict, RSD_VERDICT_LEAK);
    cr_assert_float_eq(shown.report.judgement.rate, 100000, 2000);
    const struct rsd_ledger *ledger = &shown.analysis.ledger[1];
    uint64_t sum = 0;
    for (int row = 0; row < RSD_LEDGER_COUNT; row++)
        sum += ledger->row[row];
    cr_assert_eq(sum, ledger->rss_bytes, "the rows add up");
    cr_assert_eq(ledger->row[RSD_LEDGER_NATIVE] + ledger->row[RSD_LEDGER_OVERHEAD] + ledger->row[RSD_LEDGER_RETAINED],
                 ledger->rss_bytes - (4 << 20) - (1 << 20) - (2 << 20) - (512 << 10) - (64 << 10));
    cr_assert_eq(ledger->row[RSD_LEDGER_V8], 1u << 20);
    cr_assert_eq(ledger->row[RSD_LEDGER_TRACER], 512u << 10);
    expect_80_columns("leak.txt", text_of(write_text, &shown));
    rsd_set_width(160);
    expect_columns("leak-160.txt", 160, text_of(write_text, &shown));
    rsd_set_width(RSD_WIDTH);
    unshow(&shown);
    made_remove(folder);
}

static void write_issue(FILE *out, void *context) {
    rsd_report_issue(&((struct shown *)context)->report, 0, out);
}

Test(report, an_issue_has_the_figures_and_no_path_of_the_machine) {
    char *folder = minute();
    struct shown shown;
    show_with(&shown, folder, &(struct rsd_report_options){.top = 1});
    char *text = text_of(write_issue, &shown);
    golden("issue.md", text);
    cr_assert_null(strstr(text, "/srv"), "a path outside of packages");
    free(text);
    unshow(&shown);
    made_remove(folder);
}

static void write_icicle(FILE *out, void *context) {
    rsd_report_icicle(&((struct shown *)context)->report, 60, out);
}

Test(report, an_icicle_keeps_to_its_width) {
    char *folder = minute();
    struct shown shown;
    show_with(&shown, folder, &(struct rsd_report_options){.metric = RSD_METRIC_ALLOCATED});
    char *text = text_of(write_icicle, &shown);
    golden("icicle.txt", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        cr_assert_leq(strlen(line), 60u, "%s", line);
    free(text);
    unshow(&shown);
    made_remove(folder);
}

Test(report, sites_are_joined_by_javascript_package_or_module) {
    static const struct {
        enum rsd_by by;
        const char *first, *second;
    } expected[] = {
        {RSD_BY_JS, "resizeAvatar /srv/app/src/avatar.js:57", NULL},
        {RSD_BY_PACKAGE, "@img/sharp-libvips-linux-x64", "(the application)"},
        {RSD_BY_MODULE, "libvips-cpp.so.42", "node v20.20.2"},
    };
    char *folder = minute();
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct shown shown;
        show_with(&shown, folder, &(struct rsd_report_options){.by = expected[i].by});
        cr_assert_str_eq(shown.report.heap.list[0].label, expected[i].first);
        cr_assert_eq(shown.report.heap.count, expected[i].second ? 2u : 1u);
        if (expected[i].second)
            cr_assert_str_eq(shown.report.heap.list[1].label, expected[i].second);
        if (expected[i].by == RSD_BY_PACKAGE)
            expect_80_columns("by-package.txt", text_of(write_text, &shown));
        unshow(&shown);
    }
    made_remove(folder);
}

Test(report, sites_are_ranked_by_any_metric) {
    char *folder = minute();
    for (int metric = 0; metric < RSD_METRIC_COUNT; metric++) {
        struct shown shown;
        show_with(&shown, folder, &(struct rsd_report_options){.metric = (enum rsd_metric)metric});
        const struct rsd_group *group = shown.report.heap.list;
        for (size_t i = 1; i < shown.report.heap.count; i++)
            cr_assert(group[i - 1].value >= group[i].value || group[i - 1].trend.verdict == RSD_VERDICT_LEAK);
        if (metric == RSD_METRIC_PEAK)
            cr_assert_eq(group[0].value, 60 * 100000);
        unshow(&shown);
    }
    made_remove(folder);
}

/* ---- JSON -------------------------------------------------------------------------------------------------------- */

static json_t *parsed(const char *folder, char **text) {
    struct shown shown;
    json_error_t error;
    show(&shown, folder, 20, NULL);
    *text = text_of(write_json, &shown);
    unshow(&shown);
    json_t *root = json_loads(*text, JSON_REJECT_DUPLICATES, &error);
    cr_assert(root, "%s at %d", error.text, error.position);
    return root;
}

static void expect_keys(const json_t *object, const char *keys) {
    char *copy = strdup(keys);
    cr_assert(json_is_object(object), "an object with %s", keys);
    for (char *key = strtok(copy, " "); key; key = strtok(NULL, " "))
        cr_assert(json_object_get(object, key), "key %s is missing", key);
    free(copy);
}

Test(report, the_json_has_every_key_of_its_contract) {
    char *folder = example(), *text;
    json_t *root = parsed(folder, &text);
    expect_keys(
        root, "format tool started_at process window verdict ledger sampling timeline sites mappings modules recorder");
    expect_keys(json_object_get(root, "verdict"), "kind rss_growth_bytes rate_bytes_per_s explained_by_sites text");
    expect_keys(json_object_get(root, "process"), "pid argv exe node libc allocator duration_s end");
    expect_keys(json_object_get(root, "window"), "from_s to_s why");
    expect_keys(json_array_get(json_object_get(root, "timeline"), 0), "t_s rss_bytes live_bytes");
    const json_t *site = json_array_get(json_object_get(root, "sites"), 0);
    expect_keys(site, "id rank verdict standard_error package outstanding_bytes outstanding_blocks growth_bytes "
                      "lasting_growth_bytes growth_blocks "
                      "slope_bytes_per_s allocated_bytes allocated_calls temporary_calls sizes age_s stack origin");
    expect_keys(json_object_get(site, "age_s"), "p10 p50 p90");
    expect_keys(json_object_get(site, "origin"), "kind stack");
    expect_keys(json_array_get(json_object_get(site, "sizes"), 0), "bytes blocks");
    expect_keys(json_array_get(json_object_get(site, "stack"), 0),
                "function module offset file line kind source inlined");
    expect_keys(json_array_get(json_object_get(root, "mappings"), 0),
                "verdict outstanding_bytes ranges growth_bytes stack");
    expect_keys(json_array_get(json_object_get(root, "modules"), 0), "path build_id package");
    expect_keys(json_object_get(root, "recorder"), "events dropped anomalies frames stacks_complete");
    expect_keys(json_object_get(json_object_get(root, "recorder"), "frames"), "cfi fp code scan");
    golden("report.json", text);
    json_decref(root);
    free(text);
    made_remove(folder);
}

Test(report, the_json_counts_what_was_written) {
    char *folder = example(), *text;
    json_t *root = parsed(folder, &text), *site = json_array_get(json_object_get(root, "sites"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(root, "process"), "end")), "exit");
    cr_assert_eq(json_integer_value(json_object_get(site, "growth_bytes")), 36 * 262268 + 77);
    cr_assert_eq(json_integer_value(json_object_get(site, "outstanding_blocks")), 37);
    cr_assert_str_eq(json_string_value(json_object_get(site, "package")), "@img/sharp-libvips-linux-x64");
    const json_t *size = json_array_get(json_object_get(site, "sizes"), 0);
    cr_assert_eq(json_integer_value(json_object_get(size, "bytes")), 262268);
    cr_assert_eq(json_integer_value(json_object_get(size, "blocks")), 36);
    const json_t *timeline = json_object_get(root, "timeline");
    cr_assert_eq(json_array_size(timeline), 3u, "the sample of 5.0 s is behind the teardown");
    json_decref(root);
    free(text);
    made_remove(folder);
}

Test(report, an_empty_trace_is_reported_too) {
    char *folder = made_folder("report"), *text;
    made_meta(folder);
    json_t *root = parsed(folder, &text);
    cr_assert_eq(json_array_size(json_object_get(root, "sites")), 0u);
    json_decref(root);
    free(text);
    struct shown shown;
    show(&shown, folder, 0, NULL);
    text = text_of(write_text, &shown);
    cr_assert_not_null(strstr(text, "CALL SITES BY GROWTH"));
    free(text);
    unshow(&shown);
    made_remove(folder);
}

Test(report, ids_do_not_depend_on_where_things_were_loaded) {
    uint64_t ids[2];
    for (uint64_t run = 0; run < 2; run++) {
        char *folder = made_folder("report");
        made_meta(folder);
        struct made_writer *w = made_open(folder, 1);
        uint64_t bias = 0x7f0000000000 + run * 0x1234000;
        made_module(w, 1, 1 + (uint32_t)run, bias, run ? "/other/lib/libx.so" : "/lib/libx.so");
        uint32_t end = made_node(w, RESIDUE_NODE_END, 0, 0, 0, RESIDUE_SOURCE_NONE);
        uint32_t outer = made_node(w, RESIDUE_NODE_NATIVE, bias + 0x10, end, 1 + (uint32_t)run, RESIDUE_SOURCE_CFI);
        for (uint64_t i = 0; i <= run; i++) /* tiering changes how many frames code of JavaScript takes */
            outer = made_node(w, RESIDUE_NODE_JIT, 0x9000 + i * 64 + run, outer, 0, RESIDUE_SOURCE_FP);
        uint32_t leaf = made_node(w, RESIDUE_NODE_NATIVE, bias + 0x20, outer, 1 + (uint32_t)run, RESIDUE_SOURCE_NONE);
        made_alloc(w, 5, 0x1000, 10, leaf);
        made_live(w);
        struct shown shown;
        show(&shown, folder, 0, NULL);
        cr_assert_eq(shown.report.heap.count, 1u);
        ids[run] = shown.report.heap.list[0].id;
        unshow(&shown);
        made_close(w);
        made_remove(folder);
    }
    cr_assert_eq(ids[0], ids[1]);
}

/* One block of `size` bytes below the functions, outermost first: 1 is of a script, 2 and 3 are V8's own. */
static void made_below(struct made_writer *w, const uint32_t *functions, size_t count, uint32_t size) {
    static uint64_t address = 0x1000;
    uint32_t at = made_node(w, RESIDUE_NODE_END, 0, 0, 0, RESIDUE_SOURCE_NONE);
    for (size_t i = 0; i < count; i++) {
        uint64_t place = functions[i] == 1 ? UINT64_C(12) << 32 | 5 : 0;
        at = made_node(w, RESIDUE_NODE_JS, place, at, functions[i], RESIDUE_SOURCE_FP);
    }
    at = made_node(w, RESIDUE_NODE_NATIVE, 0x7f0000000020, at, 1, RESIDUE_SOURCE_NONE);
    made_alloc(w, 5, address += 0x1000, size, at);
}

Test(report, functions_that_v8_inlines_do_not_part_a_call_site) {
    char *folder = made_folder("report");
    made_meta(folder);
    struct made_writer *w = made_open(folder, 1);
    made_module(w, 1, 1, 0x7f0000000000, "/lib/libx.so");
    js_function(w, 1, "onRequest", "/srv/app/server.js");
    for (uint32_t id = 2; id <= 3; id++) {
        struct residue_js_function own = {
            .head = {.tag = RESIDUE_TAG_JS_FUNCTION, .time = 2}, .id = id, .flags = 1, .name_size = 3};
        made_tagged(w, &own, sizeof own, id == 2 ? "map" : "new", "");
    }
    made_below(w, (const uint32_t[]){1}, 1, 10);
    made_below(w, (const uint32_t[]){1, 2}, 2, 20);
    made_below(w, (const uint32_t[]){2, 1, 3, 1}, 4, 30); /* it calls itself: another stack */
    made_below(w, (const uint32_t[]){2, 1}, 2, 40);
    made_below(w, (const uint32_t[]){2}, 1, 400); /* without a script they are all there is */
    made_below(w, (const uint32_t[]){3}, 1, 300);
    made_below(w, (const uint32_t[]){2, 3}, 2, 200);
    made_below(w, NULL, 0, 100);
    made_live(w);
    struct shown shown;
    show(&shown, folder, 0, NULL);
    static const uint64_t wanted[] = {400, 300, 200, 100, 10 + 20 + 40, 30};
    cr_assert_eq(shown.report.heap.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        cr_assert_eq(shown.report.heap.list[i].site.now.live_bytes, wanted[i], "call site %zu", i);
    unshow(&shown);
    made_close(w);
    made_remove(folder);
}
