/*
 * V8's code map: its lines, the table of what lies where, and what code is called.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "js/codemap.h"
#include "names/codename.h"

/* ---- the recorder's table -------------------------------------------------------------------------------------- */

static uint32_t told(uintptr_t start, uint32_t size, const char *name) {
    struct rsd_code_line line = {start, size, (uint32_t)strlen(name), name};
    uint32_t id = rsd_codemap_new(&line);
    if (id)
        rsd_codemap_publish(&line, id);
    return id;
}

Test(codemap, a_line_is_address_size_and_a_name_that_may_hold_spaces) {
    struct rsd_code_line line;
    const char *text = "7f0012346040 1c0 JS:~get size /app/my file.js:4:10\n";
    cr_assert(rsd_codemap_parse(text, strlen(text), &line));
    cr_assert_eq(line.start, 0x7f0012346040u);
    cr_assert_eq(line.size, 0x1c0u);
    cr_assert_eq(line.name_size, strlen("JS:~get size /app/my file.js:4:10"));
    cr_assert_eq(strncmp(line.name, "JS:~get size", 12), 0);
}

Test(codemap, what_is_no_line_is_none) {
    static const char *const bad[] = {"",
                                      "\n",
                                      "7f00",
                                      "7f00 ",
                                      "7f00 10",
                                      "7f00 0 empty\n",
                                      "x 10 name\n",
                                      "7f00 10000001 huge\n",
                                      "ffffffffffffffff 10 outside\n",
                                      "0 10 nowhere\n",
                                      "7fffffffffff 10 over the end\n"};
    struct rsd_code_line line;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_not(rsd_codemap_parse(bad[i], strlen(bad[i]), &line), "\"%s\"", bad[i]);
}

Test(codemap, code_is_known_from_behind_its_first_byte_to_behind_its_last) {
    uint32_t id = told(0x10000040, 100, "JS:~a");
    cr_assert_eq(rsd_codemap_at(0x10000040), 0, "a return address lies behind a call");
    cr_assert_eq(rsd_codemap_at(0x10000041), id);
    cr_assert_eq(rsd_codemap_at(0x10000040 + 100), id);
    cr_assert_eq(rsd_codemap_at(0x100000c1), 0);
    cr_assert_eq(rsd_codemap_at((uintptr_t)1 << 50), 0);
}

Test(codemap, code_in_the_place_of_other_code_is_another_generation) {
    uint32_t first = told(0x20000000, 4096, "JS:~first"), second = told(0x20000400, 64, "JS:~second");
    cr_assert_neq(first, second);
    cr_assert_eq(rsd_codemap.reused, 1);
    cr_assert_eq(rsd_codemap_at(0x20000400), first);
    cr_assert_eq(rsd_codemap_at(0x20000420), second);
    cr_assert_eq(rsd_codemap_at(0x20000500), first);
    uint32_t again = told(0x20000000, 4096, "JS:~first");
    cr_assert_neq(again, first, "what lay there in between is dead");
    cr_assert_eq(rsd_codemap_at(0x20000420), again);
}

Test(codemap, what_is_told_twice_is_no_new_generation) {
    uint32_t id = told(0x30000000, 640, "Builtin:ArrayForEach");
    cr_assert_eq(told(0x30000000, 640, "Builtin:ArrayForEach"), 0);
    cr_assert_eq(rsd_codemap_at(0x30000100), id);
    cr_assert_eq(rsd_codemap.reused, 0);
    cr_assert_neq(told(0x30000000, 640, "Builtin:ArrayFilter"), 0);
}

/* ---- the analyzer's names -------------------------------------------------------------------------------------- */

static bool reads(struct rsd_slice slice, const char *text) {
    return slice.size == strlen(text) && (slice.size == 0 || memcmp(slice.bytes, text, slice.size) == 0);
}

static void is_called(const char *text, const char *name, const char *file, uint32_t line, uint32_t column) {
    struct rsd_codename code = rsd_codename_parse((struct rsd_slice){text, strlen(text)});
    cr_assert(reads(code.name, name), "%s: name %.*s", text, (int)code.name.size, code.name.bytes);
    cr_assert(reads(code.file, file), "%s: file %.*s", text, (int)code.file.size, code.file.bytes);
    cr_assert_eq(code.line, line, "%s: line %u", text, code.line);
    cr_assert_eq(code.column, column, "%s: column %u", text, code.column);
}

Test(codename, functions_of_all_versions_and_tiers) {
    is_called("JS:~resize /app/a.js:4:10", "resize", "/app/a.js", 4, 10);
    is_called("JS:*resize file:///app/my%20lib/a.mjs:4:10", "resize", "file:///app/my%20lib/a.mjs", 4, 10);
    is_called("JS:*'resize /app/a.js:4:10", "resize", "/app/a.js", 4, 10);
    is_called("JS:^open /app/a.js:4:10", "open", "/app/a.js", 4, 10);
    is_called("LazyCompile:~Module._load node:internal/modules/cjs/loader:946", "Module._load",
              "node:internal/modules/cjs/loader", 946, 0);
    is_called("JS:+get size /app/my folder/a b.js:4:10", "get size", "/app/my folder/a b.js", 4, 10);
}

Test(codename, what_has_no_name_no_file_or_no_line) {
    is_called("JS:~ /app/a.js:41:3", "", "/app/a.js", 41, 3);
    is_called("JS:~ /app/a.js:1:1", "(top level)", "/app/a.js", 1, 1);
    is_called("JS:~made_7 :1:8", "made_7", "", 1, 8);
    is_called("JS:~", "", "", 0, 0);
    is_called("JS:*lonely", "lonely", "", 0, 0);
    is_called("JS:~a /x:99999999999999999999:1", "a", "/x:99999999999999999999", 1, 0);
}

Test(codename, v8s_own_code_is_a_builtin) {
    is_called("Builtin:ArrayForEach", "ArrayForEach", "", 0, 0);
    is_called("RegExp:a b:1", "RegExp:a b:1", "", 0, 0);
    cr_assert(rsd_codename_parse((struct rsd_slice){"BytecodeHandler:LdaZero", 23}).builtin);
    cr_assert_not(rsd_codename_parse((struct rsd_slice){"JS:~a /b:1:1", 12}).builtin);
}
