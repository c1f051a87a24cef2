/*
 * V8's own code map, caught in memory: the fallback for a V8 whose objects are not known (js/trust.c).
 *
 * V8 can tell where its code lies, to a file in /tmp that the profiler perf reads (--perf-basic-prof), also for each
 * function that is interpreted (--interpreted-frames-native-stack). The flags are set through the executable's own
 * v8::V8::SetFlagsFromString before V8 starts: process.execArgv, the environment and children know nothing of it. No file
 * is written either:
 *
 *     fopen, fopen64 of the map, of V8's log     a stream that leads to nothing
 *     vfprintf to that stream                    a line of the map: a CODE record in the calling thread's log
 *     fclose of that stream                      nothing
 *
 * These are calls of the executable, so its global offset table is patched (got.c); nobody else's calls are touched. V8's
 * log comes with the map whether it is wanted or not, in each isolate; it holds a line or two and gets the name LOG, by
 * which it is known. V8 aborts unless the map is a regular file: the stream is a memfd, sealed so that it stays empty. Its
 * descriptor lies in the top quarter below the soft limit; should the program have closed it, the next open makes another.
 *
 * A program that uses these files of V8's itself is left alone.
 *
 * The map costs memory in the program (one entry stub for each interpreted function, tables of positions), and says where a
 * function begins, not which line is at work. Entered by the threads of V8's isolates.
 */
#include "perfmap.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "got.h"
#include "guard.h"
#include "init.h"
#include "js/codemap.h"
#include "js/pages.h"
#include "sys.h"

#define LOG "/dev/null/residue"
#define LINE_ROOM 8192u
#define NAME_MOST 4096u
#define STREAMS 4u
#define DESCRIPTORS_MOST (1u << 20)
#define ARGUMENTS_ROOM (128u << 10)

/* Weak: on an older libc the map stays off. */
extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

static FILE *_Atomic stream[STREAMS]; /* the newest last; NULL: not made */
static struct stat identity[STREAMS];
static const char *why_not = "";
static bool on;

/* ---- the stream ---- */

static bool is_ours(const FILE *file) {
    for (unsigned i = 0; i < STREAMS; i++)
        if (file && atomic_load_explicit(&stream[i], memory_order_acquire) == file)
            return true;
    return false;
}

/* Out of the way of the numbers that a program counts on. */
static int move_up(int fd) {
    struct rlimit limit;
    rlim_t soft = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
    if (soft > DESCRIPTORS_MOST)
        soft = DESCRIPTORS_MOST;
    long high = RSD_SYSCALL(fcntl, fd, F_DUPFD_CLOEXEC, soft - soft / 4, 0, 0, 0);
    if (high < 0)
        return fd;
    rsd_sys_close(fd);
    return (int)high;
}

static FILE *make_stream(unsigned place) {
    long fd = RSD_SYSCALL(memfd_create, "residue", MFD_CLOEXEC | MFD_ALLOW_SEALING, 0, 0, 0, 0);
    if (fd < 0)
        return NULL;
    RSD_SYSCALL(fcntl, fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE, 0, 0, 0);
    fd = move_up((int)fd);
    FILE *file = fdopen((int)fd, "w");
    if (!file || fstat((int)fd, &identity[place]) != 0) {
        rsd_sys_close((int)fd);
        return NULL;
    }
    atomic_store_explicit(&stream[place], file, memory_order_release);
    return file;
}

static bool is_intact(unsigned place) {
    struct stat now;
    const FILE *file = atomic_load_explicit(&stream[place], memory_order_acquire);
    return file && fstat(fileno((FILE *)(uintptr_t)file), &now) == 0 && now.st_dev == identity[place].st_dev &&
           now.st_ino == identity[place].st_ino;
}

/* The stream, made anew if the program has closed its descriptor; NULL if that cannot be. */
static FILE *hand_out(void) {
    static atomic_flag making = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set_explicit(&making, memory_order_acquire))
        rsd_sys_yield();
    struct rsd_thread *self = rsd_alive() ? rsd_ours_begin() : NULL;
    FILE *file = NULL;
    for (unsigned i = 0; i < STREAMS && !file; i++)
        file = is_intact(i) ? stream[i] : stream[i] ? NULL : make_stream(i);
    if (self)
        rsd_ours_end(self);
    atomic_flag_clear_explicit(&making, memory_order_release);
    return file;
}

/* ---- a line of the map ---- */

