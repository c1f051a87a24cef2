/*
 * What the analyzer reads as text: meta.json, package.json, mangled names.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "meta.h"
#include "names/demangle.h"
#include "names/package.h"

void fuzz_meta(const uint8_t *data, size_t size) {
    struct rsd_meta meta;
    struct rsd_problems problems = {0};
    size_t half = size && data[0] == 0xff ? size / 2 : 0; /* then the first half is a status.json */
    fuzz_folder();
    if (half)
        fuzz_file("status.json", data + 1, half - 1);
    fuzz_file("meta.json", data + half, size - half);
    struct rsd_folder folder = {.path = strdup(fuzz_path("."))};
    rsd_meta_read(&meta, &folder, &problems);
    FUZZ_MUST(meta.ticks_per_second >= 1);
    FUZZ_MUST(!meta.argc || meta.argv);
    rsd_meta_running(&meta);
    rsd_meta_free(&meta);
    rsd_problems_free(&problems);
    free(folder.path);
}

/* The first line is a path below node_modules, the rest the package.json that lies nearest to it. */
void fuzz_package(const uint8_t *data, size_t size) {
    const uint8_t *line = memchr(data, '\n', size);
    size_t length = line ? (size_t)(line - data) : 0;
    char path[512];
    fuzz_folder();
    fuzz_file("package.json", line ? line + 1 : data, line ? size - length - 1 : size);
    mkdir(fuzz_path("node_modules"), 0700);
    FUZZ_MUST(symlink("..", fuzz_path("node_modules/a")) == 0 || access(fuzz_path("node_modules/a"), F_OK) == 0);
    snprintf(path, sizeof path, "%s%.*s", fuzz_path("node_modules/a/b/c.node"), (int)(length < 256 ? length : 256),
             (const char *)data);
    free(rsd_package_of(path));
    snprintf(path, sizeof path, "%.*s", (int)(length < 256 ? length : 256), (const char *)data);
    free(rsd_package_of(path));
}

void fuzz_demangle(const uint8_t *data, size_t size) {
    char *name = malloc(size + 1);
    memcpy(name, data, size);
    name[size] = 0;
    char *readable = rsd_demangle(name);
    FUZZ_MUST(readable);
    free(readable);
    free(name);
}
