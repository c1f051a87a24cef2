/*
 * What a place in a script was before it was bundled, compiled or minified.
 *
 * A script names its map in its last lines, `//# sourceMappingURL=...`: a file beside it, or the map itself as a data: URL.
 * Nothing is fetched. The script is read as it is now; if it was built anew since the trace was made the names are those of
 * the new build, which nobody can see from here.
 *
 * Places are translated by the last segment of the line at or before them, never by one of another line. A function's
 * name is translated only where the script confirms it: V8 says where the function begins, which is behind its name, and
 * one of the segments shortly before must have a name and stand where the script has the very word by which V8 calls the
 * function. So of `const r=e=>...` made from `const resize = (image) => ...` becomes `resize`, and what has no such
 * segment keeps V8's name.
 *
 * A map that cannot be read is said on stderr, once a script: frames are named while a report is being printed.
 *
 * Sources are relative to the map. What is a URL of another kind (webpack://app/./src/a.ts) stays as it is.
 */
#include "names/original.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "intern.h"
#include "memory.h"
#include "names/sourcemap.h"
#include "path.h"

#define FILE_MOST (512u << 20)
#define LOOK_BACK 16u /* segments: `async`, `const`, `=`, `(` may have their own */

static const char comment[] = "sourceMappingURL=";

struct script {
    char *text; /* NULL: it cannot be read, or names no map */
    size_t size;
    struct rsd_sourcemap map;
    char **sources; /* resolved */
};

struct rsd_originals {
    struct rsd_intern files;
    struct script *scripts; /* by number of the file */
    size_t count, capacity;
};

/* ---- Texts ----------------------------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t *size) {
    struct stat info;
    FILE *file =
        stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= FILE_MOST ? fopen(path, "rb") : NULL;
    if (!file)
        return NULL;
    char *text = rsd_alloc((size_t)info.st_size + 1);
    *size = fread(text, 1, (size_t)info.st_size, file);
    text[*size] = 0;
    fclose(file);
    return text;
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* %20 becomes a space, in place. */
static size_t unescape(char *text) {
    char *out = text;
    for (const char *at = text; *at; out++) {
        bool escaped = *at == '%' && hex(at[1]) >= 0 && hex(at[2]) >= 0;
        *out = escaped ? (char)(hex(at[1]) << 4 | hex(at[2])) : *at;
        at += escaped ? 3 : 1;
    }
    *out = 0;
    return (size_t)(out - text);
}

static int base64_digit(char c) {
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : -1;
}

/* In place; what is no digit ends it. */
static size_t decode_base64(char *text) {
    uint32_t bits = 0;
    unsigned have = 0;
    size_t size = 0;
    for (const char *at = text; base64_digit(*at) >= 0; at++) {
        bits = bits << 6 | (uint32_t)base64_digit(*at);
        if ((have += 6) >= 8)
            text[size++] = (char)(bits >> (have -= 8));
    }
    return size;
}

/* "/app/a b.js" of "file:///app/a%20b.js"; NULL for what is no file. */
static char *path_of(const char *file) {
    bool url = strncmp(file, "file://", 7) == 0;
    char *path = rsd_strdup(url ? file + 7 : file);
    if (url)
        unescape(path);
    if (*path == '/')
        return path;
    free(path);
    return NULL;
}

/* "/app/src/a.ts" of "/app/dist/x.map" and "../src/./a.ts". */
static char *resolve(const char *from, const char *relative) {
    if (strncmp(relative, "file://", 7) == 0 || *relative == '/')
        return path_of(relative);
    if (strstr(relative, "://"))
        return rsd_strdup(relative);
    char *folder = rsd_strndup(from, (size_t)(strrchr(from, '/') - from)), *path = rsd_path_join(folder, relative);
    free(folder);
    return path;
}

/* ---- The map of a script --------------------------------------------------------------------------------------- */

/* The URL in the last comment that names one; NULL: none does. To be freed. */
static char *url_in(const char *text) {
    const char *last = NULL;
    for (const char *at = text; (at = strstr(at, comment)); at += strlen(comment))
        if (at - text >= 4 && (memcmp(at - 4, "//# ", 4) == 0 || memcmp(at - 4, "//@ ", 4) == 0))
            last = at + strlen(comment);
    return last ? rsd_strndup(last, strcspn(last, " \t\r\n'\"`")) : NULL;
}

/* The map's text, and in `base` the file that its sources are relative to; both to be freed. */
static char *map_text(const char *path, char *url, size_t *size, char **base) {
    char *comma = strchr(url, ',');
    if (strncmp(url, "data:", 5) != 0 || !comma) {
        unescape(url);
        *base = resolve(path, url);
        return *base ? read_file(*base, size) : NULL;
    }
    bool base64 = comma - url >= 7 && memcmp(comma - 7, ";base64", 7) == 0;
    char *text = rsd_strdup(comma + 1);
    *base = rsd_strdup(path);
    *size = unescape(text);
    if (base64)
        *size = decode_base64(text);
    return text;
}

