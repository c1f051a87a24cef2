/*
 * speedscope's own format: a table of frames, and for each call site its stack, root first, with its weight. Compared with
 * folded text it keeps files and lines.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "export/export.h"
#include "memory.h"
#include "residue/version.h"
#include "text.h"

struct making {
    struct rsd_report *report;
    struct rsd_intern keys;
    json_t *frames;
};

static json_t *text_of(const char *text) {
    char *valid = rsd_utf8(text, strlen(text));
    json_t *value = json_string(valid);
    free(valid);
    return value;
}

static char *name_of(const struct rsd_walk *walk, const struct rsd_named *frame) {
    if (walk->run)
        return rsd_strdup("[JavaScript]");
    if (frame->kind == RSD_FRAME_SEAM)
        return rsd_strdup(rsd_seam_mark(frame));
    if (frame->function)
        return rsd_strdup(frame->function);
    return frame->module ? rsd_format("%s+0x%" PRIx64, frame->module, frame->offset) : rsd_strdup("[unknown]");
}

static json_int_t frame_of(struct making *m, const struct rsd_walk *walk, const struct rsd_named *frame) {
    char *name = name_of(walk, frame);
    const char *file = walk->run || !frame->file ? frame->module ? frame->module : "" : frame->file;
    int line = walk->run ? 0 : frame->line;
    char *key = rsd_format("%s\n%s\n%d", name, file, line);
    uint32_t number = rsd_intern(&m->keys, key, strlen(key));
    if (number == json_array_size(m->frames)) {
        json_t *object = json_object();
        json_object_set_new(object, "name", text_of(name));
        if (*file)
            json_object_set_new(object, "file", text_of(file));
        if (line)
            json_object_set_new(object, "line", json_integer(line));
        json_array_append_new(m->frames, object);
    }
    free(key);
    free(name);
    return number;
}

static json_t *stack_of(struct making *m, uint32_t stack) {
    json_t *frames = json_array();
    struct rsd_walk walk;
    rsd_walk_begin(&walk, m->report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));)
        json_array_insert_new(frames, 0, json_integer(frame_of(m, &walk, frame)));
    return frames;
}

void rsd_export_speedscope(struct rsd_report *report, FILE *out) {
    struct making m = {.report = report, .frames = json_array()};
    json_t *samples = json_array(), *weights = json_array();
    enum rsd_metric metric = report->options.metric;
    int64_t total = 0;
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        if (group->value <= 0)
            continue;
        json_array_append_new(samples, stack_of(&m, group->site.stack));
        json_array_append_new(weights, json_integer(group->value));
        total += group->value;
    }
    char *path = rsd_utf8(report->analysis->trace.path, strlen(report->analysis->trace.path));
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:{s:o}, s:[{s:s, s:s, s:s, s:i, s:I, s:o, s:o}]}", "$schema",
                  "https://www.speedscope.app/file-format-schema.json", "exporter", "residue " RESIDUE_VERSION, "name",
                  path, "shared", "frames", m.frames, "profiles", "type", "sampled", "name", rsd_metric_name(metric),
                  "unit", rsd_metric_is_bytes(metric) ? "bytes" : "none", "startValue", 0, "endValue",
                  (json_int_t)total, "samples", samples, "weights", weights);
    json_dumpf(root, out, JSON_COMPACT);
    fputc('\n', out);
    json_decref(root);
    free(path);
    rsd_intern_free(&m.keys);
}
