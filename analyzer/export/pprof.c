/*
 * pprof: what `go tool pprof`, Pyroscope and Parca read.
 *
 * A location is a node of the trie: its address in the file, and the functions that are inlined there. Addresses in pprof
 * are those of a running process; here each binary has a range of its own, one behind the other, in which its file's
 * addresses count from the start, so that no two collide. Names come along; pprof needs no binaries.
 */
#include <inttypes.h>
#include <string.h>

#include "export/export.h"
#include "memory.h"
#include "profile.pb-c.h"
#include "text.h"

#define MAPPING_SIZE (UINT64_C(1) << 36)
#define CENTURY 3.2e9 /* seconds */

struct making {
    struct rsd_report *report;
    struct rsd_intern strings, functions;
    Pprof__Profile profile;
    uint64_t *location_of; /* id by node, 0 none yet */
    size_t location_capacity, function_capacity;
};

static int64_t string_of(struct making *m, const char *text) {
    char *valid = rsd_utf8(text, strlen(text));
    uint32_t number = rsd_intern(&m->strings, valid, strlen(valid));
    free(valid);
    return number;
}

static uint64_t function_of(struct making *m, const char *name, const char *file) {
    int64_t strings[2] = {string_of(m, name), string_of(m, file ? file : "")};
    uint32_t number = rsd_intern(&m->functions, strings, sizeof strings);
    if (number == m->profile.n_function) {
        Pprof__Function *function = rsd_alloc(sizeof *function);
        pprof__function__init(function);
        function->id = number + 1;
        function->name = function->system_name = strings[0];
        function->filename = strings[1];
        RSD_ROOM(m->profile.function, m->profile.n_function, m->function_capacity);
        m->profile.function[m->profile.n_function++] = function;
    }
    return number + 1;
}

static char *name_of(const struct rsd_named *frame) {
    if (frame->kind == RSD_FRAME_SEAM)
        return rsd_strdup(rsd_seam_mark(frame));
    if (frame->function)
        return rsd_strdup(frame->function);
    if (frame->module)
        return rsd_format("%s+0x%" PRIx64, frame->module, frame->offset);
    return rsd_strdup(frame->kind == RSD_FRAME_JS ? "[JavaScript]" : "[unknown]");
}

static void add_lines(struct making *m, Pprof__Location *location, uint32_t node) {
    size_t count;
    const struct rsd_named *frames = rsd_names_frames(m->report->names, node, &count);
    location->line = rsd_alloc(count * sizeof *location->line);
    for (size_t i = 0; i < count; i++) {
        Pprof__Line *line = rsd_alloc(sizeof *line);
        char *name = name_of(&frames[i]);
        pprof__line__init(line);
        line->function_id = function_of(m, name, frames[i].file);
        line->line = frames[i].line;
        location->line[location->n_line++] = line;
        free(name);
    }
}

static uint64_t location_of(struct making *m, uint32_t number) {
    if (m->location_of[number])
        return m->location_of[number];
    const struct rsd_stack_node *node = &m->report->analysis->stacks.nodes[number];
    Pprof__Location *location = rsd_alloc(sizeof *location);
    pprof__location__init(location);
    location->id = m->location_of[number] = m->profile.n_location + 1;
    if (node->kind == RESIDUE_NODE_NATIVE && node->has_binary) {
        location->mapping_id = node->owner + 1;
        location->address = (node->owner + 1) * MAPPING_SIZE + node->offset % MAPPING_SIZE;
    }
    add_lines(m, location, number);
    RSD_ROOM(m->profile.location, m->profile.n_location, m->location_capacity);
    m->profile.location[m->profile.n_location++] = location;
    return location->id;
}

static Pprof__Sample *sample_of(struct making *m, const struct rsd_group *group) {
    const struct rsd_stacks *stacks = &m->report->analysis->stacks;
    const struct rsd_sums *now = &group->site.now, *start = &group->site.start;
    Pprof__Sample *sample = rsd_alloc(sizeof *sample);
    size_t capacity = 0;
    pprof__sample__init(sample);
    for (uint32_t node = group->site.stack; node; node = stacks->nodes[node].parent) {
        RSD_ROOM(sample->location_id, sample->n_location_id, capacity);
        sample->location_id[sample->n_location_id++] = location_of(m, node);
    }
    sample->n_value = 4;
    sample->value = rsd_alloc(sample->n_value * sizeof *sample->value);
    sample->value[0] = (int64_t)now->live_blocks;
    sample->value[1] = (int64_t)now->live_bytes;
    sample->value[2] = (int64_t)(now->calls - start->calls);
    sample->value[3] = (int64_t)(now->bytes - start->bytes);
    return sample;
}

