/*
 * The history of a trace: its tagged records, read once before any event.
 *
 * They are few against the events and the analysis needs them first: a stack is only as good as the modules it names,
 * and the window of the analysis ends at a barrier. What is many and wanted by one command only (MAPPING, COUNTS)
 * is not kept here.
 *
 * Time. The trace says ticks; people want seconds. meta.json gives one instant on the clock and a rate that the
 * recorder estimated in its first milliseconds; CLOCK records give later instants. The rate is the slope from the
 * first instant to the last, once they are far enough apart (RATE_SPAN) for the slope to be better than the estimate.
 */
#include "history.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "names/codename.h"

#define RATE_SPAN 200000000u /* ns */

/* ---- One record -------------------------------------------------------------------------------------------------- */

/* A binary is known by its path and its build-id. */
static uint32_t binary_of(struct rsd_history *h, const struct rsd_tagged *r) {
    char *key = rsd_alloc(r->second.size + 1 + r->first.size);
    memcpy(key, r->second.bytes, r->second.size);
    key[r->second.size] = 0;
    memcpy(key + r->second.size + 1, r->first.bytes, r->first.size);
    uint32_t number = rsd_intern(&h->binary_keys, key, r->second.size + 1 + r->first.size);
    free(key);
    if (number == h->binary_count) {
        RSD_ROOM(h->binaries, h->binary_count, h->binary_capacity);
        const char *path = h->binary_keys.list[number].bytes;
        h->binaries[h->binary_count++] =
            (struct rsd_binary){path, (const uint8_t *)path + r->second.size + 1, r->first.size};
    }
    return number;
}

static void add_module(struct rsd_history *h, const struct rsd_tagged *r) {
    RSD_ROOM(h->modules, h->module_count, h->module_capacity);
    h->modules[h->module_count++] = (struct rsd_module){r->module.id, binary_of(h, r), r->module.bias};
}

/* The number in `js_names` of a function of the trace. */
static uint32_t js_name(struct rsd_history *h, struct rsd_slice name, struct rsd_slice file,
                        const uint32_t numbers[3]) {
    size_t size = name.size + 1 + file.size + 1, of_numbers = 3 * sizeof *numbers;
    char *key = rsd_zalloc(size + of_numbers, 1);
    memcpy(key, name.bytes, name.size);
    if (file.size)
        memcpy(key + name.size + 1, file.bytes, file.size);
    memcpy(key + size, numbers, of_numbers);
    uint32_t number = rsd_intern(&h->js_keys, key, size + of_numbers);
    free(key);
    if (number == h->js_name_count) {
        RSD_ROOM(h->js_names, h->js_name_count, h->js_name_capacity);
        const char *kept = h->js_keys.list[number].bytes;
        h->js_names[h->js_name_count++] =
            (struct rsd_js_name){kept, kept + name.size + 1, numbers[0], numbers[1], numbers[2] & 1};
    }
    return number;
}

/* "A JavaScript function, interned by (file, line, column, name)": per writer on disk, for the trace here. */
static void add_js(struct rsd_history *h, uint32_t writer, const struct rsd_tagged *r) {
    const struct residue_js_function *f = &r->js_function;
    uint32_t number = js_name(h, r->first, r->second, (const uint32_t[]){f->line, f->column, f->flags});
    RSD_ROOM(h->js, h->js_count, h->js_capacity);
    h->js[h->js_count++] = (struct rsd_js_function){(uint64_t)writer << 32 | f->id, number};
}

/* Many pieces of code are one function: in each tier, and wherever the collector has moved it. */
static void add_code(struct rsd_history *h, const struct rsd_tagged *r) {
    struct rsd_codename code = rsd_codename_parse(r->first);
    uint32_t number = js_name(h, code.name, code.file, (const uint32_t[]){code.line, code.column, code.builtin});
    RSD_ROOM(h->codes, h->code_count, h->code_capacity);
    h->codes[h->code_count++] = (struct rsd_code){r->code.id, number};
}

