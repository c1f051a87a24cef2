/*
 * Source maps, as ECMA-426 has them (version 3).
 *
 * "mappings" is a text: `;` ends a line of the generated script, `,` a segment. A segment is one, four or five numbers,
 * each the difference to the one before in the map (the column: in the line): column, source, line in the source, column
 * there, name. A number is in base 64, five bits a character, the least significant first; the sixth bit says that more
 * follows, the lowest bit of all is the sign.
 *
 * An index map has "sections" instead, each a map and the place where it begins; sources and names of all are put into one
 * list here. What does not decode ends the mappings there; what refers to a source or a name that is not in the lists
 * refers to none. So a damaged map costs names, never more.
 */
#include "names/sourcemap.h"

#include <jansson.h>
#include <string.h>

#include "memory.h"

#define SEGMENTS_MOST (64u << 20)

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* False: no number stands here, or one of more than 32 bits. */
static bool number(const char **at, int64_t *value) {
    uint64_t bits = 0;
    for (unsigned shift = 0; shift < 35; shift += 5) {
        int d = digit(**at);
        if (d < 0)
            return false;
        (*at)++;
        bits |= (uint64_t)(d & 31) << shift;
        if (!(d & 32)) {
            *value = bits & 1 ? -(int64_t)(bits >> 1) : (int64_t)(bits >> 1);
            return true;
        }
    }
    return false;
}

/* ---- Mappings -------------------------------------------------------------------------------------------------- */

/* Where a section begins: in the script, and in the lists of sources and names. */
struct base {
    uint32_t line, column;
    size_t source, name;
};

enum { COLUMN, SOURCE, SOURCE_LINE, SOURCE_COLUMN, NAME, FIELDS };

static uint32_t reference(int64_t number, size_t base, size_t count) {
    return number >= 0 && (uint64_t)number < count - base ? (uint32_t)(base + (size_t)number) : RSD_NO_NAME;
}

static void add(struct rsd_sourcemap *map, const struct base *base, uint32_t line, const int64_t *field,
                unsigned fields) {
    RSD_ROOM(map->segments, map->count, map->capacity);
    struct rsd_segment *segment = &map->segments[map->count++];
    *segment = (struct rsd_segment){.line = base->line + line,
                                    .column = (uint32_t)field[COLUMN] + (line == 0 ? base->column : 0),
                                    .source = RSD_NO_NAME,
                                    .name = RSD_NO_NAME};
    if (fields > SOURCE_COLUMN) {
        segment->source = reference(field[SOURCE], base->source, map->source_count);
        segment->source_line = (uint32_t)field[SOURCE_LINE];
    }
    if (fields > NAME)
        segment->name = reference(field[NAME], base->name, map->name_count);
}

static bool in_range(const int64_t *field) {
    for (unsigned i = 0; i < FIELDS; i++)
        if (field[i] < 0 || field[i] > INT32_MAX)
            return false;
    return true;
}

static void decode(struct rsd_sourcemap *map, const char *at, const struct base *base) {
    int64_t field[FIELDS] = {0}, step;
    for (uint32_t line = 0; *at && map->count < SEGMENTS_MOST; at++) {
        if (*at == ',')
            continue;
        if (*at == ';') {
            field[COLUMN] = 0;
            line++;
            continue;
        }
        unsigned fields = 0;
        for (; fields < FIELDS && number(&at, &step); fields++)
            field[fields] += step;
        if ((fields != 1 && fields != 4 && fields != 5) || !in_range(field) || (*at && *at != ',' && *at != ';'))
            return;
        add(map, base, line, field, fields);
        at--;
    }
}

/* ---- The object ------------------------------------------------------------------------------------------------ */

static char *joined(const char *root, const char *source) {
    size_t length = strlen(root);
    bool absolute = *source == '/' || strstr(source, "://");
    if (!length || absolute)
        return rsd_strdup(source);
    return rsd_format("%s%s%s", root, root[length - 1] == '/' ? "" : "/", source);
}

static const char *text_of(const json_t *value) {
    return json_is_string(value) ? json_string_value(value) : "";
}

static void add_map(struct rsd_sourcemap *map, const json_t *object, struct base base) {
    const char *root = text_of(json_object_get(object, "sourceRoot"));
    const json_t *sources = json_object_get(object, "sources"), *names = json_object_get(object, "names");
    base.source = map->source_count;
    base.name = map->name_count;
    for (size_t i = 0; i < json_array_size(sources); i++) {
        RSD_ROOM(map->sources, map->source_count, map->source_capacity);
        map->sources[map->source_count++] = joined(root, text_of(json_array_get(sources, i)));
    }
    for (size_t i = 0; i < json_array_size(names); i++) {
        RSD_ROOM(map->names, map->name_count, map->name_capacity);
        map->names[map->name_count++] = rsd_strdup(text_of(json_array_get(names, i)));
    }
    decode(map, text_of(json_object_get(object, "mappings")), &base);
}

static uint32_t part(const json_t *offset, const char *key) {
    json_int_t value = json_integer_value(json_object_get(offset, key));
    return value > 0 && value < INT32_MAX ? (uint32_t)value : 0;
}

static void add_sections(struct rsd_sourcemap *map, const json_t *sections) {
    for (size_t i = 0; i < json_array_size(sections); i++) {
        const json_t *section = json_array_get(sections, i), *offset = json_object_get(section, "offset");
        add_map(map, json_object_get(section, "map"),
                (struct base){part(offset, "line"), part(offset, "column"), 0, 0});
    }
}

static int by_place(const void *a, const void *b) {
    const struct rsd_segment *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

bool rsd_sourcemap_parse(struct rsd_sourcemap *map, const char *text, size_t size, char **why) {
    json_error_t error;
    if (size >= 4 && memcmp(text, ")]}'", 4) == 0) /* against inclusion by a <script>: the first line does not count */
        for (; size && *text != '\n'; size--)
            text++;
    json_t *root = json_loadb(text, size, 0, &error);
    *map = (struct rsd_sourcemap){0};
    if (!json_is_object(root)) {
        *why = rsd_format("no JSON object: %s", root ? "another value" : error.text);
        json_decref(root);
        return false;
    }
    const json_t *sections = json_object_get(root, "sections");
    if (json_is_array(sections))
        add_sections(map, sections);
    else
        add_map(map, root, (struct base){0});
    json_decref(root);
    if (map->count)
        qsort(map->segments, map->count, sizeof *map->segments, by_place);
    return true;
}

static void free_all(char **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

void rsd_sourcemap_free(struct rsd_sourcemap *map) {
    free_all(map->sources, map->source_count);
    free_all(map->names, map->name_count);
    free(map->segments);
    *map = (struct rsd_sourcemap){0};
}

const struct rsd_segment *rsd_sourcemap_find(const struct rsd_sourcemap *map, uint32_t line, uint32_t column) {
    const struct rsd_segment key = {.line = line, .column = column};
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&map->segments[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low && map->segments[low - 1].line == line ? &map->segments[low - 1] : NULL;
}
