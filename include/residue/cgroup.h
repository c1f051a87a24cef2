/*
 * The memory that a process may have by its cgroups: what a leak runs into, for the recorder, and what an analysis may take,
 * for the analyzer.
 *
 *     /proc/self/cgroup    version 2   0::/path               /sys/fs/cgroup/path/memory.max
 *                          version 1   N:memory:/path         /sys/fs/cgroup/memory/path/memory.limit_in_bytes
 *
 * A parent's limit holds for its children: the smallest on the way up to the root counts. In a container the path may be one of
 * the host's, and what is mounted is the container's own: then only the last step, the root of the mount, is there.
 *
 * It allocates nothing; whoever includes it says how a file is read.
 */
#ifndef RESIDUE_CGROUP_H
#define RESIDUE_CGROUP_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESIDUE_CGROUP_NO_LIMIT (UINT64_C(1) << 60) /* version 1 says "none" by a number near 2^63 */

/* Reads the beginning of a file as a string; returns its length, 0 or less when there is nothing to read. */
typedef long residue_read_file(const char *path, char *out, size_t size);

static inline uint64_t residue_cgroup_limit_in(const char *mount, char *path, const char *file,
                                               residue_read_file *read) {
    uint64_t least = 0;
    for (char *end = path + strlen(path); end; end = strrchr(path, '/')) {
        char name[1024], text[64];
        *end = '\0';
        int size = snprintf(name, sizeof name, "%s%s/%s", mount, path, file);
        if (size < 0 || (size_t)size >= sizeof name || read(name, text, sizeof text) <= 0)
            continue;
        uint64_t limit = strtoull(text, NULL, 10); /* "max": 0 */
        if (limit && limit < RESIDUE_CGROUP_NO_LIMIT && (!least || limit < least))
            least = limit;
    }
    return least;
}

/* Bytes; 0: there is no limit, or it cannot be read. */
static inline uint64_t residue_cgroup_memory_limit(residue_read_file *read) {
    char text[4096], *next;
    uint64_t least = 0;
    if (read("/proc/self/cgroup", text, sizeof text) <= 0)
        return 0;
    for (char *line = text; *line; line = next) {
        uint64_t limit = 0;
        char *end = strchr(line, '\n'), *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        next = end ? end + 1 : line + strlen(line);
        if (end)
            *end = '\0';
        if (!path)
            continue;
        *path++ = '\0';
        if (controllers[1] == '\0')
            limit = residue_cgroup_limit_in("/sys/fs/cgroup", path, "memory.max", read);
        else if (strcmp(controllers + 1, "memory") == 0)
            limit = residue_cgroup_limit_in("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", read);
        if (limit && (!least || limit < least))
            least = limit;
    }
    return least;
}

#endif
