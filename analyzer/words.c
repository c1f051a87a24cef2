/*
 * Stacks in words.
 *
 * Two versions of a library share no address, no build-id and few offsets. What they share is what their stacks say: names
 * of functions, modules without their version, files of JavaScript relative to their package or to where the program lies
 * (roots.c), without lines. A run of nameless frames of one module is one word. V8's builtins and code without a name are
 * no words at all: which of them there are depends on how far V8 had compiled.
 */
#include "words.h"

#include <string.h>

#include "memory.h"
#include "roots.h"

/* "libvips-cpp.so" of "libvips-cpp.so.42" */
static char *module_word(const char *module) {
    const char *end = strstr(module, ".so.");
    return rsd_strndup(module, end ? (size_t)(end - module) + 3 : strlen(module));
}

static char *file_word(const char *file, const struct rsd_root *root) {
    static const char packages[] = "/node_modules/";
    const char *found = NULL;
    for (const char *at = file; (at = strstr(at, packages)); at++)
        found = at + strlen(packages);
    return found ? rsd_strdup(found) : rsd_root_path(root, file);
}

static bool is_steady(const char *module, const char *const *steady) {
    for (; module && steady && *steady; steady++)
        if (strcmp(module, *steady) == 0)
            return true;
    return false;
}

static char *script_word(const struct rsd_named *frame, const struct rsd_root *root) {
    if (!frame->function || !frame->file)
        return NULL;
    char *file = file_word(frame->file, root), *word = rsd_format("%s %s", frame->function, file);
    free(file);
    return word;
}

/* NULL: the frame counts for nothing. */
static char *word_of(const struct rsd_named *frame, const struct rsd_root *root, enum rsd_wording wording,
                     bool coarse) {
    switch (frame->kind) {
    case RSD_FRAME_SEAM:
        return rsd_format("[%s]", frame->function);
    case RSD_FRAME_JS:
        return wording == RSD_WORDS_NATIVE ? NULL : script_word(frame, root);
    case RSD_FRAME_NATIVE:
        return frame->function && !coarse ? rsd_strdup(frame->function)
               : frame->module            ? module_word(frame->module)
                                          : NULL;
    default:
        return NULL;
    }
}

static bool repeats(const struct rsd_words *words, const char *word) {
    return words->count && strcmp(words->list[words->count - 1], word) == 0;
}

void rsd_words_of(struct rsd_words *words, struct rsd_report *report, uint32_t stack, enum rsd_wording wording,
                  const char *const *steady) {
    *words = (struct rsd_words){0};
    struct rsd_walk walk;
    rsd_walk_begin(&walk, report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        bool coarse = wording == RSD_WORDS_COARSE && !is_steady(frame->module, steady);
        char *word = walk.run ? NULL : word_of(frame, &report->root, wording, coarse);
        bool nameless = coarse || !frame->function;
        if (!word || !*word || (nameless && repeats(words, word))) {
            free(word);
            continue;
        }
        RSD_ROOM(words->list, words->count, words->capacity);
        words->list[words->count++] = word;
    }
}

void rsd_words_free(struct rsd_words *words) {
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    *words = (struct rsd_words){0};
}

char *rsd_words_key(struct rsd_report *report, uint32_t stack, enum rsd_wording wording, const char *const *steady) {
    struct rsd_words words;
    char *key = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&key, &size);
    if (!out)
        rsd_no_memory();
    rsd_words_of(&words, report, stack, wording, steady);
    for (size_t i = 0; i < words.count; i++)
        fprintf(out, "%s\n", words.list[i]);
    rsd_words_free(&words);
    fclose(out);
    return key;
}