static void add_thread(struct rsd_history *h, uint32_t writer, const struct rsd_tagged *r) {
    RSD_ROOM(h->threads, h->thread_count, h->thread_capacity);
    struct rsd_thread *thread = &h->threads[h->thread_count++];
    *thread = (struct rsd_thread){.time = r->time, .writer = writer, .tid = r->thread.tid, .serial = r->thread.serial};
    memcpy(thread->name, r->thread.name, sizeof r->thread.name);
}

static void add_barrier(struct rsd_history *h, const struct rsd_tagged *r) {
    RSD_ROOM(h->barriers, h->barrier_count, h->barrier_capacity);
    h->barriers[h->barrier_count++] = (struct rsd_barrier){r->time, (enum residue_barrier_reason)r->barrier.reason,
                                                           rsd_strndup(r->first.bytes, r->first.size)};
}

static void add_sample(struct rsd_history *h, const struct rsd_tagged *r) {
    RSD_ROOM(h->samples, h->sample_count, h->sample_capacity);
    h->samples[h->sample_count++] = (struct rsd_sample){r->time, r->memory.virtual_bytes, r->memory.rss_bytes,
                                                        r->memory.shared_bytes, r->memory.cpu_ns};
}

static void add_runtime(struct rsd_history *h, const struct rsd_tagged *r) {
    char *name = rsd_strndup(r->first.bytes, r->first.size);
    char **known = strcmp(name, "node") == 0 ? &h->node : strcmp(name, "javascript") == 0 ? &h->javascript : NULL;
    free(name);
    if (!known)
        return;
    free(*known);
    *known = rsd_strndup(r->second.bytes, r->second.size);
}

static void set_rate(struct rsd_history *h, const struct rsd_trace *trace, const struct rsd_tagged *r) {
    uint64_t ns = r->clock.monotonic_ns - trace->meta.monotonic_ns, ticks = r->time - trace->meta.ticks;
    if (trace->meta.found && r->time > trace->meta.ticks && r->clock.monotonic_ns > trace->meta.monotonic_ns &&
        ns >= RATE_SPAN)
        h->rate = (double)ticks / (double)ns * 1e9;
}

static void add_rate(struct rsd_history *h, struct rsd_trace *trace, uint32_t writer, const struct rsd_tagged *r) {
    if (!r->sampling.rate || !rsd_sampling_add(&h->sampling, writer, r->time, r->sampling.rate))
        rsd_problem(&trace->problems, "trace", RSD_NO_OFFSET, "writer %u samples with a rate that cannot be: ignored",
                    writer);
    h->temporaries = true;
}

static void add_record(struct rsd_history *h, struct rsd_trace *trace, uint32_t writer, const struct rsd_tagged *r) {
    switch (r->tag) {
    case RESIDUE_TAG_THREAD:
        add_thread(h, writer, r);
        break;
    case RESIDUE_TAG_MODULE:
        add_module(h, r);
        break;
    case RESIDUE_TAG_BARRIER:
        add_barrier(h, r);
        break;
    case RESIDUE_TAG_MEMORY:
        add_sample(h, r);
        break;
    case RESIDUE_TAG_CLOCK:
        set_rate(h, trace, r);
        break;
    case RESIDUE_TAG_COUNTS:
        h->counts = true;
        h->temporaries |= r->counts.temporaries != 0;
        break;
    case RESIDUE_TAG_JS_FUNCTION:
        add_js(h, writer, r);
        break;
    case RESIDUE_TAG_STOP:
        free(h->stop);
        h->stop = rsd_strndup(r->first.bytes, r->first.size);
        h->stop_time = r->time;
        break;
    case RESIDUE_TAG_RUNTIME:
        add_runtime(h, r);
        break;
    case RESIDUE_TAG_END:
        h->ended = true;
        h->end_time = r->time;
        break;
    case RESIDUE_TAG_SAMPLING:
        add_rate(h, trace, writer, r);
        break;
    case RESIDUE_TAG_LATE:
        h->late = true;
        break;
    case RESIDUE_TAG_COMPACTED:
        h->compacted = r->compacted.before > h->compacted ? r->compacted.before : h->compacted;
        break;
    case RESIDUE_TAG_CODE:
        add_code(h, r);
        break;
    case RESIDUE_TAG_MODULE_GONE:
    case RESIDUE_TAG_MAPPING:
        break;
    }
}