static void take_map(struct script *script, const char *path, char *url) {
    char *base = NULL, *why = NULL;
    size_t size = 0;
    char *text = map_text(path, url, &size, &base);
    if (!text)
        fprintf(stderr, "residue: %s: its source map cannot be read: %.200s\n", path, base ? base : url);
    else if (!rsd_sourcemap_parse(&script->map, text, size, &why))
        fprintf(stderr, "residue: %s: its source map is none: %s\n", path, why);
    script->sources = rsd_zalloc(script->map.source_count, sizeof *script->sources);
    for (size_t i = 0; i < script->map.source_count; i++)
        script->sources[i] = resolve(base, script->map.sources[i]);
    free(why);
    free(text);
    free(base);
}

static void look(struct script *script, const char *file) {
    char *path = path_of(file), *url = NULL;
    *script = (struct script){0};
    script->text = path ? read_file(path, &script->size) : NULL;
    if (script->text && (url = url_in(script->text)))
        take_map(script, path, url);
    free(url);
    free(path);
}

static struct script *script_of(struct rsd_originals *originals, const char *file) {
    uint32_t number = rsd_intern(&originals->files, file, strlen(file));
    if (number == originals->count) {
        RSD_ROOM(originals->scripts, originals->count, originals->capacity);
        look(&originals->scripts[originals->count++], file);
    }
    return &originals->scripts[number];
}

/* ---- Places ---------------------------------------------------------------------------------------------------- */

bool rsd_original_place(struct rsd_originals *originals, const char *file, uint32_t line, uint32_t column,
                        const char **source, uint32_t *source_line) {
    const struct script *script = script_of(originals, file);
    const struct rsd_segment *segment =
        line ? rsd_sourcemap_find(&script->map, line - 1, column ? column - 1 : UINT32_MAX) : NULL;
    if (!segment || segment->source == RSD_NO_NAME || !script->sources[segment->source])
        return false;
    *source = script->sources[segment->source];
    *source_line = segment->source_line + 1;
    return true;
}

/* The text at a place, both from 0; NULL when the script has no such place. A character beyond U+FFFF is two columns. */
static const char *text_at(const struct script *script, uint32_t line, uint32_t column) {
    const char *at = script->text, *end = script->text + script->size;
    for (; line && at; line--) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    for (; at && at < end && column > 0 && *at != '\n'; at++)
        if (((unsigned char)*at & 0xc0) != 0x80)
            column -= (unsigned char)*at >= 0xf0 && column > 1 ? 2 : 1;
    while (at && at < end && ((unsigned char)*at & 0xc0) == 0x80)
        at++;
    return at && at < end && !column ? at : NULL;
}

static bool is_word(char c) {
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '$' || c & (char)0x80;
}

/* V8's "Holder.method" and "get size" end in the word that the script has. */
static const char *last_word(const char *name) {
    const char *at = name + strlen(name);
    while (at > name && (is_word(at[-1]) || at[-1] == '#'))
        at--;
    return at;
}

const char *rsd_original_name(struct rsd_originals *originals, const char *file, uint32_t line, uint32_t column,
                              const char *name) {
    const struct script *script = script_of(originals, file);
    const struct rsd_segment *first = script->map.segments;
    const struct rsd_segment *at = line && column ? rsd_sourcemap_find(&script->map, line - 1, column - 1) : NULL;
    const char *word = last_word(name);
    size_t size = strlen(word);
    for (unsigned i = 0; size && at && i < LOOK_BACK && at >= first && at->line == line - 1; i++, at--) {
        const char *text = at->name == RSD_NO_NAME ? NULL : text_at(script, at->line, at->column);
        if (text && strncmp(text, word, size) == 0 && !is_word(text[size]))
            return script->map.names[at->name];
    }
    return NULL;
}

/* ---- All of them ----------------------------------------------------------------------------------------------- */

struct rsd_originals *rsd_originals_open(void) {
    return rsd_zalloc(1, sizeof(struct rsd_originals));
}

void rsd_originals_close(struct rsd_originals *originals) {
    for (size_t i = 0; originals && i < originals->count; i++) {
        struct script *script = &originals->scripts[i];
        for (size_t k = 0; k < script->map.source_count; k++)
            free(script->sources[k]);
        free(script->sources);
        rsd_sourcemap_free(&script->map);
        free(script->text);
    }
    if (!originals)
        return;
    rsd_intern_free(&originals->files);
    free(originals->scripts);
    free(originals);
}
