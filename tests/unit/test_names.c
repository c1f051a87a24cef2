/*
 * Names: symbols by size and never by nearness, packages by the nearest package.json, demangling, text that is safe.
 */
#include <criterion/criterion.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names/demangle.h"
#include "names/elf.h"
#include "names/package.h"
#include "text.h"

static struct rsd_elf *table(void) {
    static const struct rsd_symbol symbols[] = {
        {0x1000, 0x100, "outer", STB_GLOBAL}, {0x1040, 0x10, "inner", STB_LOCAL}, {0x2000, 0x20, "__alias", STB_GLOBAL},
        {0x2000, 0x20, "alias", STB_GLOBAL},  {0x2000, 0x20, "weak", STB_WEAK},   {0x9000, 0x10, "far", STB_GLOBAL},
    };
    struct rsd_symbol *copy = malloc(sizeof symbols);
    memcpy(copy, symbols, sizeof symbols);
    return rsd_elf_of_symbols(copy, sizeof symbols / sizeof *symbols);
}

static const char *name_at(struct rsd_elf *elf, uint64_t address) {
    const struct rsd_symbol *symbol = rsd_elf_symbol(elf, address);
    return symbol ? symbol->name : "";
}

Test(names, an_address_belongs_to_a_symbol_only_within_its_size) {
    struct rsd_elf *elf = table();
    cr_assert_str_eq(name_at(elf, 0xfff), "");
    cr_assert_str_eq(name_at(elf, 0x1000), "outer");
    cr_assert_str_eq(name_at(elf, 0x10ff), "outer");
    cr_assert_str_eq(name_at(elf, 0x1100), "", "behind the end is no nearest symbol");
    cr_assert_str_eq(name_at(elf, 0x8fff), "");
    cr_assert_str_eq(name_at(elf, 0x9010), "");
    rsd_elf_close(elf);
}

Test(names, of_overlapping_symbols_the_one_that_starts_last_wins) {
    struct rsd_elf *elf = table();
    cr_assert_str_eq(name_at(elf, 0x103f), "outer");
    cr_assert_str_eq(name_at(elf, 0x1040), "inner");
    cr_assert_str_eq(name_at(elf, 0x104f), "inner");
    cr_assert_str_eq(name_at(elf, 0x1050), "outer");
    rsd_elf_close(elf);
}

Test(names, of_several_names_for_a_place_the_plain_global_one_is_taken) {
    struct rsd_elf *elf = table();
    cr_assert_str_eq(name_at(elf, 0x2010), "alias");
    rsd_elf_close(elf);
}

Test(names, this_program_knows_its_own_functions) {
    struct rsd_problems problems = {0};
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    cr_assert_gt(length, 0);
    self[length] = 0;
    static const struct rsd_places here;
    struct rsd_elf *elf = rsd_elf_open(self, NULL, 0, &here, &problems);
    cr_assert_not_null(elf);
    rsd_elf_close(elf);
    static const uint8_t wrong[20] = {1};
    cr_assert_null(rsd_elf_open(self, wrong, sizeof wrong, &here, &problems), "another build-id is another file");
    cr_assert_eq(problems.total, 1u);
    cr_assert_null(rsd_elf_open("/dev/zero", NULL, 0, &here, &problems), "only plain files are opened");
    rsd_problems_free(&problems);
}

Test(names, cpp_and_rust_are_demangled_and_c_is_left_alone) {
    static const char *const pairs[][2] = {
        {"_ZN2v88internal4Heap7CollectEv", "v8::internal::Heap::Collect"},
        {"_ZN4core3fmt5Write9write_fmt17h0123456789abcdefE", "core::fmt::Write::write_fmt"},
        {"_RNvC6_123foo3bar", "123foo::bar"},
        {"g_malloc", "g_malloc"},
        {"_start", "_start"},
        {"malloc@@GLIBC_2.2.5", "malloc"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char *name = rsd_demangle(pairs[i][0]);
        cr_assert_str_eq(name, pairs[i][1]);
        free(name);
    }
}

/* ---- Packages ---------------------------------------------------------------------------------------------------- */

static char root[] = "/tmp/residue-packages-XXXXXX";

static void put(const char *path, const char *content) {
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *at = whole + strlen(root) + 1; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(whole, 0700);
        *at = '/';
    }
    FILE *file = fopen(whole, "w");
    cr_assert(file && fputs(content, file) >= 0 && fclose(file) == 0, "%s", whole);
}

static void expect_package(const char *path, const char *package) {
    char whole[4096];
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    char *found = rsd_package_of(whole);
    if (package)
        cr_assert_str_eq(found, package);
    else
        cr_assert_null(found);
    free(found);
}