/* 5: "An unknown tag with bit 15 set is skipped; an unknown tag without it is skipped with a warning." */
static void read_record(struct rsd_history *h, struct rsd_trace *trace, const struct rsd_cursor *cursor) {
    struct rsd_tagged r;
    size_t size = rsd_record_at(RESIDUE_OTHER, cursor->record, cursor->end);
    const char *file = cursor->place == RSD_IN_LOG ? cursor->writer->log_name : cursor->writer->live_name;
    uint64_t offset = cursor->frame ? cursor->frame->offset : RSD_NO_OFFSET;
    switch (rsd_tagged_parse(&r, cursor->record, size)) {
    case RSD_TAGGED_OK:
        add_record(h, trace, cursor->writer->number, &r);
        break;
    case RSD_TAGGED_UNKNOWN:
        rsd_problem(&trace->problems, file, offset, "record of unknown tag %u skipped", r.head.tag);
        break;
    case RSD_TAGGED_BAD:
        rsd_problem(&trace->problems, file, offset, "%s record of %zu bytes is too short for what it holds",
                    rsd_tag_name(r.head.tag), size);
        break;
    case RSD_TAGGED_SKIP:
        break;
    }
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static void read_writer(struct rsd_history *h, struct rsd_trace *trace, struct rsd_writer *writer,
                        struct rsd_source *source) {
    struct rsd_cursor cursor;
    bool more = rsd_cursor_open(&cursor, writer, RESIDUE_OTHER, source);
    while (more) {
        if (!rsd_cursor_load(&cursor)) {
            more = cursor.time != UINT64_MAX;
            continue;
        }
        read_record(h, trace, &cursor);
        more = rsd_cursor_next(&cursor);
    }
    rsd_cursor_close(&cursor);
}

static void find_span(struct rsd_history *h, const struct rsd_trace *trace) {
    static const enum residue_kind timed[] = {RESIDUE_ALLOC, RESIDUE_FREE, RESIDUE_LARGE, RESIDUE_OTHER};
    uint64_t first, last;
    h->first = UINT64_MAX;
    for (size_t i = 0; i < trace->writer_count; i++)
        for (size_t k = 0; k < sizeof timed / sizeof *timed; k++)
            if (rsd_writer_span(&trace->writers[i], timed[k], &first, &last)) {
                h->first = first < h->first ? first : h->first;
                h->last = last > h->last ? last : h->last;
            }
    if (h->first == UINT64_MAX)
        h->first = h->last = trace->meta.ticks;
    if (trace->running) /* it lasts until now, whether or not it has just recorded something */
        h->last = trace->cutoff;
    h->origin = trace->meta.ticks && trace->meta.ticks <= h->first ? trace->meta.ticks : h->first;
}

static int by_id(const void *a, const void *b) {
    const struct rsd_module *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int by_key(const void *a, const void *b) {
    const struct rsd_js_function *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static int codes_by_id(const void *a, const void *b) {
    const struct rsd_code *x = a, *y = b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int barriers_by_time(const void *a, const void *b) {
    const struct rsd_barrier *x = a, *y = b;
    return x->time < y->time ? -1 : x->time > y->time;
}

static int samples_by_time(const void *a, const void *b) {
    const struct rsd_sample *x = a, *y = b;
    return x->time < y->time ? -1 : x->time > y->time;
}

static void sort(void *array, size_t count, size_t size, int (*order)(const void *, const void *)) {
    if (count)
        qsort(array, count, size, order);
}

void rsd_history_read(struct rsd_history *history, struct rsd_trace *trace, struct rsd_source *source) {
    *history = (struct rsd_history){.rate = trace->meta.ticks_per_second};
    for (size_t i = 0; i < trace->writer_count; i++)
        read_writer(history, trace, &trace->writers[i], source);
    find_span(history, trace);
    rsd_sampling_sort(&history->sampling);
    sort(history->modules, history->module_count, sizeof *history->modules, by_id);
    sort(history->js, history->js_count, sizeof *history->js, by_key);
    sort(history->codes, history->code_count, sizeof *history->codes, codes_by_id);
    sort(history->barriers, history->barrier_count, sizeof *history->barriers, barriers_by_time);
    sort(history->samples, history->sample_count, sizeof *history->samples, samples_by_time);
}

void rsd_history_free(struct rsd_history *history) {
    for (size_t i = 0; i < history->barrier_count; i++)
        free(history->barriers[i].name);
    rsd_intern_free(&history->binary_keys);
    rsd_intern_free(&history->js_keys);
    free(history->modules);
    free(history->binaries);
    free(history->barriers);
    free(history->samples);
    free(history->threads);
    free(history->js);
    free(history->codes);
    free(history->js_names);
    free(history->node);
    free(history->javascript);
    free(history->stop);
    rsd_sampling_free(&history->sampling);
    *history = (struct rsd_history){0};
}

double rsd_history_seconds(const struct rsd_history *history, uint64_t time) {
    return time < history->origin ? 0 : (double)(time - history->origin) / history->rate;
}

uint64_t rsd_history_time(const struct rsd_history *history, double seconds) {
    double ticks = seconds * history->rate;
    if (!(ticks > 0))
        return history->origin;
    return ticks >= (double)(UINT64_MAX - history->origin) ? UINT64_MAX : history->origin + (uint64_t)ticks;
}

bool rsd_is_node(const struct rsd_history *history, uint32_t binary) {
    if (binary >= history->binary_count || !history->node)
        return false;
    const char *path = history->binaries[binary].path, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strcmp(name, "node") == 0 || strcmp(name, "nodejs") == 0 || strncmp(name, "libnode.so", 10) == 0;
}

const struct rsd_module *rsd_history_module(const struct rsd_history *history, uint32_t id) {
    struct rsd_module key = {.id = id};
    return history->module_count ? bsearch(&key, history->modules, history->module_count, sizeof key, by_id) : NULL;
}

const struct rsd_js_function *rsd_history_js(const struct rsd_history *history, uint32_t writer, uint32_t id) {
    struct rsd_js_function key = {.key = (uint64_t)writer << 32 | id};
    return history->js_count ? bsearch(&key, history->js, history->js_count, sizeof key, by_key) : NULL;
}

const struct rsd_code *rsd_history_code(const struct rsd_history *history, uint32_t id) {
    struct rsd_code key = {.id = id};
    return history->code_count ? bsearch(&key, history->codes, history->code_count, sizeof key, codes_by_id) : NULL;
}

bool rsd_barrier_switches(const struct rsd_barrier *barrier) {
    return barrier->reason == RESIDUE_BARRIER_START || barrier->reason == RESIDUE_BARRIER_STOP;
}

const struct rsd_barrier *rsd_history_switch(const struct rsd_history *history, uint64_t time) {
    const struct rsd_barrier *last = NULL;
    for (size_t i = 0; i < history->barrier_count && history->barriers[i].time <= time; i++)
        if (rsd_barrier_switches(&history->barriers[i]))
            last = &history->barriers[i];
    return last;
}

/* "A process that was started with recording off has a stop barrier named `RESIDUE_START=off` before its first event." */
static bool begins_on(const struct rsd_history *history) {
    for (size_t i = 0; i < history->barrier_count; i++)
        if (rsd_barrier_switches(&history->barriers[i]))
            return !*history->barriers[i].name;
    return true;
}

bool rsd_history_recorded(const struct rsd_history *history, uint64_t from, uint64_t to) {
    const struct rsd_barrier *at_start = rsd_history_switch(history, from);
    bool on = at_start ? at_start->reason == RESIDUE_BARRIER_START : begins_on(history);
    for (size_t i = 0; i < history->barrier_count && history->barriers[i].time < to; i++)
        on |= history->barriers[i].reason == RESIDUE_BARRIER_START && history->barriers[i].time > from;
    return on;
}

bool rsd_barrier_counts_work(const struct rsd_barrier *barrier) {
    return barrier->reason == RESIDUE_BARRIER_MARK && strcmp(barrier->name, "near-limit") != 0 &&
           strcmp(barrier->name, "near-heap-limit") != 0;
}

const struct rsd_barrier *rsd_history_barrier(const struct rsd_history *history, enum residue_barrier_reason reason) {
    for (size_t i = 0; i < history->barrier_count; i++)
        if (history->barriers[i].reason == reason)
            return &history->barriers[i];
    return NULL;
}
