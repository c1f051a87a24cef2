/*
 * The trace directory: the pattern of RESIDUE_OUT with %p for the pid and %e for the executable's name, relative to
 * where the program was started: also in a child that is forked from it later, wherever that has gone to. Missing
 * parents are made. A directory that exists is never used again: a pid comes back with every restart of a container and
 * stays the same over exec, and so the second trace is NAME.2.
 *
 * Entered by one thread at a time.
 */
#include "place.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

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

/* Without /proc, the name that it was started by. Valid until the next call. */
static const char *executable(void) {
    static char exe[RSD_PATH_SIZE];
    long length = rsd_sys_readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[length > 0 ? length : 0] = '\0';
    const char *path = length > 0 ? exe : (const char *)getauxval(AT_EXECFN);
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path ? path : "";
}

/* A pattern may end with `*`. */
static bool matches(const char *name, const char *pattern, size_t length) {
    if (length && pattern[length - 1] == '*')
        return strncmp(name, pattern, length - 1) == 0;
    return strlen(name) == length && memcmp(name, pattern, length) == 0;
}

bool rsd_place_is_wanted(const char *only) {
    const char *name = executable();
    bool wanted = *only == '\0';
    for (size_t length; *only && !wanted; only += length + (only[length] == ',')) {
        length = strcspn(only, ",");
        wanted = matches(name, only, length);
    }
    return wanted;
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
            add(path, executable(), strlen(executable()));
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

/* Where the process was started, or a negative errno. */
static long add_start(struct path *path) {
    static char start[RSD_PATH_SIZE];
    long length = *start ? 0 : rsd_sys_getcwd(start, sizeof start);
    if (length < 0)
        return length;
    add(path, start, strlen(start));
    add(path, "/", 1);
    return 0;
}

long rsd_place_make(const char *pattern, char *out, size_t size) {
    struct path path = {.bytes = out, .size = size};
    long error = *pattern == '/' ? 0 : add_start(&path);
    if (error < 0)
        return error;
    expand(&path, pattern);
    if (path.cut)
        return -ENAMETOOLONG;
    make_parents(out);
    return make_first_free(&path);
}
