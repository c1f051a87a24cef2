/*
 * Paths as text: nothing is looked up, for the files of a trace may be on another machine, or gone.
 */
#include "path.h"

#include <string.h>

#include "memory.h"

char *rsd_path_join(const char *folder, const char *relative) {
    char *path = *relative == '/' ? rsd_strdup(relative) : rsd_format("%s/%s", folder, relative), *out = path;
    for (char *at = path; *at;) {
        size_t part = 1 + strcspn(at + 1, "/");
        if (part == 3 && memcmp(at, "/..", 3) == 0)
            while (out > path && *--out != '/')
                continue;
        else if (part > 1 && !(part == 2 && at[1] == '.')) {
            memmove(out, at, part);
            out += part;
        }
        at += part;
    }
    *out = 0;
    return path;
}

const char *rsd_path_below(const char *path, const char *folder) {
    size_t size = strlen(folder);
    while (size && folder[size - 1] == '/')
        size--;
    return strncmp(path, folder, size) == 0 && path[size] == '/' ? path + size + 1 : NULL;
}

size_t rsd_path_tail(const char *a, const char *b) {
    size_t most_a = strlen(a), most_b = strlen(b), tail = 0;
    for (size_t size = 1; size <= most_a && size <= most_b && a[most_a - size] == b[most_b - size]; size++)
        if (a[most_a - size] == '/')
            tail = size;
    return tail;
}
