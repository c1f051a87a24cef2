/*
 * meta.json, written once by one write, from memory of our own.
 *
 * Nothing of the environment goes in but our own options; arguments do, for nobody can tell workers apart without.
 * Bytes that are no UTF-8 are written as U+FFFD, so that the file is JSON whatever the arguments are.
 */
#include "meta.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnu/libc-version.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "init.h"
#include "real.h"
#include "residue/version.h"
#include "sys.h"

#define TEXT_ROOM (1u << 20) /* what does not fit is left out: arguments, from the last */
#define ARGUMENTS_ROOM (128u << 10)

struct text {
    char *bytes;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(t->bytes + t->used, TEXT_ROOM - t->used, format, arguments);
    va_end(arguments);
    t->used += (size_t)length < TEXT_ROOM - t->used ? (size_t)length : TEXT_ROOM - t->used - 1;
}

/* Bytes of the UTF-8 character at `p`, or 0: lead byte, then the right number of continuation bytes. */
static size_t utf8_length(const unsigned char *p, size_t left) {
    size_t length = p[0] < 0x80                   ? 1
                    : p[0] >= 0xc2 && p[0] < 0xe0 ? 2
                    : (p[0] & 0xf0) == 0xe0       ? 3
                    : (p[0] & 0xf8) == 0xf0       ? 4
                                                  : 0;
    if (length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void put_string(struct text *t, const char *string, size_t size) {
    put(t, "\"");
    for (size_t i = 0; i < size;) {
        const unsigned char *p = (const unsigned char *)string + i;
        size_t length = utf8_length(p, size - i);
        if (length == 0)
            put(t, "\\ufffd");
        else if (*p < 0x20 || *p == '"' || *p == '\\')
            put(t, "\\u%04x", *p);
        else
            put(t, "%.*s", (int)length, p);
        i += length ? length : 1;
    }
    put(t, "\"");
}

static void put_key_string(struct text *t, const char *key, const char *value) {
    put(t, "  \"%s\": ", key);
    if (value)
        put_string(t, value, strlen(value));
    else
        put(t, "null");
    put(t, ",\n");
}

static void put_link(struct text *t, const char *key, const char *path) {
    char target[4096];
    long length = rsd_sys_readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    put_key_string(t, key, target);
}

static void put_arguments(struct text *t) {
    char *all = rsd_sys_memory(ARGUMENTS_ROOM);
    long size = all ? rsd_sys_slurp("/proc/self/cmdline", all, ARGUMENTS_ROOM) : 0;
    put(t, "  \"argv\": [");
    for (long at = 0; at < size; at += (long)strlen(all + at) + 1) {
        put(t, at ? ", " : "");
        put_string(t, all + at, strlen(all + at));
    }
    put(t, "],\n");
    if (all)
        rsd_sys_unmap(all, ARGUMENTS_ROOM);
}

/* Field 22 of /proc/self/stat. The second field, in parentheses, may hold anything: count from the last ')'. */
static unsigned long long process_start_time(void) {
    char text[1024];
    if (rsd_sys_slurp("/proc/self/stat", text, sizeof text) <= 0)
        return 0;
    char *at = strrchr(text, ')');
    for (int field = 2; field < 22 && at; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* Asked for once: dladdr takes the loader's lock, which a child made by fork() had better not. */
static const char *allocator(void) {
    static const char *name;
    Dl_info info;
    if (!name && dladdr((void *)(uintptr_t)rsd_real.malloc, &info) && info.dli_fname) {
        const char *slash = strrchr(info.dli_fname, '/');
        name = slash ? slash + 1 : info.dli_fname;
    }
    return name;
}

static void put_parent(struct text *t) {
    const struct rsd_parent *parent = &rsd_trace.parent;
    if (!parent->pid)
        return;
    put(t, "  \"forked_from\": {\"pid\": %d, \"trace_id\": \"%016llx\", \"trace\": ", parent->pid,
        (unsigned long long)parent->id);
    put_string(t, parent->directory, strlen(parent->directory));
    put(t, "},\n");
}

struct date {
    unsigned year, month, day;
};

/* Days since 1970-01-01 to a date of the Gregorian calendar, counting years from 1 March so that the leap day comes last
 * (the "civil from days" arithmetic of H. Hinnant's chrono-compatible date algorithms). gmtime_r would read the time zone
 * and allocate. */
static struct date date_of(long days) {
    unsigned long shifted = (unsigned long)days + 719468;
    unsigned long era = shifted / 146097, day_of_era = shifted % 146097;
    unsigned long year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned long day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned long march_month = (5 * day_of_year + 2) / 153;
    unsigned month = (unsigned)(march_month < 10 ? march_month + 3 : march_month - 9);
    unsigned year = (unsigned)(year_of_era + era * 400) + (month <= 2);
    return (struct date){year, month, (unsigned)(day_of_year - (153 * march_month + 2) / 5 + 1)};
}

static void put_time(struct text *t) {
    unsigned long long ns = rsd_trace.start.realtime_ns;
    time_t seconds = (time_t)(ns / 1000000000u);
    struct date date = date_of(seconds / 86400);
    unsigned second = (unsigned)(seconds % 86400);
    put(t, "  \"started_at\": \"%04u-%02u-%02uT%02u:%02u:%02u.%03lluZ\",\n", date.year, date.month, date.day,
        second / 3600, second / 60 % 60, second % 60, ns / 1000000u % 1000u);
    put(t,
        "  \"clock\": {\"source\": \"%s\", \"ticks\": %llu, \"monotonic_ns\": %llu, \"realtime_ns\": %llu, "
        "\"ticks_per_second\": %.0f},\n",
        rsd_clock_is_tsc ? "tsc" : "monotonic", (unsigned long long)rsd_trace.start.ticks,
        (unsigned long long)rsd_trace.start.monotonic_ns, ns, rsd_clock_rate);
}

static void put_all(struct text *t, const struct rsd_config *config) {
    char libc[40], mode[40];
    snprintf(libc, sizeof libc, "glibc %s", gnu_get_libc_version());
    put(t, "{\n  \"format\": {\"major\": %u, \"minor\": %u},\n", RESIDUE_FORMAT_MAJOR, RESIDUE_FORMAT_MINOR);
    put_key_string(t, "tool", "residue " RESIDUE_VERSION);
    put(t, "  \"trace_id\": \"%016llx\",\n", (unsigned long long)rsd_trace.id);
    put(t, "  \"pid\": %d,\n  \"ppid\": %d,\n", rsd_trace.pid, rsd_sys_parent_pid());
    put_parent(t);
    put(t, "  \"start_time\": %llu,\n", process_start_time());
    put_link(t, "exe", "/proc/self/exe");
    put_link(t, "cwd", "/proc/self/cwd");
    put_arguments(t);
    put_time(t);
    put_key_string(t, "libc", libc);
    put_key_string(t, "allocator", allocator());
    put(t, "  \"page_size\": %zu,\n", rsd_page_size);
    put(t, "  \"memory_limit\": %llu,\n", (unsigned long long)rsd_cgroup_memory_limit());
    put(t, "  \"options\": {\"out\": ");
    put_string(t, config->out, strlen(config->out));
    rsd_config_mode(config, mode, sizeof mode);
    put(t,
        ", \"depth\": %u, \"mode\": \"%s\", \"max_size\": %llu, \"js\": \"%s\", \"start\": \"%s\", \"follow\": \"%d\", "
        "\"only\": ",
        config->depth, mode, (unsigned long long)config->max_size, rsd_javascript_name[config->javascript],
        config->started ? "on" : "off", config->follow);
    put_string(t, config->only, strlen(config->only));
    if (config->snapshot_percent)
        put(t, ", \"snapshot_at\": \"%u%%\"", config->snapshot_percent);
    else if (config->snapshot_bytes)
        put(t, ", \"snapshot_at\": %llu", (unsigned long long)config->snapshot_bytes);
    put(t, "},\n");
    put(t, "  \"live\": {\"kind\": \"%s\", \"directory\": ", rsd_log_live_kind());
    const char *directory = rsd_log_live_directory();
    put(t, directory ? "\"%s\"}\n}\n" : "null}\n}\n", directory);
}

static long write_file(const struct text *t) {
    char path[RSD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/meta.json", rsd_trace.directory);
    int fd = rsd_sys_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fd;
    long error = rsd_sys_write_all(fd, t->bytes, t->used);
    rsd_sys_close(fd);
    return error;
}

long rsd_meta_write(const struct rsd_config *config) {
    struct text t = {.bytes = rsd_sys_memory(TEXT_ROOM)};
    if (!t.bytes)
        return -ENOMEM;
    put_all(&t, config);
    long error = write_file(&t);
    rsd_sys_unmap(t.bytes, TEXT_ROOM);
    return error;
}
