/*
 * Writer 0: memory samples, clocks, and how recording ended.
 *
 * Most of it comes from the helper thread; the constructor, the destructor and rsd_stop() come from threads of the
 * program. They take turns by a spin lock that nobody holds for longer than one record, or one seal. A thread that is
 * inside (a failing seal leads to rsd_stop(), which comes back here) would wait for itself: it gives up after a while
 * and the record is left out.
 *
 * smaps is read in pieces of READ_SIZE and parsed line by line; the memory for it is one mapping, made at first use.
 */
#include "process.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "helper.h"
#include "init.h"
#include "js/js.h"
#include "log.h"
#include "perfmap.h"
#include "sample.h"
#include "sys.h"
#include "thread.h"

#define TRIES 10000u
#define READ_SIZE 65536u

static struct rsd_writer writer;
static atomic_flag taken = ATOMIC_FLAG_INIT;
static atomic_flag reading = ATOMIC_FLAG_INIT; /* smaps */
static _Atomic uint64_t said_rate;             /* of samples */

bool rsd_process_open(void) {
    return rsd_writer_open(&writer, RESIDUE_PROCESS_WRITER);
}

void rsd_process_after_fork(void) {
    rsd_writer_release(&writer);
    atomic_store(&said_rate, 0);
    atomic_flag_clear(&taken);
    atomic_flag_clear(&reading);
}

void rsd_process_isolate(void) {
    rsd_writer_isolate(&writer);
}

bool rsd_process_tagged(struct residue_tagged *head, size_t head_size, const void *text, size_t text_size) {
    for (unsigned i = 0; atomic_flag_test_and_set_explicit(&taken, memory_order_acquire); i++) {
        if (i == TRIES)
            return false;
        rsd_sys_yield();
    }
    bool written = writer.live && rsd_writer_tagged(&writer, head, head_size, text, text_size, "", 0);
    atomic_flag_clear_explicit(&taken, memory_order_release);
    return written;
}

void rsd_process_save_private(void) {
    rsd_writer_save_private(&writer);
}

/* ---- clocks and statm ---- */

static void sample_clock(void) {
    struct rsd_instant now = rsd_clock_instant();
    struct residue_clock record = {
        .head.tag = RESIDUE_TAG_CLOCK, .monotonic_ns = now.monotonic_ns, .realtime_ns = now.realtime_ns};
    rsd_process_tagged(&record.head, sizeof record, "", 0);
}

static _Atomic uint64_t last_sample;

/* A thread says with which rate it takes samples when it takes one. Where the rate is such that none does, a reader must
 * know that from here. */
static void say_rate(void) {
    uint64_t rate = atomic_load(&rsd_sample_rate), said = atomic_load(&said_rate);
    if (rate == said || !atomic_compare_exchange_strong(&said_rate, &said, rate))
        return;
    struct residue_sampling record = {.head.tag = RESIDUE_TAG_SAMPLING, .rate = rate};
    rsd_process_tagged(&record.head, sizeof record, "", 0);
}

void rsd_process_sample_if_due(uint64_t ticks) {
    if (rsd_helper_runs())
        return;
    uint64_t last = atomic_load_explicit(&last_sample, memory_order_relaxed);
    if ((double)(int64_t)(ticks - last) > rsd_clock_rate && atomic_compare_exchange_strong(&last_sample, &last, ticks))
        rsd_process_sample();
}

static void turn_late(struct rsd_thread *thread) {
    if (thread->nursery.memory)
        rsd_late_turn(&thread->nursery.late, rsd_nursery_last_sample());
}

