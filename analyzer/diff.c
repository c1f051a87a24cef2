/*
 * The difference of two traces.
 *
 * Two versions of a library share no address, no build-id and few offsets. So call sites are matched by what their stacks
 * say: names of functions, modules without their version, files of JavaScript relative to their package or to the program's
 * folder, without lines. A run of nameless frames of one module is one word. V8's builtins and code without a name are no
 * words at all: which of them there are depends on how far V8 had compiled.
 *
 * What stands on one side only then gets a second chance by a coarser key, the modules and JavaScript functions alone: a
 * function was renamed or split, or inlined differently. Such a pair is marked as moved.
 */
#include "diff.h"

#include <math.h>
#include <string.h>

#include "memory.h"

/* ---- Keys --------------------------------------------------------------------------------------------------------- */

/* "libvips-cpp.so" of "libvips-cpp.so.42" */
static void put_module(FILE *out, const char *module) {
    const char *end = strstr(module, ".so.");
    fprintf(out, "%.*s", (int)(end ? end - module + 3 : (long)strlen(module)), module);
}

static void put_file(FILE *out, const char *file, const char *folder) {
    static const char packages[] = "/node_modules/";
    size_t length = folder ? strlen(folder) : 0;
    const char *found = NULL;
    for (const char *at = file; (at = strstr(at, packages)); at++)
        found = at + strlen(packages);
    if (!found && length && strncmp(file, folder, length) == 0 && file[length] == '/')
        found = file + length + 1;
    fputs(found ? found : file, out);
}

/* The word of a frame; coarse: its module, or its JavaScript function. Empty: the frame counts for nothing. */
static char *word_of(const struct rsd_named *frame, const char *folder, bool coarse) {
    char *word = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&word, &size);
    if (!out)
        rsd_no_memory();
    if (frame->kind == RSD_FRAME_SEAM) {
        fputs(frame->function, out);
    } else if (frame->kind == RSD_FRAME_JS && frame->function && frame->file) {
        fprintf(out, "%s ", frame->function);
        put_file(out, frame->file, folder);
    } else if (frame->kind == RSD_FRAME_NATIVE && frame->function && !coarse) {
        fputs(frame->function, out);
    } else if (frame->kind == RSD_FRAME_NATIVE && frame->module) {
        put_module(out, frame->module);
    }
    fclose(out);
    return word;
}

static char *key_of(struct rsd_report *report, uint32_t stack, bool coarse) {
    char *key = NULL, *before = rsd_strdup("");
    size_t size = 0;
    FILE *out = open_memstream(&key, &size);
    if (!out)
        rsd_no_memory();
    struct rsd_walk walk;
    rsd_walk_begin(&walk, report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        char *word = walk.run ? rsd_strdup("") : word_of(frame, report->analysis->trace.meta.cwd, coarse);
        bool nameless = coarse || !frame->function;
        if (*word && !(nameless && strcmp(word, before) == 0))
            fprintf(out, "%s\n", word);
        char *unused = *word ? before : word;
        before = *word ? word : before;
        free(unused);
    }
    fclose(out);
    free(before);
    return key;
}

/* ---- Rows --------------------------------------------------------------------------------------------------------- */

struct rows {
    struct rsd_intern keys;
    uint64_t (*largest)[2]; /* outstanding or allocated bytes of the member whose stack is shown */
    size_t capacity;
};

static struct rsd_difference *row_of(struct rsd_diff *diff, struct rows *rows, char *key) {
    uint32_t number = rsd_intern(&rows->keys, key, strlen(key));
    free(key);
    if (number == diff->count) {
        size_t count = diff->count;
        RSD_ROOM(rows->largest, count, rows->capacity);
        RSD_ROOM(diff->list, diff->count, diff->capacity);
        memset(rows->largest[number], 0, sizeof rows->largest[number]);
        diff->list[diff->count++] = (struct rsd_difference){.value = {0, 0}};
    }
    return &diff->list[number];
}

static double scale_of(const struct rsd_window *window, enum rsd_per per) {
    if (per == RSD_PER_MINUTE && window->to_s > window->from_s)
        return 60 / (window->to_s - window->from_s);
    return per == RSD_PER_MARK && window->marks ? 1 / (double)window->marks : 1;
}

static void add_side(struct rsd_diff *diff, struct rows *rows, enum rsd_side side) {
    struct rsd_report *report = diff->side[side];
    double scale = scale_of(&report->analysis->window, diff->per);
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        struct rsd_difference *row = row_of(diff, rows, key_of(report, group->site.stack, false));
        uint64_t *largest = &rows->largest[row - diff->list][side];
        uint64_t weight = group->site.now.live_bytes ? group->site.now.live_bytes : 1;
        row->value[side] += (double)group->value * scale;
        row->outstanding[side] += group->site.now.live_bytes;
        row->calls[side] += group->site.now.calls - group->site.start.calls;
        if (weight > *largest) {
            *largest = weight;
            row->stack[side] = group->site.stack;
        }
    }
}

static bool only_on(const struct rsd_difference *row, enum rsd_side side) {
    return row->stack[side] && !row->stack[!side];
}

