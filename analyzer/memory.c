/*
 * Memory for the analyzer.
 *
 * A trace is read on a machine with an operator in front of it. When memory ends there is no state worth saving: say
 * so and leave. That takes the question out of every other file, so none of them tests an allocation.
 *
 * What must not happen is that a damaged trace asks for memory: sizes that stand in a file are checked where they are
 * read (frame.c, read.c), before anything here is called.
 */
#include "memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void rsd_no_memory(void) {
    fputs("residue: out of memory\n", stderr);
    exit(3);
}

static void *must(void *memory) {
    if (!memory)
        rsd_no_memory();
    return memory;
}

void *rsd_alloc(size_t size) {
    return must(malloc(size ? size : 1));
}

void *rsd_zalloc(size_t count, size_t size) {
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *rsd_realloc(void *old, size_t size) {
    return must(realloc(old, size ? size : 1));
}

char *rsd_strndup(const char *text, size_t size) {
    return must(strndup(text, size));
}

char *rsd_strdup(const char *text) {
    return must(strdup(text));
}

char *rsd_format(const char *format, ...) {
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    return must(text);
}

void *rsd_room(void *array, size_t count, size_t *capacity, size_t element) {
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 8;
    return must(reallocarray(array, *capacity, element));
}
