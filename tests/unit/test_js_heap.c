/*
 * preload/js against a heap made by hand: what may be read, strings, functions, lines, positions, ids.
 */
#include <criterion/criterion.h>
#include <pthread.h>

#include "js_fake.h"

#include "js/bytecodes.h"
#include "js/function.h"
#include "js/intern.h"
#include "js/js.h"
#include "js/lines.h"
#include "js/positions.h"
#include "js/trust.h"

/* ---- pages.c --------------------------------------------------------------------------------------------------- */

static void *map(size_t size, int prot) {
    rsd_js_pages_kept = true;
    void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rsd_js_memory_comes(p, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    return p;
}

Test(pages, what_the_program_maps_is_readable_until_it_goes) {
    char *p = map(3 * 4096, PROT_READ | PROT_WRITE);
    cr_assert(rsd_js_range_is_readable((uintptr_t)p, 3 * 4096));
    rsd_js_memory_goes(p + 4096, 4096);
    cr_assert(rsd_js_page((uintptr_t)p) & RSD_JS_PAGE_READABLE);
    cr_assert_not(rsd_js_page((uintptr_t)p + 4096) & RSD_JS_PAGE_READABLE);
    cr_assert_not(rsd_js_range_is_readable((uintptr_t)p, 3 * 4096));
}

/* Whoever was told that a page can be read, and finds the number as it was before that, need not ask again. */
Test(pages, a_number_changes_when_what_could_be_read_may_not_be) {
    char *p = map(3 * 4096, PROT_READ | PROT_WRITE);
    uint32_t taken = rsd_js_pages_taken;
    rsd_js_memory_comes(p + 4096, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    rsd_js_memory_protect_before(p, 4096, PROT_READ);
    rsd_js_memory_protect_after(p, 4096, PROT_READ);
    cr_assert_eq(rsd_js_pages_taken, taken);
    rsd_js_memory_protect_before(p, 4096, PROT_NONE);
    cr_assert_neq(rsd_js_pages_taken, taken);
    taken = rsd_js_pages_taken;
    rsd_js_memory_goes(p + 4096, 4096);
    cr_assert_neq(rsd_js_pages_taken, taken);
    taken = rsd_js_pages_taken;
    rsd_js_memory_comes(p + 8192, 4096, PROT_READ, MAP_SHARED, 0);
    cr_assert_neq(rsd_js_pages_taken, taken);
    rsd_js_pages_taken = UINT32_MAX;
    rsd_js_memory_goes(p, 4096);
    cr_assert_neq(rsd_js_pages_taken, 0);
}

Test(pages, a_word_that_is_not_mapped_reads_as_zero) {
    char *p = map(4096, PROT_READ | PROT_WRITE);
    rsd_js_memory_goes(p, 4096);
    munmap(p, 4096);
    cr_assert_eq(rsd_js_word((uintptr_t)p), 0);
    volatile uintptr_t low = 8, high = UINTPTR_MAX - 7;
    cr_assert_eq(rsd_js_word(low), 0);
    cr_assert_eq(rsd_js_word(high), 0);
}

Test(pages, what_nobody_told_us_about_is_read_by_a_system_call) {
    uintptr_t word = 4711, copy = 0;
    cr_assert_eq(rsd_js_page((uintptr_t)&word), 0);
    cr_assert(rsd_js_read((uintptr_t)&word, &copy, sizeof copy));
    cr_assert_eq(copy, 4711);
}

Test(pages, code_stays_code_while_it_is_written) {
    char *p = map(4096, PROT_NONE);
    rsd_js_memory_protect_after(p, 4096, PROT_READ | PROT_EXEC);
    rsd_js_memory_protect_before(p, 4096, PROT_READ | PROT_WRITE);
    rsd_js_memory_protect_after(p, 4096, PROT_READ | PROT_WRITE);
    cr_assert_eq(rsd_js_page((uintptr_t)p), RSD_JS_PAGE_READABLE | RSD_JS_PAGE_CODE);
    rsd_js_memory_protect_before(p, 4096, PROT_NONE);
    cr_assert_eq(rsd_js_page((uintptr_t)p), RSD_JS_PAGE_CODE);
}

Test(pages, a_mapped_file_is_never_loaded_from) {
    rsd_js_pages_kept = true;
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rsd_js_memory_comes(p, 4096, PROT_READ, MAP_PRIVATE, 0);
    rsd_js_memory_protect_after(p, 4096, PROT_READ);
    cr_assert_not(rsd_js_page((uintptr_t)p) & RSD_JS_PAGE_READABLE);
}

/* GIVEN a long range of which one page is a file's and one is code WHEN it is protected from its second page to its last but one
 * THEN each page says what it would say alone. */
Test(pages, a_long_range_is_protected_page_for_page) {
    enum { PAGES = 200, FILES = 77, CODE = 120 };
    char *p = map(PAGES * 4096, PROT_NONE);
    rsd_js_memory_comes(p + FILES * 4096, 4096, PROT_READ, MAP_PRIVATE, 0);
    rsd_js_memory_protect_after(p + CODE * 4096, 4096, PROT_EXEC);
    rsd_js_memory_protect_after(p + 4096, (PAGES - 2) * 4096, PROT_READ);
    for (unsigned i = 0; i < PAGES; i++)
        cr_expect_eq(rsd_js_page((uintptr_t)p + i * 4096),
                     i == 0 || i == PAGES - 1 ? 0u
                     : i == FILES             ? RSD_JS_PAGE_FILE
                     : i == CODE              ? RSD_JS_PAGE_READABLE | RSD_JS_PAGE_CODE
                                              : RSD_JS_PAGE_READABLE,
                     "page %u", i);
    rsd_js_memory_protect_before(p, PAGES * 4096, PROT_NONE);
    for (unsigned i = 0; i < PAGES; i++)
        cr_expect_eq(rsd_js_page((uintptr_t)p + i * 4096), i == FILES  ? RSD_JS_PAGE_FILE
                                                           : i == CODE ? RSD_JS_PAGE_CODE
                                                                       : 0u);
}

#define PLAIN (MAP_PRIVATE | MAP_ANONYMOUS)
#define REGION ((uintptr_t)1 << RSD_JS_REGION_SHIFT)

/* As V8 chooses where to map: nobody looks what is there, the table is all that is asked. */
static uintptr_t address(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return ((*seed >> 20 & 0x3fffffffffff) | REGION) & ~(REGION - 1);
}

static size_t regions(void) {
    size_t count = 0;
    for (size_t i = 0; i < sizeof rsd_js_bucket / sizeof *rsd_js_bucket; i++)
        for (uint32_t at = rsd_js_bucket[i]; at; at = rsd_js_regions[at].next)
            count++;
    return count;
}

Test(pages, a_heap_whose_pages_come_and_go_at_random_addresses_takes_bounded_memory) {
    uintptr_t live[300] = {0};
    uint64_t seed = 1;
    rsd_js_pages_kept = true;
    for (size_t i = 0; i < 1000000; i++) {
        uintptr_t *one = &live[i % 300];
        if (*one) {
            cr_assert(rsd_js_range_is_readable(*one, REGION));
            rsd_js_memory_goes((void *)*one, REGION);
            cr_assert_eq(rsd_js_page(*one), 0);
        }
        do
            *one = address(&seed);
        while (rsd_js_page(*one));
        rsd_js_memory_comes((void *)*one, REGION, PROT_READ | PROT_WRITE, PLAIN, 0);
    }
    cr_assert_lt(regions(), 4 * sizeof rsd_js_bucket / sizeof *rsd_js_bucket, "%zu regions", regions());
}

Test(pages, what_is_long_gone_is_not_taken_for_what_came_in_its_place) {
    uint64_t seed = 2;
    uintptr_t gone = address(&seed), next;
    rsd_js_pages_kept = true;
    rsd_js_memory_comes((void *)gone, REGION, PROT_READ, PLAIN, 0);
    const struct rsd_js_region *region = rsd_js_region(gone);
    cr_assert(rsd_js_page_in(region, gone) & RSD_JS_PAGE_READABLE);
    rsd_js_memory_goes((void *)gone, REGION);
    do
        next = address(&seed);
    while (rsd_js_bucket_of(next >> RSD_JS_REGION_SHIFT) != rsd_js_bucket_of(gone >> RSD_JS_REGION_SHIFT));
    rsd_js_memory_comes((void *)next, REGION, PROT_READ, PLAIN, 0);
    cr_assert_eq(rsd_js_region(next), region);
    cr_assert_eq(rsd_js_page_in(region, gone), 0);
    cr_assert_eq(rsd_js_page(gone), 0);
}

Test(pages, a_long_range_goes_whole_and_leaves_its_neighbours) {
    char *start = (char *)(64 * REGION), *end = start + 5000 * REGION;
    rsd_js_pages_kept = true;
    for (char *p = start; p <= end; p += 50 * REGION)
        rsd_js_memory_comes(p, REGION, PROT_READ, PLAIN, 0);
    rsd_js_memory_goes(start + 4096, (size_t)(end - start));
    cr_assert(rsd_js_page((uintptr_t)start) & RSD_JS_PAGE_READABLE);
    cr_assert_eq(rsd_js_page((uintptr_t)start + 4096), 0);
    for (char *p = start + 50 * REGION; p < end; p += 50 * REGION)
        cr_assert_null(rsd_js_region((uintptr_t)p));
    cr_assert_eq(rsd_js_page((uintptr_t)end), 0);
    cr_assert(rsd_js_page((uintptr_t)end + 4096) & RSD_JS_PAGE_READABLE);
}

/* Each thread knows its own, while all change the table and what had been one's region becomes another's. */
static void *come_and_go(void *wrong) {
    uint64_t seed = (uintptr_t)&seed;
    for (int i = 0; i < 100000; i++) {
        uintptr_t at = address(&seed);
        rsd_js_memory_comes((void *)at, 3 * 4096, PROT_READ, PLAIN, 0);
        bool here = rsd_js_range_is_readable(at, 3 * 4096) && !(rsd_js_page(at + 3 * 4096) & RSD_JS_PAGE_READABLE);
        rsd_js_memory_goes((void *)at, 3 * 4096);
        if (!here || rsd_js_page(at))
            atomic_fetch_add((_Atomic int *)wrong, 1);
    }
    return NULL;
}

Test(pages, threads_that_map_at_the_same_time_do_not_disturb_each_other) {
    _Atomic int wrong = 0;
    pthread_t thread[4];
    rsd_js_pages_kept = true;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, come_and_go, &wrong);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    cr_assert_eq(wrong, 0);
}

/* ---- object.c -------------------------------------------------------------------------------------------------- */

static const char *text_of(uintptr_t string) {
    static char out[256];
    out[rsd_js_utf8(fake_js, fake_get(string), out, sizeof out - 1)] = '\0';
    return out;
}

Test(strings, every_kind_is_read, .init = fake_heap) {
    uintptr_t flat = fake_string("hello world");
    cr_assert_str_eq(text_of(flat), "hello world");

    uintptr_t cons = fake_string_of(41, 22, NULL, 16);
    fake_set(cons, 16, flat);
    fake_set(cons, 24, flat);
    cr_assert_str_eq(text_of(cons), "hello worldhello world");

    uintptr_t thin = fake_string_of(45, 11, NULL, 16);
    fake_set(thin, 16, flat);
    cr_assert_str_eq(text_of(thin), "hello world");

    uintptr_t slice = fake_string_of(43, 5, NULL, 16);
    fake_set(slice, 16, thin);
    fake_set(slice, 24, fake_integer(6));
    cr_assert_str_eq(text_of(slice), "world");

    static const char outside[] = "outside";
    uintptr_t external = fake_string_of(42, 7, NULL, 16);
    fake_set(external, 24, (uintptr_t)outside);
    cr_assert_str_eq(text_of(external), "outside");
}

Test(strings, become_utf8, .init = fake_heap) {
    cr_assert_str_eq(text_of(fake_string_of(40, 3, "gr\xfc", 3)), "gr\xc3\xbc");
    static const uint16_t wide[] = {0x65e5, 0xd83d, 0xde00, 0xd83d};
    cr_assert_str_eq(text_of(fake_string_of(32, 4, wide, sizeof wide)), "\xe6\x97\xa5\xf0\x9f\x98\x80\xef\xbf\xbd");
}

Test(strings, a_slice_beyond_its_parent_is_nothing, .init = fake_heap) {
    uintptr_t slice = fake_string_of(43, 50, NULL, 16);
    fake_set(slice, 16, fake_string("short"));
    fake_set(slice, 24, fake_integer(2));
    cr_assert_str_eq(text_of(slice), "");
}

Test(strings, a_thin_string_that_stands_for_itself_ends, .init = fake_heap) {
    uintptr_t thin = fake_string_of(45, 5, NULL, 16);
    fake_set(thin, 16, thin);
    cr_assert_str_eq(text_of(thin), "");
}

Test(objects, that_move_are_followed_and_counted, .init = fake_heap) {
    uintptr_t here = fake_string("moved"), old = fake_string("-----");
    fake_set(old, 0, here - 1);
    cr_assert_str_eq(text_of(old), "moved");
    cr_assert_gt(fake_js->forwarded, 0);
}

Test(objects, garbage_is_no_object, .init = fake_heap) {
    static const uintptr_t garbage[] = {0, 2, 3, 8, 9, 0x1001, (uintptr_t)1 << 47 | 1, UINTPTR_MAX, UINTPTR_MAX - 6};
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        cr_assert_eq(fake_get(garbage[i]).type, RSD_JS_NO_TYPE);
}

/* ---- function.c ------------------------------------------------------------------------------------------------ */

static const char *described(uintptr_t shared) {
    static char out[512];
    struct rsd_js_shared about;
    if (!rsd_js_describe(fake_js, fake_get(shared), &about))
        return "nothing";
    snprintf(out, sizeof out, "%.*s|%.*s", (int)about.name_size, fake_js->name, (int)about.file_size, fake_js->file);
    return out;
}

Test(functions, have_a_name_and_a_file, .init = fake_heap) {
    uintptr_t script = fake_script(fake_string("/app/a.js"), fake_string("function f() {}"));
    cr_assert_str_eq(described(fake_shared(script, fake_string("f"), 10, 15)), "f|/app/a.js");
    cr_assert_str_eq(described(fake_shared(script, 0, 10, 15)), "(anonymous)|/app/a.js");
    cr_assert_str_eq(described(fake_shared(script, 0, 0, 15)), "(top level)|/app/a.js");
}

Test(functions, of_v8_have_no_file, .init = fake_heap) {
    uintptr_t shared = fake_object(282, 64);
    fake_set(shared, 24, fake_string("map"));
    fake_set(shared, 40, fake_undefined());
    cr_assert_str_eq(described(shared), "map|");
}

Test(functions, in_an_eval_are_called_after_their_surroundings, .init = fake_heap) {
    uintptr_t script = fake_script(fake_string("/app/a.js"), fake_string(""));
    uintptr_t text = fake_script(fake_undefined(), fake_string("1"));
    fake_set(text, 72, fake_shared(script, fake_string("outer"), 10, 15));
    cr_assert_str_eq(described(fake_shared(text, 0, 0, 1)), "eval|eval at outer (/app/a.js)");
}

Test(functions, whose_scope_makes_no_sense_lose_their_name, .init = fake_heap) {
    uintptr_t script = fake_script(fake_string("/app/a.js"), fake_string(""));
    uintptr_t shared = fake_shared(script, fake_string("f"), 20, 15);
    cr_assert_str_eq(described(shared), "(anonymous)|/app/a.js");
    for (int i = 0; i < 20; i++)
        described(shared);
    cr_assert_eq(rsd_js_names(), RSD_JS_BAD);
}

Test(functions, whose_script_is_none_are_not_named, .init = fake_heap) {
    cr_assert_str_eq(described(fake_shared(fake_string("no script"), fake_string("f"), 10, 15)), "nothing");
    uintptr_t script = fake_script(fake_string("a text\nof two lines"), fake_string(""));
    cr_assert_str_eq(described(fake_shared(script, fake_string("f"), 10, 15)), "nothing");
}

/* ---- intern.c -------------------------------------------------------------------------------------------------- */

static uint32_t id_of(const char *name, const char *file) {
    uintptr_t script = fake_script(fake_string(file), fake_string("\n\nfunction"));
    struct rsd_js_shared about;
    cr_assert(rsd_js_describe(fake_js, fake_get(fake_shared(script, fake_string(name), 3, 9)), &about));
    return rsd_js_intern(fake_js, &about);
}

Test(ids, belong_to_what_a_function_is_and_not_to_where_it_is, .init = fake_heap) {
    cr_assert_eq(id_of("f", "/a.js"), 1);
    cr_assert_str_eq(fake_last, "f|/a.js|3");
    cr_assert_eq(id_of("g", "/a.js"), 2);
    cr_assert_eq(id_of("f", "/b.js"), 3);
    cr_assert_eq(id_of("f", "/a.js"), 1);
    cr_assert_eq(fake_written, 3);
}

Test(ids, survive_that_the_table_grows, .init = fake_heap) {
    char name[16];
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 1; i <= 1500; i++) {
            snprintf(name, sizeof name, "f%u", i);
            cr_assert_eq(id_of(name, "/a.js"), i);
        }
    cr_assert_eq(fake_written, 1500);
}