static void add_types(struct making *m) {
    static const char *const type[][2] = {
        {"inuse_objects", "count"}, {"inuse_space", "bytes"}, {"alloc_objects", "count"}, {"alloc_space", "bytes"}};
    m->profile.sample_type = rsd_alloc(4 * sizeof *m->profile.sample_type);
    for (size_t i = 0; i < 4; i++) {
        Pprof__ValueType *value = rsd_alloc(sizeof *value);
        pprof__value_type__init(value);
        value->type = string_of(m, type[i][0]);
        value->unit = string_of(m, type[i][1]);
        m->profile.sample_type[m->profile.n_sample_type++] = value;
    }
    m->profile.default_sample_type = string_of(m, "inuse_space");
}

static void add_mappings(struct making *m) {
    const struct rsd_history *history = &m->report->analysis->history;
    m->profile.mapping = rsd_alloc(history->binary_count * sizeof *m->profile.mapping);
    for (size_t i = 0; i < history->binary_count; i++) {
        const struct rsd_binary *binary = &history->binaries[i];
        Pprof__Mapping *mapping = rsd_alloc(sizeof *mapping);
        char *id = rsd_zalloc(2 * binary->build_id_size + 1, 1);
        for (size_t k = 0; k < binary->build_id_size; k++)
            sprintf(id + 2 * k, "%02x", binary->build_id[k]);
        pprof__mapping__init(mapping);
        mapping->id = i + 1;
        mapping->memory_start = (i + 1) * MAPPING_SIZE;
        mapping->memory_limit = (i + 2) * MAPPING_SIZE;
        mapping->filename = string_of(m, binary->path);
        mapping->build_id = string_of(m, id);
        mapping->has_functions = mapping->has_filenames = mapping->has_line_numbers = mapping->has_inline_frames = true;
        m->profile.mapping[m->profile.n_mapping++] = mapping;
        free(id);
    }
}

static void add_samples(struct making *m) {
    const struct rsd_groups *groups = &m->report->heap;
    m->profile.sample = rsd_alloc(groups->count * sizeof *m->profile.sample);
    for (size_t i = 0; i < groups->count; i++)
        m->profile.sample[m->profile.n_sample++] = sample_of(m, &groups->list[i]);
}

static void write_out(struct making *m, FILE *out) {
    m->profile.string_table = rsd_alloc(m->strings.count * sizeof *m->profile.string_table);
    for (size_t i = 0; i < m->strings.count; i++)
        m->profile.string_table[m->profile.n_string_table++] = m->strings.list[i].bytes;
    size_t size = pprof__profile__get_packed_size(&m->profile);
    uint8_t *bytes = rsd_alloc(size);
    pprof__profile__pack(&m->profile, bytes);
    fwrite(bytes, 1, size, out);
    free(bytes);
}

static void free_all(struct making *m) {
    for (size_t i = 0; i < m->profile.n_sample_type; i++)
        free(m->profile.sample_type[i]);
    for (size_t i = 0; i < m->profile.n_sample; i++) {
        free(m->profile.sample[i]->location_id);
        free(m->profile.sample[i]->value);
        free(m->profile.sample[i]);
    }
    for (size_t i = 0; i < m->profile.n_mapping; i++)
        free(m->profile.mapping[i]);
    for (size_t i = 0; i < m->profile.n_location; i++) {
        for (size_t k = 0; k < m->profile.location[i]->n_line; k++)
            free(m->profile.location[i]->line[k]);
        free(m->profile.location[i]->line);
        free(m->profile.location[i]);
    }
    for (size_t i = 0; i < m->profile.n_function; i++)
        free(m->profile.function[i]);
    free(m->profile.sample_type);
    free(m->profile.sample);
    free(m->profile.mapping);
    free(m->profile.location);
    free(m->profile.function);
    free(m->profile.string_table);
    free(m->location_of);
    rsd_intern_free(&m->strings);
    rsd_intern_free(&m->functions);
}

void rsd_export_pprof(struct rsd_report *report, FILE *out) {
    const struct rsd_analysis *a = report->analysis;
    struct making m = {.report = report};
    pprof__profile__init(&m.profile);
    m.location_of = rsd_zalloc(a->stacks.count, sizeof *m.location_of);
    string_of(&m, "");
    add_types(&m);
    add_mappings(&m);
    add_samples(&m);
    m.profile.time_nanos = (int64_t)a->trace.meta.realtime_ns;
    double seconds = a->window.to_s - a->window.from_s; /* of a damaged clock, perhaps: a century is enough */
    m.profile.duration_nanos = (int64_t)((seconds < CENTURY ? seconds : CENTURY) * 1e9);
    write_out(&m, out);
    free_all(&m);
}
