/*
 * The trace directory: the pattern of RESIDUE_OUT with %p for the pid and %e for the executable's name, relative to
 * where the program was started. Missing parents are made. A directory that exists is never used again: a pid
 * comes back with every restart of a container and stays the same over exec, and so the second trace is NAME.2.
 */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "init.h"
#include "sys.h"

#define GENERATIONS 10000u

struct path {
    char *bytes;
    size_t size;
    size_t used;
    bool cut;
};

static void add(struct path *path, const char *text, size_t length) {
    if (length >= path->size - path->used) {
        path->cut = true;
        return;
    }
    memcpy(path->bytes + path->used, text, length);
    path->used += length;
    path->bytes[path->used] = '\0';
}

static void add_executable(struct path *path) {
    char exe[RSD_PATH_SIZE];
    long length = rsd_sys_readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[length > 0 ? length : 0] = '\0';
    const char *slash = strrchr(exe, '/');
    const char *name = slash ? slash + 1 : exe;
    add(path, name, strlen(name));
}

static void add_pid(struct path *path) {
    char digits[16];
    add(path, digits, (size_t)snprintf(digits, sizeof digits, "%d", rsd_trace.pid));
}

static void expand(struct path *path, const char *pattern) {
    for (const char *p = pattern; *p; p++) {
        if (p[0] != '%' || p[1] == '\0') {
            add(path, p, 1);
            continue;
        }
        p++;
        if (*p == 'p')
            add_pid(path);
        else if (*p == 'e')
            add_executable(path);
        else
            add(path, p - (*p != '%'), *p == '%' ? 1 : 2);
    }
    while (path->used > 1 && path->bytes[path->used - 1] == '/')
        path->bytes[--path->used] = '\0';
}

static void make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        rsd_sys_mkdir(path, 0777);
        *slash = '/';
    }
}

static long make_first_free(struct path *path) {
    size_t stem = path->used;
    long error = rsd_sys_mkdir(path->bytes, 0700);
    for (unsigned i = 2; error == -EEXIST && i < GENERATIONS && !path->cut; i++) {
        char suffix[16];
        path->used = stem;
        add(path, suffix, (size_t)snprintf(suffix, sizeof suffix, ".%u", i));
        error = rsd_sys_mkdir(path->bytes, 0700);
    }
    return path->cut ? -ENAMETOOLONG : error;
}

long rsd_place_make(const char *pattern, char *out, size_t size) {
    struct path path = {.bytes = out, .size = size};
    if (*pattern != '/') {
        long length = rsd_sys_getcwd(out, size);
        if (length < 0)
            return length;
        path.used = strlen(out);
        add(&path, "/", 1);
    }
    expand(&path, pattern);
    if (path.cut)
        return -ENAMETOOLONG;
    make_parents(out);
    return make_first_free(&path);
}