Test(ids, of_functions_without_end_take_a_bounded_table, .init = fake_heap) {
    char name[16];
    uintptr_t room = fake_next;
    for (uint32_t i = 1; i <= 150000; i++) {
        fake_next = room; /* the one before is garbage */
        snprintf(name, sizeof name, "f%u", i);
        cr_assert_eq(id_of(name, "/a.js"), i);
    }
    cr_assert_eq(fake_js->interned_mask + 1, 65536);
    fake_next = room;
    cr_assert_eq(id_of("f150000", "/a.js"), 150000, "what was met lately is known");
}

Test(ids, are_not_given_to_what_could_not_be_written, .init = fake_heap) {
    fake_full = true;
    cr_assert_eq(id_of("f", "/a.js"), 0);
    fake_full = false;
    cr_assert_eq(id_of("f", "/a.js"), 1);
}

/* ---- lines.c --------------------------------------------------------------------------------------------------- */

static uint32_t line_in(uintptr_t source, int32_t position, uint32_t *column) {
    uintptr_t script = fake_script(fake_string("/a.js"), source);
    struct rsd_js_line line = rsd_js_line(fake_js, fake_get(script), position);
    *column = line.column;
    return line.line;
}

Test(lines, end_as_javascript_says, .init = fake_heap) {
    uint32_t column;
    cr_assert_eq(line_in(fake_string("a\nb\r\nc\rd"), 0, &column), 1);
    cr_assert_eq(line_in(fake_string("a\nb\r\nc\rd"), 2, &column), 2);
    cr_assert_eq(line_in(fake_string("a\nb\r\nc\rd"), 5, &column), 3);
    cr_assert_eq(line_in(fake_string("a\nb\r\nc\rd"), 7, &column), 4);
    cr_assert_eq(column, 1);
    static const uint16_t wide[] = {'a', 0x2028, 'b', 0x2029, 'c', 0x0a28};
    cr_assert_eq(line_in(fake_string_of(32, 6, wide, sizeof wide), 4, &column), 3);
}

