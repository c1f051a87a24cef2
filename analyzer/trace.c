/*
 * The trace directory: which files are there, and in which order they are read.
 *
 * A trace of a running process is read in an order that makes it the state at one instant, `cutoff`, the clock's value
 * before anything is copied: first all live files, then all logs (read.c tells why), and nothing that is later than the
 * cutoff counts. Among the live files the process's own comes last: a node may name a module that was recorded there.
 * A thread can stand between reading its clock and committing its record while we copy; such a record (at most one per
 * thread) is missing from the state, as it would be had the instant been a little earlier for that thread.
 *
 * A thread that appears after the folder was listed has nothing to say about the time before the cutoff.
 *
 * Which files belong to the trace is told by their names alone (FORMAT.md, first table); the headers inside must agree.
 */
#include "trace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "memory.h"

/* ---- Files ------------------------------------------------------------------------------------------------------- */

static char *file_name(uint32_t writer, const char *ending) {
    if (writer == RESIDUE_PROCESS_WRITER)
        return rsd_format("process.%s", ending);
    return rsd_format("t%u.%s", writer, ending);
}

/* "`t<W>.log`: writer W, W from 1; `process.log`: writer 0". */
static bool writer_of(const char *name, uint32_t *writer) {
    if (strcmp(name, "process.log") == 0 || strcmp(name, "process.live") == 0) {
        *writer = RESIDUE_PROCESS_WRITER;
        return true;
    }
    char *end;
    if (name[0] != 't' || name[1] < '1' || name[1] > '9')
        return false;
    unsigned long number = strtoul(name + 1, &end, 10);
    *writer = (uint32_t)number;
    return number <= UINT32_MAX && (strcmp(end, ".log") == 0 || strcmp(end, ".live") == 0);
}

static int by_number(const void *a, const void *b) {
    const struct rsd_writer *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

struct finding {
    struct rsd_trace *trace;
    size_t capacity;
};

static void find_writer(void *context, const char *name) {
    struct finding *finding = context;
    struct rsd_trace *trace = finding->trace;
    uint32_t number;
    if (!writer_of(name, &number))
        return;
    RSD_ROOM(trace->writers, trace->writer_count, finding->capacity);
    trace->writers[trace->writer_count++] = (struct rsd_writer){
        .number = number, .log_name = file_name(number, "log"), .live_name = file_name(number, "live"), .log = -1};
}

/* Live files may stand in a folder of their own while the process runs, and stay there after a kill. A pack has them. */
static bool has_live_folder(const struct rsd_trace *trace) {
    return trace->meta.live_directory && !trace->folder.unpacked && !trace->meta.cutoff;
}

/* A writer has two files, and each of them was found. */
static void join_writers(struct rsd_trace *trace) {
    size_t kept = 0;
    if (trace->writer_count)
        qsort(trace->writers, trace->writer_count, sizeof *trace->writers, by_number);
    for (size_t i = 0; i < trace->writer_count; i++)
        if (kept && trace->writers[kept - 1].number == trace->writers[i].number)
            rsd_writer_free(&trace->writers[i]);
        else
            trace->writers[kept++] = trace->writers[i];
    trace->writer_count = kept;
}

static void find_writers(struct rsd_trace *trace) {
    struct finding finding = {.trace = trace};
    rsd_folder_each(&trace->folder, find_writer, &finding);
    if (has_live_folder(trace))
        rsd_folder_each(&(struct rsd_folder){.path = trace->meta.live_directory}, find_writer, &finding);
    join_writers(trace);
}

int rsd_trace_live(const struct rsd_trace *trace, const struct rsd_writer *writer) {
    int fd = -1;
    if (has_live_folder(trace))
        fd = rsd_folder_file(&(struct rsd_folder){.path = trace->meta.live_directory}, writer->live_name);
    if (fd < 0) /* copied into the trace since, or never there */
        fd = rsd_folder_file(&trace->folder, writer->live_name);
    return fd;
}

/* A log is made before its live file: one without a frame is of a writer that was just being made, and has lost nothing. */
static bool log_is_empty(const struct rsd_trace *trace, const struct rsd_writer *writer) {
    struct stat info;
    int fd = rsd_folder_file(&trace->folder, writer->log_name);
    bool known = fd >= 0 && fstat(fd, &info) == 0;
    if (fd >= 0)
        close(fd);
    return known && (info.st_size == 0 || info.st_size == (off_t)RESIDUE_HEADER_SIZE);
}

static void read_live(struct rsd_trace *trace, struct rsd_writer *writer, struct rsd_identity *identity) {
    int fd = rsd_trace_live(trace, writer);
    if (fd >= 0 || errno != ENOENT)
        rsd_writer_read_live(writer, fd, identity, &trace->problems);
    else if (!(trace->meta.live_at_end_only && trace->running) && !log_is_empty(trace, writer))
        rsd_problem(&trace->problems, writer->live_name, RSD_NO_OFFSET, "missing: what was not sealed yet is lost");
}

static void read_log(struct rsd_trace *trace, struct rsd_writer *writer, struct rsd_identity *identity) {
    rsd_writer_read_log(writer, rsd_folder_file(&trace->folder, writer->log_name), identity, &trace->problems);
    trace->log_bytes += writer->log_size;
}

/* The present time on the trace's clock. */
static uint64_t now(const struct rsd_meta *meta) {
#if defined(__x86_64__)
    if (meta->tsc)
        return __rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    if (meta->tsc) {
        __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks));
        return ticks;
    }