static void absorb(struct rsd_difference *to, const struct rsd_difference *from) {
    for (int side = 0; side < 2; side++) {
        if (from->stack[side] && from->outstanding[side] >= to->outstanding[side])
            to->stack[side] = from->stack[side];
        to->value[side] += from->value[side];
        to->outstanding[side] += from->outstanding[side];
        to->calls[side] += from->calls[side];
    }
    to->moved = true;
}

/* Join what stands on one side only by the coarser key, where the other side has the same. */
static void match_again(struct rsd_diff *diff) {
    struct rsd_intern keys = {0};
    struct side_rows {
        size_t first[2];
        bool seen[2];
    } *by_key = NULL;
    size_t count = 0, capacity = 0, kept = 0;
    uint32_t *key = rsd_alloc(diff->count * sizeof *key);
    for (size_t i = 0; i < diff->count; i++) {
        const struct rsd_difference *row = &diff->list[i];
        key[i] = UINT32_MAX;
        for (int side = 0; side < 2; side++) {
            if (!only_on(row, side))
                continue;
            char *text = key_of(diff->side[side], row->stack[side], true);
            key[i] = rsd_intern(&keys, text, strlen(text));
            free(text);
            if (key[i] == count) {
                RSD_ROOM(by_key, count, capacity);
                by_key[count++] = (struct side_rows){.first = {SIZE_MAX, SIZE_MAX}};
            }
            by_key[key[i]].seen[side] = true;
        }
    }
    for (size_t i = 0; i < diff->count; i++) {
        struct side_rows *rows = key[i] == UINT32_MAX ? NULL : &by_key[key[i]];
        if (rows && rows->seen[RSD_A] && rows->seen[RSD_B]) {
            if (rows->first[0] != SIZE_MAX) {
                absorb(&diff->list[rows->first[0]], &diff->list[i]);
                continue;
            }
            rows->first[0] = kept;
        }
        diff->list[kept++] = diff->list[i];
    }
    diff->count = kept;
    rsd_intern_free(&keys);
    free(by_key);
    free(key);
}

static int by_change(const void *first, const void *second) {
    const struct rsd_difference *a = first, *b = second;
    double x = fabs(a->value[RSD_B] - a->value[RSD_A]), y = fabs(b->value[RSD_B] - b->value[RSD_A]);
    if (x != y)
        return x > y ? -1 : 1;
    uint64_t v = a->outstanding[RSD_A] + a->outstanding[RSD_B], w = b->outstanding[RSD_A] + b->outstanding[RSD_B];
    return v != w ? (v > w ? -1 : 1) : a->stack[RSD_A] < b->stack[RSD_A] ? -1 : 1;
}

void rsd_diff_make(struct rsd_diff *diff, struct rsd_report *a, struct rsd_report *b, enum rsd_per per) {
    struct rows rows = {0};
    double matched = 0, outstanding = 0;
    *diff = (struct rsd_diff){.side = {a, b}, .metric = a->options.metric, .per = per};
    add_side(diff, &rows, RSD_A);
    add_side(diff, &rows, RSD_B);
    match_again(diff);
    for (size_t i = 0; i < diff->count; i++) {
        const struct rsd_difference *row = &diff->list[i];
        double bytes = (double)(row->outstanding[RSD_A] + row->outstanding[RSD_B]);
        outstanding += bytes;
        matched += row->stack[RSD_A] && row->stack[RSD_B] ? bytes : 0;
        diff->total[RSD_A] += row->value[RSD_A];
        diff->total[RSD_B] += row->value[RSD_B];
    }
    diff->matched = outstanding > 0 ? matched / outstanding : 1;
    if (diff->count)
        qsort(diff->list, diff->count, sizeof *diff->list, by_change);
    rsd_intern_free(&rows.keys);
    free(rows.largest);
}

void rsd_diff_free(struct rsd_diff *diff) {
    free(diff->list);
    *diff = (struct rsd_diff){0};
}

/* ---- Words -------------------------------------------------------------------------------------------------------- */

const char *rsd_difference_name(const struct rsd_difference *row) {
    if (row->outstanding[RSD_A] && !row->outstanding[RSD_B])
        return "gone";
    if (!row->outstanding[RSD_A] && row->outstanding[RSD_B])
        return "new";
    double change = row->value[RSD_B] - row->value[RSD_A];
    return change > 0 ? "grew" : change < 0 ? "shrank" : "same";
}

const char *rsd_diff_verdict(const struct rsd_diff *diff) {
    enum rsd_cause a = diff->side[RSD_A]->judgement.cause, b = diff->side[RSD_B]->judgement.cause;
    if (a == RSD_CAUSE_SHORT || b == RSD_CAUSE_SHORT)
        return "too short to judge: compare the figures below, or record both for longer";
    if (a == RSD_CAUSE_LEAK && b == RSD_CAUSE_LEAK)
        return "both leak";
    if (a == RSD_CAUSE_LEAK)
        return "the leak of A is gone in B";
    if (b == RSD_CAUSE_LEAK)
        return "B leaks, A does not";
    return "neither leaks";
}