Test(lines, of_a_long_text_agree_with_counting, .init = fake_heap) {
    const uint32_t size = 700000;
    char *text = malloc(size + 1);
    uint32_t seed = 1;
    for (uint32_t i = 0; i < size; i++) {
        seed = seed * 1103515245 + 12345;
        text[i] = seed >> 16 & 31 ? 'x' : seed >> 21 & 1 ? '\n' : '\r';
    }
    text[size] = '\0';
    uintptr_t source = fake_string(text);
    for (uint32_t position = 0; position < size; position += position < 9000 ? 1 : 4999) {
        uint32_t want_lines = 1, want_column, column;
        static uint32_t counted_to, counted, line_start;
        for (; counted_to < position; counted_to++)
            if (text[counted_to] == '\n' || (text[counted_to] == '\r' && text[counted_to + 1] != '\n')) {
                counted++;
                line_start = counted_to + 1;
            }
        want_lines += counted;
        want_column = position - line_start + 1;
        fake_next = source - 1 + 16 + ((size + 31) & ~15u);
        cr_assert_eq(line_in(source, (int32_t)position, &column), want_lines, "at %u", position);
        cr_assert_eq(column, want_column, "at %u", position);
    }
    free(text);
}

Test(lines, are_counted_anew_when_another_text_takes_the_place, .init = fake_heap) {
    char text[5001];
    uint32_t column;
    memset(text, 'x', 5000);
    text[5000] = '\0';
    uintptr_t source = fake_string(text);
    cr_assert_eq(line_in(source, 4990, &column), 1);
    memset((void *)(source - 1 + 16), '\n', 2500);
    rsd_js_begin(fake_js); /* the next stack */
    cr_assert_eq(line_in(source, 4990, &column), 2501);
}

