/*
 * A stack for people, leaf first.
 *
 * A stack line is `function  module+0xoffset  file:line`, the last where debug information knows it; what would pass
 * the margin goes to a line of its own. A line `in PACKAGE` stands where the stack enters another npm package. `?`
 * before a frame marks a guess, `(inlined)` a function without a frame of its own.
 */
#include "report/stack.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "report/layout.h"
#include "text.h"

#define LEAF_FRAMES 20 /* shown of a deep stack, unless all of it is asked for */
#define ROOT_FRAMES 4
#define QUEUING_FRAMES 2

/* Where a frame is, when its name does not say so already. */
static char *module_of(const struct rsd_named *frame) {
    bool says_more = frame->function && frame->module && !frame->inlined;
    return says_more ? rsd_format("%s+0x%" PRIx64, frame->module, frame->offset) : rsd_strdup("");
}

/* The path within a package; the whole path of a file that is in none. */
static const char *path_in_package(const char *file) {
    static const char folder[] = "/node_modules/";
    const char *found = file;
    for (const char *at = file; (at = strstr(at, folder)); at++)
        found = at + strlen(folder);
    return found;
}

const char *rsd_short_path(const char *file) {
    const char *path = path_in_package(file);
    return path != file || strncmp(file, "node:", 5) == 0 ? path : rsd_base_name(file);
}

/* Of a package's JavaScript the path within it: the line `in PACKAGE` stands above. */
static char *line_of(const struct rsd_named *frame, bool redacted) {
    if (!frame->file || !frame->line)
        return rsd_strdup("");
    const char *path = redacted                                        ? rsd_short_path(frame->file)
                       : frame->package && frame->kind == RSD_FRAME_JS ? path_in_package(frame->file)
                                                                       : frame->file;
    return rsd_format("%s:%d", path, frame->line);
}

/* The name of a frame that has one; a nameless one is its place. */
char *rsd_frame_name(const struct rsd_named *frame) {
    if (frame->function)
        return rsd_format("%s%s", frame->function, frame->inlined ? " (inlined)" : "");
    if (frame->module)
        return rsd_format("%s+0x%" PRIx64, frame->module, frame->offset);
    return rsd_format("%s 0x%" PRIx64, frame->kind == RSD_FRAME_JS ? "code without a name at" : "unknown code at",
                      frame->offset);
}

/* Add a text to a line that is `column` wide, on a line of its own when it does not fit. Takes over `text`. */
static size_t add_to_line(FILE *out, size_t column, char *text) {
    char *shown = rsd_escape_string(text);
    size_t length = strlen(shown);
    if (length && column + 2 + length <= rsd_width())
        column += (size_t)fprintf(out, "  %s", shown);
    else if (length)
        column = (size_t)fprintf(out, "\n          %s", shown) - 1;
    free(shown);
    free(text);
    return column;
}

static void print_frame(FILE *out, const struct rsd_named *frame, bool redacted) {
    char *name = rsd_frame_name(frame), *shown = rsd_escape_string(name);
    const char *mark = frame->source == RESIDUE_SOURCE_SCAN ? "?" : " ";
    size_t width = rsd_width();
    bool fits = strlen(shown) + 6 <= width;
    fprintf(out, "    %s %.*s%s", mark, (int)(fits ? width : width - 9), shown, fits ? "" : "...");
    size_t column = fits ? 6 + strlen(shown) : width;
    column = add_to_line(out, column, module_of(frame));
    add_to_line(out, column, line_of(frame, redacted));
    fputc('\n', out);
    free(name);
    free(shown);
}

static void print_seam(FILE *out, const struct rsd_named *frame) {
    static const char dashes[] = "- - - - - - - - - - - - -";
    int cut = ((int)strlen(frame->function) - (int)strlen(RSD_SEAM_QUEUED)) / 4 * 2;
    int size = (int)strlen(dashes) - cut;
    fprintf(out, "    %.*s %s %.*s\n", size, dashes, frame->function, size, dashes);
}

static void print_run(FILE *out, const struct rsd_walk *walk) {
    bool own = walk->builtins == walk->run;
    fprintf(out, "      [%s: %s]\n", own ? "V8's builtins" : "JavaScript without names",
            rsd_counted(walk->run, "frame").text);
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Frames up to the first seam. */
static size_t own_steps(struct rsd_report *r, uint32_t stack) {
    struct rsd_walk walk;
    size_t steps = 0;
    rsd_walk_begin(&walk, r, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk)) && frame->kind != RSD_FRAME_SEAM;)
        steps++;
    return steps;
}

/* Of a deep stack, the ends are shown; of one that queued work, its leaf and its JavaScript. */
static bool is_shown(const struct rsd_named *frame, size_t at, size_t own, size_t beyond) {
    if (at < own || frame->kind == RSD_FRAME_SEAM)
        return at < LEAF_FRAMES || at + ROOT_FRAMES >= own || own <= LEAF_FRAMES + ROOT_FRAMES + 1;
    return beyond <= QUEUING_FRAMES || (frame->kind == RSD_FRAME_JS && frame->file);
}

static void print_step(FILE *out, const struct rsd_walk *walk, const struct rsd_named *frame, bool redacted) {
    if (frame->kind == RSD_FRAME_SEAM)
        print_seam(out, frame);
    else if (walk->run)
        print_run(out, walk);
    else
        print_frame(out, frame, redacted);
}

static void print_omitted(FILE *out, size_t *omitted) {
    if (*omitted)
        fprintf(out, "      ... %zu more ...\n", *omitted);
    *omitted = 0;
}

static void print_stack(FILE *out, struct rsd_report *r, uint32_t stack, bool whole, bool redacted) {
    size_t own = own_steps(r, stack), omitted = 0, beyond = 0;
    struct rsd_walk walk;
    const char *package = NULL;
    const struct rsd_named *frame;
    rsd_walk_begin(&walk, r, stack, true);
    for (size_t i = 0; (frame = rsd_walk_next(&walk)); i++) {
        beyond = frame->kind == RSD_FRAME_SEAM ? 0 : beyond + 1;
        if (!whole && !is_shown(frame, i, own, beyond)) {
            omitted++;
            continue;
        }
        print_omitted(out, &omitted);
        const char *of = walk.run ? package : frame->package; /* what is folded is nobody's */
        if (of && !same_text(package, of)) {
            char *shown = rsd_escape_string(of);
            fprintf(out, "      in %s\n", shown);
            free(shown);
        }
        package = of;
        print_step(out, &walk, frame, redacted);
    }
    print_omitted(out, &omitted);
    const char *why = stack ? rsd_end_text(rsd_stacks_end(&r->analysis->stacks, stack)) : "no stack was recorded";
    if (why)
        fprintf(out, "      (ends here: %s)\n", why);
}

void rsd_print_stack(FILE *out, struct rsd_report *report, uint32_t stack, bool whole) {
    print_stack(out, report, stack, whole, false);
}

void rsd_print_stack_redacted(FILE *out, struct rsd_report *report, uint32_t stack) {
    print_stack(out, report, stack, true, true);
}
