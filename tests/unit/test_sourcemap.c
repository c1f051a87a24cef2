/*
 * Source maps: mappings by hand, sections, and what damage does.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names/sourcemap.h"

static struct rsd_sourcemap parsed(const char *text) {
    struct rsd_sourcemap map;
    char *why = NULL;
    cr_assert(rsd_sourcemap_parse(&map, text, strlen(text), &why), "%s", why);
    return map;
}

/* As a compiler of TypeScript writes it: line 0 from 2:0 of a.ts, line 2 from 4:4 of b.ts with a name at column 9. */
#define MAPPINGS "AAEA;;ACEI,SAASA"

Test(sourcemap, places_are_translated_within_their_line) {
    struct rsd_sourcemap map = parsed("{\"version\":3,\"sourceRoot\":\"../src\",\"sources\":[\"a.ts\",\"/abs/b.ts\"],"
                                      "\"names\":[\"resize\"],\"mappings\":\"" MAPPINGS "\"}");
    cr_assert_eq(map.count, 3);
    cr_assert_str_eq(map.sources[0], "../src/a.ts");
    cr_assert_str_eq(map.sources[1], "/abs/b.ts");
    const struct rsd_segment *at = rsd_sourcemap_find(&map, 0, 500);
    cr_assert_eq(at->source, 0);
    cr_assert_eq(at->source_line, 2);
    cr_assert_null(rsd_sourcemap_find(&map, 1, 500), "a line without segments has no source");
    at = rsd_sourcemap_find(&map, 2, 8);
    cr_assert_eq(at->source, 1);
    cr_assert_eq(at->source_line, 4);
    cr_assert_eq(at->name, RSD_NO_NAME);
    at = rsd_sourcemap_find(&map, 2, 9);
    cr_assert_str_eq(map.names[at->name], "resize");
    cr_assert_null(rsd_sourcemap_find(&map, 3, 0));
    rsd_sourcemap_free(&map);
}

Test(sourcemap, sections_begin_where_they_say_and_share_no_sources) {
    struct rsd_sourcemap map = parsed(
        "{\"version\":3,\"sections\":["
        "{\"offset\":{\"line\":0,\"column\":0},\"map\":{\"sources\":[\"a\"],\"names\":[],\"mappings\":\"AAAA\"}},"
        "{\"offset\":{\"line\":0,\"column\":10},\"map\":{\"sources\":[\"b\"],\"names\":[\"n\"],\"mappings\":\"AACAA;"
        "AACA\"}}]}");
    cr_assert_eq(rsd_sourcemap_find(&map, 0, 9)->source, 0);
    const struct rsd_segment *at = rsd_sourcemap_find(&map, 0, 10);
    cr_assert_eq(at->source, 1);
    cr_assert_eq(at->source_line, 1);
    cr_assert_str_eq(map.names[at->name], "n");
    cr_assert_eq(rsd_sourcemap_find(&map, 1, 0)->source_line, 2, "the column's offset is for the first line only");
    rsd_sourcemap_free(&map);
}

Test(sourcemap, numbers_have_signs_and_continue) {
    /* column 16, source 0, line 1000, column 0; then column +1, line -999 */
    struct rsd_sourcemap map = parsed("{\"sources\":[\"a\"],\"mappings\":\"gBAw+BA,CAv+BA\"}");
    cr_assert_eq(map.count, 2);
    cr_assert_eq(map.segments[0].column, 16);
    cr_assert_eq(map.segments[0].source_line, 1000);
    cr_assert_eq(map.segments[1].column, 17);
    cr_assert_eq(map.segments[1].source_line, 1);
    rsd_sourcemap_free(&map);
}

Test(sourcemap, what_is_damaged_ends_the_mappings_and_refers_to_nothing) {
    static const char *const bad[] = {"AAAA,AA", "AAAA,!", "AAAA,DAAA", "AAAA,ggggggggB", "AAAA,AAAAAA", "AAAA,AADA"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"sources\":[\"a\"],\"names\":[],\"mappings\":\"%s\"}", bad[i]);
        struct rsd_sourcemap map = parsed(text);
        cr_assert_eq(map.count, 1, "%s: %zu segments", bad[i], map.count);
        rsd_sourcemap_free(&map);
    }
    struct rsd_sourcemap map = parsed("{\"sources\":[\"a\"],\"mappings\":\"ACAAC,CDAAA\"}");
    cr_assert_eq(map.segments[0].source, RSD_NO_NAME, "there is no second source");
    cr_assert_eq(map.segments[0].name, RSD_NO_NAME);
    cr_assert_eq(map.segments[1].source, 0);
    rsd_sourcemap_free(&map);
    char *why = NULL;
    cr_assert_not(rsd_sourcemap_parse(&map, "[]", 2, &why));
    free(why);
    cr_assert_not(rsd_sourcemap_parse(&map, "{", 1, &why));
    free(why);
    map = parsed("{\"sources\":7,\"names\":\"x\",\"mappings\":[],\"sections\":{}}");
    cr_assert_eq(map.count, 0);
    rsd_sourcemap_free(&map);
}
