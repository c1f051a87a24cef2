/*
 * Packages.
 *
 * npm, pnpm (node_modules/.pnpm/sharp@0.33.5/node_modules/sharp/...) and yarn (.yarn/unplugged/.../node_modules/...)
 * have in common that a package's files lie below node_modules/NAME or node_modules/@SCOPE/NAME, the last such folder
 * in the path. From the file upwards to there the nearest package.json counts that names a package and a version:
 * packages put further package.json files into subfolders to say how their modules are to be loaded, without either.
 *
 * Where no package.json can be read the path may still tell the version: in yarn's Plug'n'Play a package stays in its zip, and
 * pnpm and yarn name the folder (or the zip) above node_modules after what is in it:
 *
 *     .yarn/cache/NAME-npm-VERSION-HASH.zip/node_modules/NAME/...      also with two hashes
 *     .yarn/unplugged/NAME-npm-VERSION-HASH/node_modules/NAME/...
 *     node_modules/.pnpm/NAME@VERSION_PEERS/node_modules/NAME/...
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

static bool is_hash(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!strchr("0123456789abcdef", text[i]))
            return false;
    return size >= 8;
}

/* "0.33.5-HASH-HASH" without the hashes; of `size` characters. */
static size_t without_hashes(const char *version, size_t size) {
    for (int i = 0; i < 2; i++) {
        size_t at = size;
        while (at && version[at - 1] != '-')
            at--;
        if (!at || !is_hash(version + at, size - at))
            break;
        size = at - 1;
    }
    return size;
}

/* The version that the folder above node_modules is named after; NULL: none. */
static char *version_in_path(const char *path, const char *name) {
    const char *end = name - strlen(folder), *start = end;
    while (start > path && start[-1] != '/')
        start--;
    char *above = rsd_strndup(start, (size_t)(end - start)), *version = NULL;
    char *yarn = strstr(above, "-npm-"), *pnpm = *above ? strchr(above + 1, '@') : NULL;
    bool of_pnpm = (size_t)(start - path) >= 7 && strncmp(start - 7, "/.pnpm/", 7) == 0;
    if (yarn) {
        size_t size = strlen(yarn + 5);
        if (size > 4 && strcmp(yarn + 5 + size - 4, ".zip") == 0)
            size -= 4;
        version = rsd_strndup(yarn + 5, without_hashes(yarn + 5, size));
    } else if (of_pnpm && pnpm) {
        version = rsd_strndup(pnpm + 1, strcspn(pnpm + 1, "_("));
    }
    free(above);
    return version;
}

char *rsd_package_of(const char *path) {
    char *copy = rsd_strdup(path), *name = NULL, *result = NULL;
    char *end = package_end(copy, &name);
    for (char *slash; end && !result && (slash = strrchr(copy, '/')) && slash >= end;) {
        *slash = 0;
        result = named_by(copy);
    }
    if (end && !result) { /* what is left of `copy` is the package's folder */
        char *version = version_in_path(copy, name);
        result = version && *version ? rsd_format("%s@%s", name, version) : rsd_strdup(name);
        free(version);
    }
    free(copy);
    return result;
}

const char *rsd_script_path(const char *file) {
    if (strncmp(file, "file:///", 8) == 0 && !strchr(file, '%'))
        file += strlen("file://");
    return *file == '/' ? file : NULL;
}
