/*
 * Stored names: what is written is read back, and nothing that breaks a rule of FORMAT.md 8 is believed.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "memory.h"
#include "names/stored.h"
#include "pack/tar.h"

#define TRACE 0x1122334455667788u

/* Two binaries (the second without a file), two addresses (one with an inlined function), two packages, a script that has
 * a source map. */
static void fill(struct rsd_storing *s) {
    rsd_storing_begin(s);
    s->binary_count = s->address_count = s->function_count = s->package_count = 2;
    s->binaries = rsd_zalloc(2, sizeof *s->binaries);
    s->addresses = rsd_zalloc(2, sizeof *s->addresses);
    s->functions = rsd_zalloc(2, sizeof *s->functions);
    s->packages = rsd_zalloc(2, sizeof *s->packages);
    s->binaries[0] = (struct residue_names_binary){
        .path = rsd_storing_string(s, "/lib/a.so"), .build_id = rsd_storing_string(s, "0aff"), .count = 2};
    s->binaries[1] = (struct residue_names_binary){
        .path = rsd_storing_string(s, "/lib/b.so"), .problem = rsd_storing_string(s, "gone"), .first = 2};
    s->addresses[0] = (struct residue_names_address){.address = 0x10};
    s->addresses[1] = (struct residue_names_address){
        .address = 0x20, .start = 0x18, .symbol = rsd_storing_string(s, "_Z5outerv"), .count = 2};
    s->functions[0] = (struct residue_names_function){
        .name = rsd_storing_string(s, "_Z5innerv"), .file = rsd_storing_string(s, "a.cc"), .line = 7};
    s->functions[1] = (struct residue_names_function){.file = rsd_storing_string(s, "a.cc"), .line = 9};
    s->packages[0] = (struct residue_names_package){rsd_storing_string(s, "/lib/a.so"), 0};
    s->original_count = 2;
    s->originals = rsd_zalloc(2, sizeof *s->originals);
    s->originals[0] = (struct residue_names_original){.line = 1,
                                                      .column = 99,
                                                      .file = rsd_storing_string(s, "/x/y.js"),
                                                      .name = rsd_storing_string(s, "r"),
                                                      .source = rsd_storing_string(s, "/x/src/y.ts"),
                                                      .source_line = 12,
                                                      .source_name = rsd_storing_string(s, "resize")};
    s->originals[1] = s->originals[0];
    s->originals[1].column = 100;
    s->originals[1].source_line = 13;
    s->packages[1] = (struct residue_names_package){rsd_storing_string(s, "/x/y.js"), rsd_storing_string(s, "y@1.0.0")};
}

/* The file that a change makes of these. */
static uint8_t *made(void (*change)(struct rsd_storing *), size_t *size) {
    struct rsd_storing s;
    fill(&s);
    if (change)
        change(&s);
    uint8_t *bytes = rsd_storing_bytes(&s, TRACE, size);
    cr_assert_not_null(bytes);
    rsd_storing_free(&s);
    return bytes;
}

static struct rsd_stored *read_bytes(const uint8_t *bytes, size_t size, struct rsd_problems *problems) {
    int fd = memfd_create("names", 0);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    lseek(fd, 0, SEEK_SET);
    struct rsd_stored *stored = rsd_stored_read(fd, TRACE, problems);
    close(fd);
    return stored;
}