void rsd_process_sample(void) {
    atomic_store_explicit(&last_sample, rsd_clock_ticks(), memory_order_relaxed);
    sample_clock();
    say_rate();
    char text[256];
    if (rsd_sys_slurp("/proc/self/statm", text, sizeof text) <= 0)
        return;
    char *at = text;
    struct residue_memory record = {.head.tag = RESIDUE_TAG_MEMORY};
    record.virtual_bytes = strtoull(at, &at, 10) * rsd_page_size;
    record.rss_bytes = strtoull(at, &at, 10) * rsd_page_size;
    record.shared_bytes = strtoull(at, &at, 10) * rsd_page_size;
    record.cpu_ns = rsd_sys_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    bool raised = rsd_nursery_barrier_begin();
    if (!rsd_process_tagged(&record.head, sizeof record, "", 0))
        record.head.time = rsd_clock_ticks();
    if (!raised)
        return;
    rsd_nursery_sample_end(record.head.time);
    rsd_thread_each(turn_late);
}

/* ---- the runtime ---- */

static _Atomic bool is_node;

static void put_runtime(const char *name, const char *version) {
    char text[256];
    struct residue_runtime record = {.head.tag = RESIDUE_TAG_RUNTIME,
                                     .name_size = (uint32_t)strlen(name),
                                     .version_size = (uint32_t)strlen(version)};
    int size = snprintf(text, sizeof text, "%s%s", name, version);
    if (size > 0 && (size_t)size < sizeof text)
        rsd_process_tagged(&record.head, sizeof record, text, (size_t)size);
}

/* node::per_process::metadata begins with versions.node, a std::string whose first two words are pointer and length. It
 * is made by a static constructor of the executable, and believed only if it reads like a version. */
void rsd_process_name_runtime(void) {
    const struct {
        const char *text;
        size_t length;
    } *version = dlsym(RTLD_DEFAULT, "_ZN4node11per_process8metadataE");
    if (!version || !version->text || version->length < 5 || version->length > 31 ||
        strspn(version->text, "0123456789.") < 5)
        return;
    char text[40];
    snprintf(text, sizeof text, "v%.*s", (int)version->length, version->text);
    put_runtime("node", text);
    atomic_store(&is_node, true);
}

void rsd_process_say_javascript(void) {
    const char *why = "switched off by RESIDUE_JS", *map;
    char both[240];
    if (!atomic_load(&is_node))
        return;
    bool named = rsd_names_from_frames() && rsd_js_trusted(&why) != RSD_JS_NOTHING;
    if (rsd_trace.javascript == RSD_JAVASCRIPT_MAP)
        why = "RESIDUE_JS=map";
    if (!named && (rsd_perfmap_is_on(&map) || *map)) {
        snprintf(both, sizeof both, "%s: %s", why, map);
        why = both;
    }
    put_runtime("javascript", why);
}

/* ---- smaps ---- */

struct reader {
    int fd;
    char *bytes; /* READ_SIZE + 1 */
    size_t used;
    size_t next;
};

/* The next line without its newline, or NULL at the end. A line longer than the buffer ends there. */
static char *next_line(struct reader *r) {
    char *start = r->bytes + r->next;
    char *end = memchr(start, '\n', r->used - r->next);
    if (!end) {
        memmove(r->bytes, start, r->used - r->next);
        r->used -= r->next;
        r->next = 0;
        long got = r->used < READ_SIZE ? rsd_sys_read(r->fd, r->bytes + r->used, READ_SIZE - r->used) : 0;
        if (got <= 0)
            return NULL;
        r->used += (size_t)got;
        return next_line(r);
    }
    *end = '\0';
    r->next = (size_t)(end + 1 - r->bytes);
    return start;
}

static uint32_t parse_prot(const char *flags) {
    return (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) | (flags[2] == 'x' ? PROT_EXEC : 0) |
           (flags[3] == 's' ? 256u : 0);
}

/* "start-end rwxp offset dev inode   name"; false when the line is one of the fields below it. */
static bool parse_head(const char *line, struct residue_mapping *record, char *name, size_t size) {
    char *at;
    uint64_t start = strtoull(line, &at, 16);
    if (at == line || *at != '-')
        return false;
    *record = (struct residue_mapping){.head.tag = RESIDUE_TAG_MAPPING, .start = start};
    record->end = strtoull(at + 1, &at, 16);
    if (strlen(at) > 5)
        record->prot = parse_prot(at + 1);
    for (unsigned field = 0; field < 4 && at; field++)
        at = strchr(at + 1, ' ');
    while (at && *at == ' ')
        at++;
    record->name_size = 0;
    if (at) {
        snprintf(name, size, "%s", at + strspn(at, "0123456789 "));
        record->name_size = (uint32_t)strlen(name);
    }
    return true;
}

