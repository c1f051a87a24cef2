/* Paths as text. */
#ifndef RSD_PATH_H
#define RSD_PATH_H

#include <stddef.h>

/* "/app/src/a.ts" of "/app/dist" and "../src/./a.ts"; to be freed. */
char *rsd_path_join(const char *folder, const char *relative);
/* "lib/a.js" of "/app/lib/a.js" and "/app"; NULL: it does not lie below the folder. */
const char *rsd_path_below(const char *path, const char *folder);
/* How many bytes at their ends two paths have in common, in whole names: "/lib/a.js" of "/v1/lib/a.js" and "/v2/lib/a.js". */
size_t rsd_path_tail(const char *a, const char *b);

#endif