Test(lines, begin_where_the_script_says, .init = fake_heap) {
    uintptr_t script = fake_script(fake_string("/a.js"), fake_string("ab\ncd"));
    fake_set(script, 24, fake_integer(100));
    fake_set(script, 32, fake_integer(10));
    struct rsd_js_line first = rsd_js_line(fake_js, fake_get(script), 1);
    struct rsd_js_line second = rsd_js_line(fake_js, fake_get(script), 4);
    cr_assert_eq(first.line, 101);
    cr_assert_eq(first.column, 12);
    cr_assert_eq(second.line, 102);
    cr_assert_eq(second.column, 2);
}

/* ---- positions.c, bytecodes.c ---------------------------------------------------------------------------------- */

#define AT(position) (uint8_t)(((position)*2) << 1) /* the difference in a table of two positions, below 16 apart */

/* offset 0 -> 10, offset 4 -> 12 (no statement), offset 9 -> 13; the first position is 10 + 1, shifted by one. */
static const uint8_t signed_table[] = {2, 44, 9, AT(2), 10, AT(1)};
static const uint8_t unsigned_table[] = {1 << 2 | 1, 44, 4 << 2, AT(2), 5 << 2 | 1, AT(1)};
static const struct rsd_js_bounds in_function = {.code_size = 12, .start = 9, .end = 14, .bytecode = true};

