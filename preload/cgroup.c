/*
 * The memory cgroup's limit, at start: what a leak will run into.
 *
 *     /proc/self/cgroup    version 2   0::/path               /sys/fs/cgroup/path/memory.max
 *                          version 1   N:memory:/path         /sys/fs/cgroup/memory/path/memory.limit_in_bytes
 *
 * In a container the path may be one of the host's, and what is mounted is the container's own: then the file stands at the
 * root of the mount. The limits of parents are not looked at.
 */
#include "cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "sys.h"

#define NO_LIMIT (UINT64_C(1) << 60) /* version 1 says "none" by a number near 2^63 */

static uint64_t read_limit(const char *mount, const char *path, const char *file) {
    char name[RSD_PATH_SIZE], text[64];
    int size = snprintf(name, sizeof name, "%s%s/%s", mount, path, file);
    if (size < 0 || (size_t)size >= sizeof name || rsd_sys_slurp(name, text, sizeof text) <= 0)
        return 0;
    uint64_t limit = strtoull(text, NULL, 10); /* "max": 0 */
    return limit < NO_LIMIT ? limit : 0;
}

static uint64_t limit_of(const char *mount, const char *path, const char *file) {
    uint64_t limit = strcmp(path, "/") == 0 ? 0 : read_limit(mount, path, file);
    return limit ? limit : read_limit(mount, "", file);
}

uint64_t rsd_cgroup_memory_limit(void) {
    char text[4096], *next;
    uint64_t limit = 0;
    if (rsd_sys_slurp("/proc/self/cgroup", text, sizeof text) <= 0)
        return 0;
    for (char *line = text; *line && !limit; line = next) {
        char *end = strchr(line, '\n'), *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        next = end ? end + 1 : line + strlen(line);
        if (end)
            *end = '\0';
        if (!path)
            continue;
        *path++ = '\0';
        if (controllers[1] == '\0')
            limit = limit_of("/sys/fs/cgroup", path, "memory.max");
        else if (strcmp(controllers + 1, "memory") == 0)
            limit = limit_of("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
    }
    return limit;
}
