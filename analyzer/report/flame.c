/*
 * Folded stacks, as FlameGraph and speedscope read them: root first, frames parted by semicolons, a space, a number.
 *
 * The rules of that format are few and strict: no empty frame, no semicolon or newline inside of one, a whole number at
 * the end, no line twice. So a semicolon in a name becomes a colon, what steers a terminal is escaped, a nameless frame
 * reads module+0xoffset, and stacks that read the same are added up. A stack that does not reach the root begins with a
 * frame that says so, else its frames would stand beside `main` as if they were roots.
 *
 * Only what is positive can be drawn: a call site that shrank over the window is left out. For two traces a line has the
 * words of words.c, which both have in common, and a number of each, 0 for what is not positive.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "diff.h"
#include "memory.h"
#include "report/report.h"
#include "text.h"
#include "words.h"

/* A name that may stand in a line; to be freed. */
static char *as_frame(const char *name) {
    char *shown = rsd_escape_string(name);
    for (char *at = shown; *at; at++)
        if (*at == ';')
            *at = ':';
    return shown;
}

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
    shown = as_frame(*raw ? raw : "[unknown]");
    free(raw);
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

struct folded { /* lines, and what each adds up to */
    struct rsd_intern lines;
    uint64_t *values;
    size_t count, capacity;
};

static void add_report(struct folded *folded, struct rsd_report *report) {
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        if (group->value <= 0)
            continue;
        char *line = fold(report, group->site.stack);
        uint32_t number = rsd_intern(&folded->lines, line, strlen(line));
        free(line);
        if (number == folded->count) {
            RSD_ROOM(folded->values, folded->count, folded->capacity);
            folded->values[folded->count++] = 0;
        }
        folded->values[number] += (uint64_t)group->value;
    }
}

void rsd_reports_flame(struct rsd_report *const *reports, size_t count, FILE *out) {
    struct folded folded = {0};
    for (size_t i = 0; i < count; i++)
        add_report(&folded, reports[i]);
    const struct rsd_interned **order = rsd_alloc(folded.count * sizeof *order);
    for (size_t i = 0; i < folded.count; i++)
        order[i] = &folded.lines.list[i];
    if (folded.count)
        qsort(order, folded.count, sizeof *order, by_text);
    for (size_t i = 0; i < folded.count; i++)
        fprintf(out, "%s %" PRIu64 "\n", order[i]->bytes, folded.values[order[i] - folded.lines.list]);
    free(order);
    free(folded.values);
    rsd_intern_free(&folded.lines);
}

void rsd_report_flame(struct rsd_report *report, FILE *out) {
    rsd_reports_flame(&report, 1, out);
}

/* ---- Two traces --------------------------------------------------------------------------------------------------- */

/* The line of a row, from its words. */
static void put_words(FILE *out, struct rsd_report *report, uint32_t stack) {
    struct rsd_words words;
    rsd_words_of(&words, report, stack, RSD_WORDS_ALL, NULL);
    bool cut = rsd_stacks_end(&report->analysis->stacks, stack) != RESIDUE_END_ROOT;
    fputs(cut ? "[incomplete]" : words.count ? "" : "[unknown]", out);
    for (size_t i = words.count; i-- > 0;) {
        char *frame = as_frame(words.list[i]);
        fprintf(out, "%s%s", i + 1 < words.count || cut ? ";" : "", frame);
        free(frame);
    }
    rsd_words_free(&words);
}

void rsd_diff_flame(const struct rsd_match *match, FILE *out) {
    for (size_t i = 0; i < match->count; i++) {
        const struct rsd_row *row = &match->list[i];
        double a = fmax(row->part[0].value, 0), b = fmax(row->part[1].value, 0);
        size_t shown = rsd_match_shown(match, row);
        if (a < 1 && b < 1)
            continue;
        put_words(out, match->side[shown], row->part[shown].stack);
        fprintf(out, " %.0f %.0f\n", a, b);
    }
}