static int32_t position(const uint8_t *table, uint32_t size, uint32_t offset) {
    struct rsd_js_object bytes = fake_get(fake_bytes(table, size));
    return rsd_js_position_in_script(rsd_js_position_at(fake_js, bytes, offset, &in_function));
}

Test(positions, are_those_of_the_last_entry_before, .init = fake_heap) {
    cr_assert_eq(position(signed_table, sizeof signed_table, 0), 10);
    cr_assert_eq(position(signed_table, sizeof signed_table, 3), 10);
    cr_assert_eq(position(signed_table, sizeof signed_table, 4), 12);
    cr_assert_eq(position(signed_table, sizeof signed_table, 11), 13);
}

Test(positions, are_read_as_v8_14_writes_them, .init = fake_heap) {
    rsd_js_layout.positions_unsigned = true;
    cr_assert_eq(position(unsigned_table, sizeof unsigned_table, 4), 12);
}

Test(positions, in_a_table_that_makes_no_sense_are_none, .init = fake_heap) {
    cr_assert_eq(position(signed_table, sizeof signed_table - 1, 4), -1);
    static const uint8_t beyond[] = {2, 44, 9, 100};
    cr_assert_eq(position(beyond, sizeof beyond, 4), -1);
    for (int i = 0; i < 20; i++)
        position(beyond, sizeof beyond, 4);
    bool is_unsigned;
    cr_assert_eq(rsd_js_lines(&is_unsigned), RSD_JS_BAD);
}