static void expect_all(const struct rsd_stored *s) {
    static const uint8_t id[] = {0x0a, 0xff}, other[] = {0x0b, 0xff};
    struct rsd_inline list[RSD_MOST_INLINED];
    const char *package;
    cr_assert_eq(rsd_stored_binary(s, "/lib/a.so", id, sizeof id), 0u);
    cr_assert_eq(rsd_stored_binary(s, "/lib/a.so", other, sizeof other), RSD_NO_ENTRY, "another build-id");
    cr_assert_eq(rsd_stored_binary(s, "/lib/b.so", NULL, 0), 1u);
    cr_assert_null(rsd_stored_problem(s, 0));
    cr_assert_str_eq(rsd_stored_problem(s, 1), "gone");
    cr_assert_eq(rsd_stored_address(s, 0, 0x18), RSD_NO_ENTRY);
    cr_assert_eq(rsd_stored_address(s, 1, 0x10), RSD_NO_ENTRY);
    cr_assert_null(rsd_stored_symbol(s, rsd_stored_address(s, 0, 0x10)));
    size_t address = rsd_stored_address(s, 0, 0x20);
    cr_assert_str_eq(rsd_stored_symbol(s, address)->name, "_Z5outerv");
    cr_assert_eq(rsd_stored_symbol(s, address)->start, 0x18u);
    cr_assert_eq(rsd_stored_inlines(s, address, list, RSD_MOST_INLINED), 2u);
    cr_assert_str_eq(list[0].name, "_Z5innerv");
    cr_assert(!list[1].name && strcmp(list[1].file, "a.cc") == 0 && list[1].line == 9);
    cr_assert(rsd_stored_package(s, "/lib/a.so", &package) && !package);
    cr_assert(rsd_stored_package(s, "/x/y.js", &package) && strcmp(package, "y@1.0.0") == 0);
    cr_assert_not(rsd_stored_package(s, "/x/z.js", &package));
    struct rsd_script_place place = {.file = "/x/y.js", .name = "r", .line = 1, .column = 100};
    struct rsd_original original;
    cr_assert(rsd_stored_original(s, &place, &original));
    cr_assert_str_eq(original.source, "/x/src/y.ts");
    cr_assert_str_eq(original.name, "resize");
    cr_assert_eq(original.line, 13u);
    place.column = 101;
    cr_assert_not(rsd_stored_original(s, &place, &original));
}

Test(stored, what_was_written_is_read_back) {
    struct rsd_problems problems = {0};
    size_t size;
    uint8_t *bytes = made(NULL, &size);
    struct rsd_stored *s = read_bytes(bytes, size, &problems);
    cr_assert_not_null(s);
    expect_all(s);
    cr_assert_eq(problems.total, 0u);
    rsd_stored_free(s);
    free(bytes);
}

/* zstd's frames have bits that say nothing. */
Test(stored, a_file_that_is_cut_or_of_which_a_byte_is_changed_is_not_used_or_says_the_same) {
    size_t size, same = 0;
    uint8_t *bytes = made(NULL, &size);
    for (size_t at = 0; at < size; at++) {
        struct rsd_problems problems = {0};
        cr_assert_null(read_bytes(bytes, at, &problems), "cut at byte %zu, and still used", at);
        bytes[at] ^= 0x20;
        struct rsd_stored *s = read_bytes(bytes, size, &problems);
        bytes[at] ^= 0x20;
        cr_assert_eq(problems.total, s ? 1u : 2u);
        if (s)
            expect_all(s);
        same += s != NULL;
        rsd_stored_free(s);
        rsd_problems_free(&problems);
    }
    cr_assert_lt(same, 8u);
    free(bytes);
}

static void far_path(struct rsd_storing *s) {
    s->binaries[1].first = 1, s->binaries[1].count = 2;
}
static void far_functions(struct rsd_storing *s) {
    s->addresses[1].first = 1;
}
static void too_many_functions(struct rsd_storing *s) {
    s->addresses[0].count = UINT32_MAX;
}
static void same_address(struct rsd_storing *s) {
    s->addresses[1].address = 0x10;
}
static void unsorted_packages(struct rsd_storing *s) {
    struct residue_names_package first = s->packages[0];
    s->packages[0] = s->packages[1];
    s->packages[1] = first;
}
static void same_original(struct rsd_storing *s) {
    s->originals[1].column = 99;
}
static void original_of_nothing(struct rsd_storing *s) {
    s->originals[0].source = 0;
}
static void negative_line(struct rsd_storing *s) {
    s->functions[0].line = 0x80000000u;
}

