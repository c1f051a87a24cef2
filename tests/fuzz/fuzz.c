/*
 * What the targets share: their table, a folder in memory, a stream that forgets.
 *
 * Files are made in /dev/shm: thousands of traces a second are written and read there. The folder belongs to the process
 * that asks first; a fork of AFL's server makes its own.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name;
    fuzz_target *target;
} targets[] = {
#define X(name, bytes) {#name, fuzz_##name},
    FUZZ_TARGETS(X)
#undef X
};

fuzz_target *fuzz_find(const char *name) {
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        if (strcmp(targets[i].name, name) == 0)
            return targets[i].target;
    return NULL;
}

/* libdw keeps some of what it reads of a damaged file. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libdw.so\n";
}

/* ---- The folder -------------------------------------------------------------------------------------------------- */

static char folder[64];
static pid_t owner;

static void empty(void) {
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
}

static void remove_folder(void) {
    if (owner != getpid())
        return;
    empty();
    rmdir(folder);
}

const char *fuzz_folder(void) {
    if (owner == getpid()) {
        empty();
        return folder;
    }
    owner = getpid();
    snprintf(folder, sizeof folder, "/dev/shm/residue-fuzz.%d", (int)owner);
    FUZZ_MUST(mkdir(folder, 0700) == 0 || access(folder, W_OK) == 0);
    empty();
    atexit(remove_folder);
    return folder;
}

const char *fuzz_path(const char *name) {
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void fuzz_file(const char *name, const void *bytes, size_t size) {
    int fd = open(fuzz_path(name), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    FUZZ_MUST(fd >= 0);
    FUZZ_MUST(write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

FILE *fuzz_nowhere(void) {
    static FILE *nowhere;
    if (!nowhere)
        nowhere = fopen("/dev/null", "we");
    FUZZ_MUST(nowhere);
    return nowhere;
}

uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes && input->at < input->end; i++)
        value |= (uint64_t)*input->at++ << (8 * i);
    return value;
}