Test(positions, of_an_unknown_version_must_prove_themselves, .init = fake_heap) {
    rsd_js_layout.tested = false;
    for (int i = 0; i < 40; i++)
        rsd_js_judge(RSD_JS_BYTECODES, true);
    bool is_unsigned = false;
    cr_assert_eq(position(unsigned_table, sizeof unsigned_table, 4), -1);
    cr_assert_eq(rsd_js_lines(&is_unsigned), RSD_JS_LEARNING);
    for (int i = 0; i < 40; i++)
        position(unsigned_table, sizeof unsigned_table, 4);
    cr_assert_eq(rsd_js_lines(&is_unsigned), RSD_JS_GOOD);
    cr_assert(is_unsigned);
    cr_assert_eq(position(unsigned_table, sizeof unsigned_table, 4), 12);
}

/* LdaSmi 1, LdaZero, Wide LdaSmi 300: 2 + 1 + 4 bytes, numbered as in V8 13.6. */
static const uint8_t bytecodes[] = {0x0d, 1, 0x0c, 0x00, 0x0d, 0x2c, 0x01};

Test(bytecodes, are_walked_along_by_their_sizes, .init = fake_heap) {
    rsd_js_bytecodes_start(NULL);
    cr_assert_eq(rsd_js_bytecodes, 208);
    cr_assert_eq(rsd_js_bytecode_size(bytecodes, 7), 2);
    cr_assert_eq(rsd_js_bytecode_size(bytecodes + 2, 5), 1);
    cr_assert_eq(rsd_js_bytecode_size(bytecodes + 3, 4), 4);
    cr_assert_eq(rsd_js_bytecode_size(bytecodes + 3, 3), 0);
    cr_assert_eq(rsd_js_bytecode_size((const uint8_t[]){255, 0}, 2), 0);
}

