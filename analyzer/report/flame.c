/*
 * Folded stacks, as FlameGraph and speedscope read them: root first, frames parted by semicolons, a space, a number.
 *
 * The rules of that format are few and strict: no empty frame, no semicolon or newline inside of one, a whole number at
 * the end, no line twice. So a semicolon in a name becomes a colon, what steers a terminal is escaped, a nameless frame
 * reads module+0xoffset, and stacks that read the same are added up. A stack that does not reach the root begins with a
 * frame that says so, else its frames would stand beside `main` as if they were roots.
 *
 * Only what is positive can be drawn: a call site that shrank over the window is left out.
 */
#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "report/report.h"
#include "text.h"

static char *fold_name(const struct rsd_named *frame, size_t run) {
    char *raw, *shown;
    if (run)
        raw = rsd_strdup("[JavaScript]");
    else if (frame->kind == RSD_FRAME_SEAM)
        raw = rsd_strdup(rsd_seam_mark(frame));
    else if (frame->function)
        raw = frame->file && frame->kind == RSD_FRAME_JS
                  ? rsd_format("%s %s:%d", frame->function, frame->file, frame->line)
                  : rsd_strdup(frame->function);
    else if (frame->module)
        raw = rsd_format("%s+0x%" PRIx64, frame->module, frame->offset);
    else
        raw = rsd_strdup("[unknown]");
    shown = rsd_escape_string(*raw ? raw : "[unknown]");
    free(raw);
    for (char *at = shown; *at; at++)
        if (*at == ';')
            *at = ':';
    return shown;
}

/* The line of one stack, without its number. */
static char *fold(struct rsd_report *r, uint32_t stack) {
    char **names = NULL;
    size_t count = 0, capacity = 0;
    struct rsd_walk walk;
    rsd_walk_begin(&walk, r, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        RSD_ROOM(names, count, capacity);
        names[count++] = fold_name(frame, walk.run);
    }
    bool cut = rsd_stacks_end(&r->analysis->stacks, stack) != RESIDUE_END_ROOT;
    char *line = NULL;
    size_t size = 0;
    FILE *text = open_memstream(&line, &size);
    if (!text)
        rsd_no_memory();
    fputs(!stack ? "[no stack]" : cut ? "[incomplete]" : "", text);
    for (size_t i = count; i-- > 0;) {
        fprintf(text, "%s%s", i + 1 < count || cut ? ";" : "", names[i]);
        free(names[i]);
    }
    if (!count && stack && !cut)
        fputs("[unknown]", text);
    fclose(text);
    free(names);
    return line;
}

static int by_text(const void *a, const void *b) {
    const struct rsd_interned *const *x = a, *const *y = b;
    return strcmp((*x)->bytes, (*y)->bytes);
}

void rsd_report_flame(struct rsd_report *report, FILE *out) {
    struct rsd_intern lines = {0};
    uint64_t *values = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        if (group->value <= 0)
            continue;
        char *line = fold(report, group->site.stack);
        uint32_t number = rsd_intern(&lines, line, strlen(line));
        free(line);
        if (number == count) {
            RSD_ROOM(values, count, capacity);
            values[count++] = 0;
        }
        values[number] += (uint64_t)group->value;
    }
    const struct rsd_interned **order = rsd_alloc(count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        order[i] = &lines.list[i];
    if (count)
        qsort(order, count, sizeof *order, by_text);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s %" PRIu64 "\n", order[i]->bytes, values[order[i] - lines.list]);
    free(order);
    free(values);
    rsd_intern_free(&lines);
}