static bool begins(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

/* The map has lines for bytecodes as well, which are no machine code and lie among the objects, and for the builtins where
 * they lie in the executable, whose symbols name them. Of these only the copy that V8 makes of them is of use. */
static bool is_machine_code(const struct rsd_code_line *line) {
    struct dl_find_object found;
    if (begins(line->name, "Builtin:"))
        return _dl_find_object((void *)line->start, &found) != 0;
    return rsd_js_page(line->start) & RSD_JS_PAGE_CODE;
}

static void write_line(const char *text, size_t size) {
    struct rsd_code_line line;
    if (!rsd_codemap_parse(text, size, &line) || !is_machine_code(&line))
        return;
    struct rsd_thread *self = rsd_alive() ? rsd_enter() : NULL;
    uint32_t id = self ? rsd_codemap_new(&line) : 0;
    if (id) {
        struct residue_code record = {
            .head.tag = RESIDUE_TAG_CODE, .start = line.start, .code_size = line.size, .id = id};
        record.name_size = line.name_size < NAME_MOST ? line.name_size : NAME_MOST;
        if (rsd_writer_tagged(&self->writer, &record.head, sizeof record, line.name, record.name_size, "", 0))
            rsd_codemap_publish(&line, id);
    }
    if (self)
        rsd_leave(self);
}

/* ---- instead of libc's functions, for the executable ---- */

static bool is_wanted(const char *path) {
    size_t length = path ? strlen(path) : 0;
    return length && (strcmp(path, LOG) == 0 || (begins(path, "/tmp/perf-") && strcmp(path + length - 4, ".map") == 0));
}

static FILE *open_stream(const char *path, const char *mode) {
    return is_wanted(path) ? hand_out() : fopen(path, mode);
}

static FILE *open_stream64(const char *path, const char *mode) {
    return is_wanted(path) ? hand_out() : fopen64(path, mode);
}

static int close_stream(FILE *file) {
    return is_ours(file) ? 0 : fclose(file);
}

__attribute__((format(printf, 2, 0))) static int print(FILE *file, const char *format, va_list arguments) {
    if (!is_ours(file))
        return vfprintf(file, format, arguments);
    char text[LINE_ROOM];
    int before = errno, size = vsnprintf(text, sizeof text, format, arguments);
    if (size > 0)
        write_line(text, (size_t)size < sizeof text ? (size_t)size : sizeof text - 1);
    errno = before;
    return size;
}

static void *instead_of(const char *name) {
    static const struct {
        const char *name;
        void (*function)(void);
    } substitute[] = {{"fopen", (void (*)(void))open_stream},
                      {"fopen64", (void (*)(void))open_stream64},
                      {"fclose", (void (*)(void))close_stream},
                      {"vfprintf", (void (*)(void))print}};
    for (unsigned i = 0; i < sizeof substitute / sizeof *substitute; i++)
        if (strcmp(name, substitute[i].name) == 0)
            return (void *)(uintptr_t)substitute[i].function;
    return NULL;
}

/* ---- start ---- */

/* Does one of the strings, each zero-terminated, ask V8 for its map or log? It takes _ for -. */
static bool asks(const char *strings, size_t size) {
    static const char *const flag[] = {"--perf", "--prof", "--log", "--ll"};
    for (size_t at = 0; at < size; at += strlen(strings + at) + 1)
        for (unsigned i = 0; i < sizeof flag / sizeof *flag; i++)
            if (strstr(strings + at, flag[i]))
                return true;
    return false;
}

static bool program_asks(void) {
    const char *options = getenv("NODE_OPTIONS");
    char *all = rsd_sys_memory(ARGUMENTS_ROOM);
    long size = all ? rsd_sys_slurp("/proc/self/cmdline", all, ARGUMENTS_ROOM) : 0;
    bool found = (options && asks(options, strlen(options))) || (size > 0 && asks(all, (size_t)size));
    if (all)
        rsd_sys_unmap(all, ARGUMENTS_ROOM);
    return found;
}

typedef void set_flags_t(const char *flags);

/* Why not; NULL: it is done. V8's `set_flags` lies in the module whose calls are to be caught. */
static const char *switch_on(void) {
    set_flags_t *set_flags;
    *(void **)&set_flags = dlsym(RTLD_DEFAULT, "_ZN2v82V818SetFlagsFromStringEPKc");
    struct dl_find_object found;
    if (!set_flags || !_dl_find_object || _dl_find_object((void *)(uintptr_t)set_flags, &found) != 0)
        return "and V8's code map cannot be switched on";
    if (program_asks())
        return "and V8's code map is in use by the program";
    if (!hand_out())
        return "and there is no memory file for V8's code map";
    rsd_js_pages_kept = true;
    rsd_got_patch(found.dlfo_link_map, instead_of);
    set_flags("--perf-basic-prof");
    set_flags("--interpreted-frames-native-stack");
    set_flags("--logfile=" LOG);
    set_flags("--no-logfile-per-isolate");
    return NULL;
}

void rsd_perfmap_start(void) {
    why_not = switch_on();
    on = why_not == NULL;
}

bool rsd_perfmap_is_on(const char **why) {
    bool lines = atomic_load_explicit(&rsd_codemap.used, memory_order_relaxed);
    *why = !on     ? why_not
           : lines ? "functions are named by V8's code map, each with the line where it begins"
                   : "and V8's code map tells nothing";
    return on;
}