Test(bytecodes, lead_from_machine_code_to_the_offset, .init = fake_heap) {
    rsd_js_bytecodes_start(NULL);
    uintptr_t array = fake_object(186, 64 + sizeof bytecodes);
    fake_set(array, 8, fake_integer(sizeof bytecodes));
    memcpy((void *)(array - 1 + 64), bytecodes, sizeof bytecodes);
    static const uint8_t offsets[] = {20, 5, 7, 9}, too_few[] = {20, 5, 7};
    struct rsd_js_object table = fake_get(fake_bytes(offsets, sizeof offsets)), all = fake_get(array);
    cr_assert_eq(rsd_js_bytecode_at(table, all, 3), 0);
    cr_assert_eq(rsd_js_bytecode_at(table, all, 24), 0);
    cr_assert_eq(rsd_js_bytecode_at(table, all, 25), 2);
    cr_assert_eq(rsd_js_bytecode_at(table, all, 40), 3);
    cr_assert_eq(rsd_js_bytecode_at(table, all, 41), -1);
    cr_assert_eq(rsd_js_bytecode_at(fake_get(fake_bytes(too_few, sizeof too_few)), all, 24), -1);
    cr_assert(rsd_js_is_bytecode_start(fake_js, all, 3));
    cr_assert_not(rsd_js_is_bytecode_start(fake_js, all, 4));
}

/* ---- frames.c, trust.c ----------------------------------------------------------------------------------------- */

/* A closure of one of V8's own functions, which has a name and needs no line. */
static uintptr_t builtin(void) {
    uintptr_t shared = fake_object(282, 64), function = fake_object(2065, 64);
    fake_set(shared, 24, fake_string("map"));
    fake_set(shared, 40, fake_undefined());
    fake_set(function, 32, shared);
    return function;
}

/* The frame of a function that stands at `pc`, and what stands in it where an unoptimised one has its bytecodes. */
static struct rsd_js_answer answer_at(uintptr_t pc, uintptr_t function, uintptr_t bytecode_array) {
    static uintptr_t word[16];
    const struct rsd_registers frame = {pc, (uintptr_t)&word[0], (uintptr_t)&word[8]};
    struct rsd_js_answer answer;
    rsd_js_builtins = 0x10000;
    rsd_js_builtins_size = 0x1000;
    word[7] = fake_undefined(); /* the context */
    word[6] = function;
    word[4] = bytecode_array;
    rsd_js_begin(fake_js);
    rsd_js_frame(fake_js, &frame, &answer);
    return answer;
}

/* Somewhere in V8's builtins. */
static struct rsd_js_answer answer_for(uintptr_t function) {
    return answer_at(0x10080, function, 0);
}

/* Generated code of this kind; all of it has one map. Returns an address in it. */
static uintptr_t generated(uint32_t kind) {
    static uintptr_t map;
    uintptr_t code = fake_object(187, 64), stream = fake_object(192, 128), start = (stream + 63) & ~(uintptr_t)31;
    map = map ? map : *(uintptr_t *)(stream - 1);
    fake_set(stream, 0, map);
    fake_set(stream, 8, code);
    fake_set(code, 16, fake_bytes("", 0));
    fake_set(code, 40, start);
    memcpy((void *)(code - 1 + 52), &kind, sizeof kind);
    memcpy((void *)(code - 1 + 56), &(uint32_t){32}, sizeof(uint32_t));
    return start + 8;
}

