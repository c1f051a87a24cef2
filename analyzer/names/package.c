/*
 * Packages.
 *
 * npm, pnpm (node_modules/.pnpm/sharp@0.33.5/node_modules/sharp/...) and yarn (.yarn/unplugged/.../node_modules/...)
 * have in common that a package's files lie below node_modules/NAME or node_modules/@SCOPE/NAME, the last such folder
 * in the path. From the file upwards to there the nearest package.json counts that names a package and a version:
 * packages put further package.json files into subfolders to say how their modules are to be loaded, without either.
 */
#include "names/package.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "memory.h"

#define MAX_FILE (4 << 20)
static const char folder[] = "/node_modules/";

/* Where in `path` the package's own folder ends; NULL when it lies in none. */
static char *package_end(char *path, char **name) {
    char *last = NULL;
    for (char *at = path; (at = strstr(at, folder)); at++)
        last = at;
    if (!last)
        return NULL;
    *name = last + strlen(folder);
    char *end = strchr(*name, '/');
    if (**name == '@' && end)
        end = strchr(end + 1, '/');
    return end;
}

static json_t *load(const char *directory) {
    char *path = rsd_format("%s/package.json", directory);
    struct stat info;
    json_t *root = NULL;
    if (stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= MAX_FILE)
        root = json_load_file(path, 0, NULL);
    free(path);
    return root;
}

static char *named_by(const char *directory) {
    json_t *root = load(directory);
    const char *name = json_string_value(json_object_get(root, "name"));
    const char *version = json_string_value(json_object_get(root, "version"));
    char *result = name && version ? rsd_format("%s@%s", name, version) : NULL;
    json_decref(root);
    return result;
}

char *rsd_package_of(const char *path) {
    char *copy = rsd_strdup(path), *name = NULL, *result = NULL;
    char *end = package_end(copy, &name);
    for (char *slash; end && !result && (slash = strrchr(copy, '/')) && slash >= end;) {
        *slash = 0;
        result = named_by(copy);
    }
    if (end && !result) /* what is left of `copy` is the package's folder */
        result = rsd_strdup(name);
    free(copy);
    return result;
}

const char *rsd_script_path(const char *file) {
    if (strncmp(file, "file:///", 8) == 0 && !strchr(file, '%'))
        file += strlen("file://");
    return *file == '/' ? file : NULL;
}