Test(stored, a_file_whose_checksums_are_right_and_whose_entries_are_not_is_not_used) {
    void (*const change[])(struct rsd_storing *) = {far_path,      far_functions,      too_many_functions,
                                                    same_address,  unsorted_packages,  negative_line,
                                                    same_original, original_of_nothing};
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        struct rsd_problems problems = {0};
        size_t size;
        uint8_t *bytes = made(change[i], &size);
        cr_assert_null(read_bytes(bytes, size, &problems), "change %zu was believed", i);
        cr_assert_eq(problems.total, 1u);
        rsd_problems_free(&problems);
        free(bytes);
    }
}

/* A file with that content, its checksums right. */
static struct rsd_stored *read_content(const void *content, size_t raw_size) {
    uint8_t bytes[4096];
    struct rsd_problems problems = {0};
    struct residue_names_header h = {.skip_magic = RESIDUE_SKIP_NAMES,
                                     .skip_size = sizeof h - 8,
                                     .magic = RESIDUE_NAMES_MAGIC,
                                     .major = RESIDUE_NAMES_MAJOR,
                                     .trace_id = TRACE,
                                     .raw_size = raw_size};
    h.packed_size = ZSTD_compress(bytes + sizeof h, sizeof bytes - sizeof h, content, raw_size, 1);
    h.checksum = residue_fnv1a(&h, offsetof(struct residue_names_header, checksum));
    memcpy(bytes, &h, sizeof h);
    struct rsd_stored *stored = read_bytes(bytes, sizeof h + h.packed_size, &problems);
    cr_assert_eq(problems.total, stored ? 0u : 1u);
    rsd_problems_free(&problems);
    return stored;
}

Test(stored, sections_of_an_unknown_tag_are_skipped_and_every_offset_into_the_strings_is_checked) {
    struct {
        struct residue_names_section strings;
        char text[8];
        struct residue_names_section packages;
        struct residue_names_package package;
        struct residue_names_section unknown;
        uint64_t anything;
    } content = {{RESIDUE_NAMES_STRINGS, 0, 8}, "\0abcdef", {RESIDUE_NAMES_PACKAGES, 0, 8}, {1, 3}, {99, 0, 8}, 1};
    struct rsd_stored *stored = read_content(&content, sizeof content);
    cr_assert_not_null(stored);
    rsd_stored_free(stored);
    content.package.package = 8;
    cr_assert_null(read_content(&content, sizeof content), "a string behind the end");
    content.package.package = 0;
    content.text[7] = 'g';
    cr_assert_null(read_content(&content, sizeof content), "strings without an end");
    content.text[7] = 0;
    content.unknown.tag = RESIDUE_NAMES_STRINGS;
    cr_assert_null(read_content(&content, sizeof content), "strings twice");
    content.unknown = (struct residue_names_section){99, 0, 16};
    cr_assert_null(read_content(&content, sizeof content), "a section that goes on behind the end");
    content.unknown.size = UINT64_MAX - 7;
    cr_assert_null(read_content(&content, sizeof content), "a section of an absurd size");
    cr_assert_null(read_content(&content, 0), "no sections, no strings");
}

Test(tar, a_header_is_read_as_it_was_made_and_no_byte_of_it_can_change) {
    static const uint64_t sizes[] = {0, 1, 512, (UINT64_C(1) << 33) - 1, UINT64_C(1) << 33, UINT64_C(1) << 50};
    struct rsd_tar_header h;
    uint64_t size;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rsd_tar_make(&h, "residue.1/t1.log", sizes[i], 1700000000);
        cr_assert(rsd_tar_check(&h, &size));
        cr_assert_eq(size, sizes[i]);
    }
    for (size_t at = 0; at < sizeof h; at++) {
        ((uint8_t *)&h)[at] ^= 1;
        bool in_sum = at >= offsetof(struct rsd_tar_header, checksum) && at < offsetof(struct rsd_tar_header, type);
        cr_assert(in_sum || !rsd_tar_check(&h, &size), "byte %zu changed, and still believed", at);
        ((uint8_t *)&h)[at] ^= 1;
    }
    memset(&h, 0, sizeof h);
    cr_assert_not(rsd_tar_check(&h, &size));
}