Test(names, a_file_belongs_to_the_nearest_package_json_that_names_a_package) {
    cr_assert(mkdtemp(root));
    put("package.json", "{\"name\": \"app\", \"version\": \"9.9.9\"}");
    put("node_modules/sharp/package.json", "{\"name\": \"sharp\", \"version\": \"0.33.5\"}");
    put("node_modules/sharp/lib/package.json", "{\"type\": \"module\"}");
    put("node_modules/@img/sharp-linux-x64/package.json",
        "{\"name\": \"@img/sharp-linux-x64\", \"version\": \"0.33.5\"}");
    put("node_modules/.pnpm/canvas@3.1.0/node_modules/canvas/package.json",
        "{\"name\": \"canvas\", \"version\": \"3.1.0\"}");
    put(".yarn/unplugged/bcrypt-npm-5.1.0-abc/node_modules/bcrypt/package.json",
        "{\"name\": \"bcrypt\", \"version\": \"5.1.0\"}");
    expect_package("node_modules/sharp/lib/x.node", "sharp@0.33.5");
    expect_package("node_modules/@img/sharp-linux-x64/lib/sharp.node", "@img/sharp-linux-x64@0.33.5");
    expect_package("node_modules/.pnpm/canvas@3.1.0/node_modules/canvas/build/Release/canvas.node", "canvas@3.1.0");
    expect_package(".yarn/unplugged/bcrypt-npm-5.1.0-abc/node_modules/bcrypt/lib/bcrypt.node", "bcrypt@5.1.0");
    expect_package("node_modules/gone/lib/x.node", "gone");
    expect_package(".yarn/cache/lodash-npm-4.17.21-6382451519-eb835a2e51.zip/node_modules/lodash/map.js",
                   "lodash@4.17.21");
    expect_package(".yarn/cache/@img-colour-npm-1.0.0-beta.2-0123456789.zip/node_modules/@img/colour/i.js",
                   "@img/colour@1.0.0-beta.2");
    expect_package(".yarn/__virtual__/a-virtual-0123456789/0/cache/a-npm-2.0.0-0123456789.zip/node_modules/a/i.js",
                   "a@2.0.0");
    expect_package(".yarn/unplugged/lost-npm-5.1.0-fedcba9876/node_modules/lost/x.node", "lost@5.1.0");
    expect_package("node_modules/.pnpm/@img+lost@1.2.3_peer@4.0.0/node_modules/@img/lost/x.node", "@img/lost@1.2.3");
    expect_package("node_modules/@gone/away/x.node", "@gone/away");
    expect_package("lib/x.so", NULL);
    expect_package("node_modules/x.so", NULL);
    char command[4200];
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

/* ---- Text -------------------------------------------------------------------------------------------------------- */

static void expect_escaped(const char *text, size_t size, const char *wanted) {
    char *escaped = rsd_escape(text, size);
    cr_assert_str_eq(escaped, wanted);
    free(escaped);
}

Test(text, nothing_that_steers_a_terminal_gets_through) {
    expect_escaped("plain", 5, "plain");
    expect_escaped("gr\xc3\xbc\xc3\x9f", 6, "gr\xc3\xbc\xc3\x9f");
    expect_escaped("\033[31mred", 8, "\\x1b[31mred");
    expect_escaped("a\nb\0c", 5, "a\\x0ab\\x00c");
    expect_escaped("\xc2\x9b"
                   "31m",
                   5, "\\xc2\\x9b31m"); /* C1's CSI */
    expect_escaped("\xe2\x80\xae"
                   "txt",
                   6, "\\xe2\\x80\\xaetxt");              /* right-to-left override */
    expect_escaped("\xff\xc3", 2, "\\xff\\xc3");          /* no UTF-8 */
    expect_escaped("\xc0\xaf", 2, "\\xc0\\xaf");          /* overlong */
    expect_escaped("\xed\xa0\x80", 3, "\\xed\\xa0\\x80"); /* a surrogate */
}

Test(text, sizes_counts_and_times_have_units) {
    cr_assert_str_eq(rsd_bytes(1023).text, "1023 B");
    cr_assert_str_eq(rsd_bytes(1024).text, "1.0 KiB");
    cr_assert_str_eq(rsd_bytes(1048575).text, "1.0 MiB");
    cr_assert_str_eq(rsd_change(-1536).text, "-1.5 KiB");
    cr_assert_str_eq(rsd_change(0).text, "0 B");
    cr_assert_str_eq(rsd_count(1234567).text, "1,234,567");
    cr_assert_str_eq(rsd_count(12).text, "12");
    cr_assert_str_eq(rsd_seconds(0.0012).text, "1.2 ms");
    cr_assert_str_eq(rsd_seconds(61).text, "61.0 s");
    cr_assert_str_eq(rsd_seconds(125).text, "2 min 5 s");
    cr_assert_str_eq(rsd_seconds(7800).text, "2 h 10 min");
    cr_assert_str_eq(rsd_percent(1, 3).text, "33.3 %");
    cr_assert_str_eq(rsd_percent(1, 0).text, "-");
}