#endif
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void read_writers(struct rsd_trace *trace) {
    struct rsd_identity identity = {.trace_id = trace->meta.trace_id, .running = trace->running};
    for (size_t i = trace->writer_count; i-- > 0;) /* the process's last */
        read_live(trace, &trace->writers[i], &identity);
    for (size_t i = 0; i < trace->writer_count; i++)
        read_log(trace, &trace->writers[i], &identity);
}

/* Why a directory is none. */
static char *no_trace(const char *path) {
    struct rsd_listed *list;
    size_t count = rsd_trace_list(path, "", &list);
    char *why = count ? rsd_format("%s: not a trace but a folder with %zu in it, the newest is %s", path, count,
                                   list[count - 1].path)
                      : rsd_format("%s: not a trace: neither meta.json nor a log is there", path);
    rsd_trace_list_free(list, count);
    return why;
}

bool rsd_trace_open(struct rsd_trace *trace, const char *path, char **why) {
    *trace = (struct rsd_trace){.cutoff = UINT64_MAX};
    if (!rsd_folder_open(&trace->folder, path, false, &trace->problems, why)) {
        rsd_trace_close(trace);
        return false;
    }
    trace->path = rsd_strdup(trace->folder.path);
    rsd_meta_read(&trace->meta, &trace->folder, &trace->problems);
    trace->running = trace->meta.cutoff || (!trace->folder.unpacked && rsd_meta_running(&trace->meta));
    if (trace->running)
        trace->cutoff = trace->meta.cutoff ? trace->meta.cutoff : now(&trace->meta);
    find_writers(trace);
    if (!trace->writer_count && !trace->meta.found) {
        *why = no_trace(path);
        rsd_trace_close(trace);
        return false;
    }
    read_writers(trace);
    return true;
}

void rsd_trace_close(struct rsd_trace *trace) {
    for (size_t i = 0; i < trace->writer_count; i++)
        rsd_writer_free(&trace->writers[i]);
    free(trace->writers);
    rsd_folder_close(&trace->folder);
    free(trace->path);
    rsd_meta_free(&trace->meta);
    rsd_problems_free(&trace->problems);
    *trace = (struct rsd_trace){0};
}

size_t rsd_trace_place(const struct rsd_trace *trace, uint32_t number) {
    struct rsd_writer key = {.number = number}, *found = NULL;
    if (trace->writer_count)
        found = bsearch(&key, trace->writers, trace->writer_count, sizeof key, by_number);
    return found ? (size_t)(found - trace->writers) : trace->writer_count;
}

uint64_t rsd_trace_lost(const struct rsd_trace *trace) {
    uint64_t lost = 0;
    for (size_t i = 0; i < trace->writer_count; i++)
        lost += trace->writers[i].lost;
    return lost;
}

/* ---- Several traces ---------------------------------------------------------------------------------------------- */

static uint64_t bytes_in(const char *path) {
    uint64_t bytes = 0;
    DIR *dir = opendir(path);
    struct stat info;
    if (!dir && stat(path, &info) == 0)
        bytes = (uint64_t)info.st_blocks * 512;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (fstatat(dirfd(dir), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode))
            bytes += (uint64_t)info.st_blocks * 512;
    if (dir)
        closedir(dir);
    return bytes;
}

/* By the time of the start. Of one instant are a trace and what was made of it: packs, then what was compacted, which has the
 * longer name, then the trace itself. */
static int by_start(const void *a, const void *b) {
    const struct rsd_listed *x = a, *y = b;
    if (x->meta.realtime_ns != y->meta.realtime_ns)
        return x->meta.realtime_ns < y->meta.realtime_ns ? -1 : 1;
    if (x->packed != y->packed)
        return x->packed ? -1 : 1;
    size_t length[2] = {strlen(x->path), strlen(y->path)};
    if (length[0] != length[1])
        return length[0] > length[1] ? -1 : 1;
    return strcmp(x->path, y->path);
}

/* Is there a trace at `path`? */
static bool look_at(struct rsd_listed *listed, const char *path) {
    struct rsd_problems problems = {0};
    struct rsd_folder folder;
    char *why = NULL;
    int meta = -1;
    if (rsd_folder_open(&folder, path, true, &problems, &why)) {
        meta = rsd_folder_file(&folder, "meta.json");
        if (meta >= 0) {
            close(meta);
            *listed = (struct rsd_listed){
                .path = rsd_strdup(path), .bytes = bytes_in(path), .packed = folder.unpacked != NULL};
            rsd_meta_read(&listed->meta, &folder, &problems);
        }
        rsd_folder_close(&folder);
    }
    rsd_problems_free(&problems);
    free(why);
    return meta >= 0;
}

size_t rsd_trace_list(const char *folder, const char *prefix, struct rsd_listed **list) {
    size_t count = 0, capacity = 0;
    struct rsd_listed listed;
    *list = NULL;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || entry->d_name[0] == '.')
            continue;
        char *path = strcmp(folder, ".") == 0 ? rsd_strdup(entry->d_name) : rsd_format("%s/%s", folder, entry->d_name);
        if (look_at(&listed, path)) {
            RSD_ROOM(*list, count, capacity);
            (*list)[count++] = listed;
        }
        free(path);
    }
    if (dir)
        closedir(dir);
    if (count)
        qsort(*list, count, sizeof **list, by_start);
    return count;
}

void rsd_trace_list_free(struct rsd_listed *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(list[i].path);
        rsd_meta_free(&list[i].meta);
    }
    free(list);
}
