/*
 * What the analyzer's tests share: opening a made trace, walking through it, golden files.
 */
#include "reading.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "merge.h"

void reading_open(struct reading *reading, const char *folder) {
    char *why = NULL;
    cr_assert(rsd_trace_open(&reading->trace, folder, &why), "%s", why);
    rsd_source_open(&reading->source, &reading->trace.problems, reading->trace.cutoff);
}

void reading_close(struct reading *reading) {
    rsd_source_close(&reading->source);
    rsd_trace_close(&reading->trace);
}

size_t reading_all(struct reading *reading, unsigned kinds, struct seen *list, size_t most) {
    struct rsd_merge merge;
    size_t count = 0;
    rsd_merge_open(&merge, &reading->trace, &reading->source, kinds);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); rsd_merge_next(&merge)) {
        const struct rsd_cursor *cursor = &stream->cursor;
        uint64_t where = 0;
        if (cursor->kind != RESIDUE_OTHER)
            memcpy(&where, cursor->record + 8, sizeof where);
        if (count < most)
            list[count] = (struct seen){cursor->kind, cursor->time, residue_where_address(where),
                                        cursor->writer->number, cursor->place};
        count++;
    }
    rsd_merge_close(&merge);
    return count;
}

char *text_of(void (*write)(FILE *out, void *context), void *context) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    cr_assert(out);
    write(out, context);
    fclose(out);
    return text;
}

static char *content_of(const char *path) {
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;
    if (file && getdelim(&text, &size, 0, file) < 0 && text)
        *text = 0;
    if (file)
        fclose(file);
    return text;
}

void golden(const char *name, const char *text) {
    char path[4096];
    const char *mode = getenv("RESIDUE_GOLDEN");
    snprintf(path, sizeof path, "%s/tests/golden/%s", SOURCE_DIR, name);
    if (mode && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "w");
        cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0, "%s cannot be written", path);
        return;
    }
    char *wanted = content_of(path);
    cr_assert(wanted, "%s cannot be read", path);
    cr_assert_str_eq(text, wanted, "differs from %s (RESIDUE_GOLDEN=write writes it anew):\n%s", path, text);
    free(wanted);
}