Test(frames, that_met_an_object_on_its_way_are_named_and_asked_for_again, .init = fake_heap) {
    uintptr_t function = builtin(), old = fake_object(2065, 64);
    struct rsd_js_answer at_rest = answer_for(function);
    cr_assert_eq(at_rest.count, 1);
    cr_assert(at_rest.proof.settled);
    fake_set(old, 0, function - 1);
    struct rsd_js_answer in_motion = answer_for(old);
    cr_assert_eq(in_motion.count, 1);
    cr_assert_eq(in_motion.place[0].function, at_rest.place[0].function);
    cr_assert_not(in_motion.proof.settled);
}

/* GIVEN bytecodes that were moved, and a word that the collector has left pointing to where they were: it does so in code
 * that has no use for it. */
Test(frames, of_optimised_code_do_not_hang_on_what_stands_where_others_have_bytecodes, .init = fake_heap) {
    enum { BASELINE = 10, OPTIMISED };
    uintptr_t function = builtin(), array = fake_object(186, 80), old = fake_object(186, 80);
    fake_set(old, 0, array - 1);
    struct rsd_js_answer baseline = answer_at(generated(BASELINE), function, old);
    cr_assert_not(baseline.proof.settled, "they are on their way");
    struct rsd_js_answer optimised = answer_at(generated(OPTIMISED), function, old);
    cr_assert_eq(optimised.count, 1);
    cr_assert(optimised.proof.settled);
}

/* The words of a proof in a row say what the proof says: each of them counts. */
Test(frames, hang_on_each_word_of_their_proof) {
    uintptr_t *heap = (void *)map(4096, PROT_READ | PROT_WRITE);
    uintptr_t stack[4] = {1, 2, 3, 4};
    struct rsd_js_proof proof = {.settled = true,
                                 .words = 3,
                                 .offset = {0, 1, 3},
                                 .fp = (uintptr_t)stack,
                                 .value = {1, 2, 4},
                                 .region = rsd_js_region((uintptr_t)heap),
                                 .shared_at = (uintptr_t)heap,
                                 .shared = 5};
    struct rsd_word row[RSD_JS_WORDS], far;
    struct rsd_summed summed;
    *heap = 5;
    cr_assert(rsd_js_holds(&proof));
    cr_assert_eq(rsd_js_words_on_stack(&proof, row), 3);
    cr_assert(rsd_sum_up(&summed, row, 3, (uintptr_t)stack));
    cr_assert_eq(rsd_js_words_in_heap(&proof, &far), 1);
    cr_assert_eq(far.address, (uintptr_t)heap);
    cr_assert_eq(far.value, 5);
    for (unsigned i = 0; i < 4; i++) {
        cr_assert(rsd_sums_hold(&summed, 1, (uintptr_t)stack));
        stack[i]++;
        cr_assert_eq(rsd_js_holds(&proof), i == 2);
        cr_assert_eq(rsd_sums_hold(&summed, 1, (uintptr_t)stack), i == 2);
        stack[i]--;
    }
    ++*heap;
    cr_assert_not(rsd_js_holds(&proof));
}

Test(frames, of_an_unknown_version_have_no_names_before_those_have_proved_right, .init = fake_heap) {
    rsd_js_layout.tested = false;
    cr_assert_eq(answer_for(builtin()).count, 0);
    cr_assert_eq(rsd_js_names(), RSD_JS_LEARNING);
    for (int i = 0; i < 40; i++)
        for (enum rsd_js_topic topic = RSD_JS_FUNCTIONS; topic <= RSD_JS_SCRIPTS; topic++)
            rsd_js_judge(topic, true);
    cr_assert_eq(answer_for(builtin()).count, 1);
    rsd_js_trust_anew();
    rsd_js_judge(RSD_JS_SCRIPTS, false);
    cr_assert_eq(rsd_js_names(), RSD_JS_BAD, "one failure before that is the end of it");
    cr_assert_eq(answer_for(builtin()).count, 0);
}
