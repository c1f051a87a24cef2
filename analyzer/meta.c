/*
 * meta.json and status.json.
 *
 * meta.json is written once, at the start, so it is there in every trace but one that was cut in its first
 * millisecond. A trace without it can still be read: times are then in ticks of an assumed rate, and the process has
 * no name. Each key is taken by itself; one of the wrong type counts as missing and unknown keys are ignored, so that
 * a later minor version may add some.
 *
 * Whether the process still runs is decided by pid and start time together: pids come again, most of all in
 * containers, but not with the same start time.
 */
#include "meta.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "memory.h"

#define MAX_ARGUMENTS 4096
#define MAX_FILE (16 << 20)

static char *string_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? rsd_strdup(json_string_value(value)) : NULL;
}

static uint64_t number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return (uint64_t)json_integer_value(value);
    return 0;
}

/* "`clock`: one instant on three clocks, and the rate as estimated at start". */
static void read_clock(struct rsd_meta *meta, const json_t *root, struct rsd_problems *problems) {
    const json_t *clock = json_object_get(root, "clock");
    const char *source = json_string_value(json_object_get(clock, "source"));
    meta->tsc = source && strcmp(source, "tsc") == 0;
    meta->ticks = number_of(clock, "ticks");
    meta->monotonic_ns = number_of(clock, "monotonic_ns");
    meta->realtime_ns = number_of(clock, "realtime_ns");
    double rate = json_number_value(json_object_get(clock, "ticks_per_second"));
    if (rate >= 1 && rate < 1e12)
        meta->ticks_per_second = rate;
    else
        rsd_problem(problems, "meta.json", RSD_NO_OFFSET,
                    "no usable clock rate: times assume 1,000,000,000 per second");
}

static void read_arguments(struct rsd_meta *meta, const json_t *root) {
    const json_t *argv = json_object_get(root, "argv");
    size_t count = json_array_size(argv);
    if (count > MAX_ARGUMENTS)
        count = MAX_ARGUMENTS;
    meta->argv = rsd_zalloc(count, sizeof *meta->argv);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(argv, i));
        meta->argv[meta->argc++] = rsd_strdup(text ? text : "");
    }
}

/* "`live`: {"kind": "file", "directory": null}; "shm" with the directory; "private": written at the end only". */
static void read_live(struct rsd_meta *meta, const json_t *root) {
    const json_t *live = json_object_get(root, "live");
    const char *kind = json_string_value(json_object_get(live, "kind"));
    meta->live_at_end_only = kind && strcmp(kind, "private") == 0;
    if (kind && strcmp(kind, "shm") == 0)
        meta->live_directory = string_of(live, "directory");
}

static void read_meta(struct rsd_meta *meta, const json_t *root, struct rsd_problems *problems) {
    const json_t *format = json_object_get(root, "format");
    meta->found = true;
    meta->major = (unsigned)number_of(format, "major");
    meta->minor = (unsigned)number_of(format, "minor");
    meta->tool = string_of(root, "tool");
    const char *id = json_string_value(json_object_get(root, "trace_id"));
    meta->trace_id = id ? strtoull(id, NULL, 16) : 0;
    meta->pid = (int64_t)number_of(root, "pid");
    meta->ppid = (int64_t)number_of(root, "ppid");
    const json_t *parent = json_object_get(root, "forked_from");
    meta->forked_from = (int64_t)number_of(parent, "pid");
    meta->parent_trace = string_of(parent, "trace");
    meta->start_time = number_of(root, "start_time");
    meta->exe = string_of(root, "exe");
    meta->cwd = string_of(root, "cwd");
    meta->started_at = string_of(root, "started_at");
    meta->libc = string_of(root, "libc");
    meta->allocator = string_of(root, "allocator");
    meta->memory_limit = number_of(root, "memory_limit");
    read_arguments(meta, root);
    read_clock(meta, root, problems);
    read_live(meta, root);
}

/* "`{"exit": 0}` or `{"signal": 9}`". */
static void read_status(struct rsd_meta *meta, const json_t *root) {
    const json_t *code = json_object_get(root, "exit"), *signal = json_object_get(root, "signal");
    const json_t *value = json_is_integer(code) ? code : signal;
    if (!json_is_integer(value))
        return;
    meta->status_found = true;
    meta->status = value == code ? RSD_END_EXIT : RSD_END_SIGNAL;
    meta->status_value = (int)json_integer_value(value);
}

static json_t *load(const struct rsd_folder *folder, const char *name, bool must, struct rsd_problems *problems) {
    int fd = rsd_folder_file(folder, name);
    FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!file) {
        if (must)
            rsd_problem(problems, name, RSD_NO_OFFSET, "cannot be opened: %m");
        return NULL;
    }
    struct stat info;
    if (fstat(fileno(file), &info) || info.st_size > MAX_FILE) {
        rsd_problem(problems, name, RSD_NO_OFFSET, "too large to be ours");
        fclose(file);
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!json_is_object(root)) {
        rsd_problem(problems, name, root ? 0 : (uint64_t)error.position, "%s", root ? "no object" : error.text);
        json_decref(root);
        root = NULL;
    }
    fclose(file);
    return root;
}

void rsd_meta_read(struct rsd_meta *meta, const struct rsd_folder *folder, struct rsd_problems *problems) {
    *meta = (struct rsd_meta){.ticks_per_second = 1e9};
    json_t *root = load(folder, "meta.json", true, problems);
    if (root)
        read_meta(meta, root, problems);
    json_decref(root);
    json_t *status = load(folder, "status.json", false, problems);
    if (status)
        read_status(meta, status);
    json_decref(status);
    json_t *pack = load(folder, "pack.json", false, problems);
    meta->cutoff = number_of(pack, "cutoff");
    json_decref(pack);
}

void rsd_meta_free(struct rsd_meta *meta) {
    for (size_t i = 0; i < meta->argc; i++)
        free(meta->argv[i]);
    free(meta->argv);
    char *const strings[] = {meta->tool,           meta->exe,         meta->cwd,
                             meta->started_at,     meta->libc,        meta->allocator,
                             meta->live_directory, meta->parent_trace};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
        free(strings[i]);
    *meta = (struct rsd_meta){0};
}

uint64_t rsd_process_start_time(int64_t pid, bool *alive) {
    char path[64], text[1024];
    *alive = false;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = 0;
    char *at = strrchr(text, ')'); /* the name before it may hold anything, also spaces and parentheses */
    char *state = at ? strtok_r(at + 1, " ", &at) : NULL, *field = state;
    for (int number = 3; field && number < 22; number++)
        field = strtok_r(NULL, " ", &at);
    *alive = state && *state != 'Z' && *state != 'X';
    return field ? strtoull(field, NULL, 10) : 0;
}

bool rsd_meta_running(const struct rsd_meta *meta) {
    bool alive;
    return meta->pid > 0 && meta->start_time != 0 && rsd_process_start_time(meta->pid, &alive) == meta->start_time &&
           alive;
}
