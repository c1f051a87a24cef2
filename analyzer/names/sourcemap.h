/* One source map: from places in a generated script to the sources that it was made from. */
#ifndef RSD_SOURCEMAP_H
#define RSD_SOURCEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RSD_NO_NAME UINT32_MAX

/* A segment: from this place of the script to the next segment. Lines and columns count from 0, columns in UTF-16 units. */
struct rsd_segment {
    uint32_t line, column;
    uint32_t source, source_line; /* source: number in `sources`; RSD_NO_NAME: made by nobody */
    uint32_t name;                /* number in `names`; RSD_NO_NAME: none */
};

struct rsd_sourcemap {
    struct rsd_segment *segments; /* by place */
    size_t count, capacity;
    char **sources; /* as the map has them, below its sourceRoot */
    size_t source_count, source_capacity;
    char **names;
    size_t name_count, name_capacity;
};

/* Parse a map's JSON, one with sections included. False, with *why (to be freed): it is none. */
bool rsd_sourcemap_parse(struct rsd_sourcemap *map, const char *text, size_t size, char **why);
void rsd_sourcemap_free(struct rsd_sourcemap *map);

/* The last segment of the line at or before the column; NULL: there is none. */
const struct rsd_segment *rsd_sourcemap_find(const struct rsd_sourcemap *map, uint32_t line, uint32_t column);

#endif