/* The recorder's own memory has no name, and the flag that rsd_sys_memory() gives it. */
static void parse_flags(const char *line, struct residue_mapping *record, char *name) {
    static const char own[] = "[residue]";
    if (record->name_size || !strstr(line, " dd"))
        return;
    memcpy(name, own, sizeof own);
    record->name_size = sizeof own - 1;
}

static bool begins(const char *line, const char *key) {
    return strncmp(line, key, strlen(key)) == 0;
}

/* Of the two dozen fields of each mapping only these few are looked at any closer than by their first letter. */
static void parse_field(const char *line, struct residue_mapping *record, char *name) {
    uint64_t *bytes = NULL;
    switch (*line) {
    case 'R':
        bytes = begins(line, "Rss:") ? &record->rss_bytes : NULL;
        break;
    case 'P':
    case 'S':
        bytes = begins(line, "Private_Dirty:") || begins(line, "Shared_Dirty:") ? &record->dirty_bytes : NULL;
        break;
    case 'A':
        bytes = begins(line, "Anonymous:") ? &record->anonymous_bytes : NULL;
        break;
    case 'V':
        if (begins(line, "VmFlags:"))
            parse_flags(line, record, name);
        break;
    }
    if (bytes)
        *bytes += strtoull(line + strcspn(line, " "), NULL, 10) * 1024;
}

static void put_mapping(struct residue_mapping *record, const char *name) {
    if (record->rss_bytes)
        rsd_process_tagged(&record->head, sizeof *record, name, record->name_size);
}

static void read_mappings(struct reader *r) {
    struct residue_mapping record = {.rss_bytes = 0}, next;
    char name[RSD_PATH_SIZE] = "", next_name[RSD_PATH_SIZE];
    for (char *line; (line = next_line(r));) {
        bool field = *line >= 'A' && *line <= 'Z'; /* addresses have small letters */
        if (field || !parse_head(line, &next, next_name, sizeof next_name)) {
            parse_field(line, &record, name);
            continue;
        }
        put_mapping(&record, name);
        record = next;
        memcpy(name, next_name, next.name_size + 1);
    }
    put_mapping(&record, name);
}

/* The kernel holds the lock of the address space while it makes the text, a piece at a time. */
static void count_stall(uint64_t ticks) {
    if (!writer.live)
        return;
    uint64_t *counter = writer.live->counter;
    counter[RESIDUE_COUNTER_SMAPS_TICKS] += ticks;
    if (ticks > counter[RESIDUE_COUNTER_SMAPS_MAX])
        counter[RESIDUE_COUNTER_SMAPS_MAX] = ticks;
}

/* The thread's time that it took goes to *cost. */
static long sample_mappings(void *cost) {
    static char *buffer;
    uint64_t began = rsd_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (!buffer)
        buffer = rsd_sys_memory(READ_SIZE + 1);
    struct reader r = {.fd = buffer ? rsd_sys_open("/proc/self/smaps", O_RDONLY, 0) : -1, .bytes = buffer};
    if (r.fd >= 0) {
        uint64_t opened = rsd_clock_ticks();
        read_mappings(&r);
        count_stall(rsd_clock_ticks() - opened);
        rsd_sys_close(r.fd);
    }
    *(uint64_t *)cost = rsd_sys_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;
    return r.fd < 0 ? r.fd : 0;
}

/* At exit the helper may be half way through a sample. */
uint64_t rsd_process_sample_mappings(void) {
    uint64_t cost = 0;
    if (!rsd_sys_take_flag(&reading))
        return 0;
    rsd_sys_apart(sample_mappings, &cost);
    atomic_flag_clear(&reading);
    return cost;
}
