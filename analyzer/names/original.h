/* What a place in a script was before it was bundled, compiled or minified. */
#ifndef RSD_ORIGINAL_H
#define RSD_ORIGINAL_H

#include <stdbool.h>
#include <stdint.h>

/* The source maps of scripts; each is looked for once, beside its script or in it. */
struct rsd_originals;
struct rsd_originals *rsd_originals_open(void);
void rsd_originals_close(struct rsd_originals *originals);

/* A place of the script `file` as V8 has it, line and column from 1, becomes the source's file and line. False: there is no
 * map, or it does not tell. The text lives as long as the originals. */
bool rsd_original_place(struct rsd_originals *originals, const char *file, uint32_t line, uint32_t column,
                        const char **source, uint32_t *source_line);
/* What the function was called that the script calls `name` and that begins at this place; NULL: the map does not tell. */
const char *rsd_original_name(struct rsd_originals *originals, const char *file, uint32_t line, uint32_t column,
                              const char *name);

#endif
