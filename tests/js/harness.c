/*
 * A preload of its own for the tests of preload/js: it names the JavaScript of every allocation whose size is in a
 * range and odd, and writes at exit how often it met which stack.
 *
 *     size \t times \t frame \x1e frame ...
 *     frame = name \x1f file \x1f line \x1f column \x1f start line \x1f builtin
 *
 * Innermost frame first. Walking goes by the frame pointers alone: node and V8 keep them. JSH_LOW and JSH_HIGH give
 * the range, JSH_OUT the file, JSH_ALL=1 names every allocation of the program (and keeps what it says only for the
 * range). JSH_AGAIN=1 checks that a frame whose proof holds gets the answer that it got before.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "js/code.h"
#include "js/js.h"
#include "js/state.h"
#include "sys.h"

#define EXPORT __attribute__((visibility("default")))
#define TEXT_SIZE 16384u
#define ROWS 65536u
#define TEXTS (256u << 20)
#define FUNCTIONS 65536u
#define DEPTH 400

struct row {
    uint64_t hash, times;
    size_t size;
    const char *text;
};

struct thread {
    struct rsd_js *js;
    uintptr_t stack_end;
    uint32_t functions;
    char *function[FUNCTIONS]; /* name \x1f file, and where it starts behind: by id */
    uint32_t start[FUNCTIONS], builtin[FUNCTIONS];
    uint32_t at_rest[FUNCTIONS], in_motion[FUNCTIONS]; /* times met outside of and inside of a collection */
    struct thread *next;
    char text[TEXT_SIZE];
    size_t used;
    struct {
        struct rsd_js_answer answer;
        uintptr_t pc, fp;
    } kept[DEPTH];
    unsigned kept_count;
};

static __thread struct thread *self;
static struct thread *threads;
static __thread bool inside;
static bool ready, everything, again;
static size_t low = 1, high = 0;
static const char *out_path;
static struct row rows[ROWS];
static char *texts;
static size_t texts_used;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t stacks, frames, named, kinds[16], unsettled, proofs_held, proofs_lacking, proofs_wrong, ticks;
static int owner;

static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t);
static void *(*real_aligned)(size_t, size_t);
static int (*real_posix_memalign)(void **, size_t, size_t), (*real_munmap)(void *, size_t);
static int (*real_mprotect)(void *, size_t, int);
static void (*real_free)(void *);
static void *(*real_mmap)(void *, size_t, int, int, int, off_t);
static void *(*real_mremap)(void *, size_t, size_t, int, ...);

/* ---- What was found -------------------------------------------------------------------------------------------- */

static bool write_function(void *context, const struct rsd_js_function *function) {
    struct thread *thread = context;
    if (function->id >= FUNCTIONS || function->id != thread->functions + 1)
        return false;
    char *copy = rsd_sys_memory(function->name_size + function->file_size + 2);
    memcpy(copy, function->name, function->name_size);
    copy[function->name_size] = '\x1f';
    memcpy(copy + function->name_size + 1, function->file, function->file_size);
    thread->function[function->id] = copy;
    thread->start[function->id] = function->line;
    thread->builtin[function->id] = function->builtin;
    thread->functions = function->id;
    return true;
}

static void add_row(size_t size, const char *text, size_t length) {
    uint64_t hash = residue_fnv1a(text, length) ^ size * 0x9e3779b97f4a7c15u;
    pthread_mutex_lock(&lock);
    uint32_t at = hash & (ROWS - 1), tries = 0;
    while (rows[at].times && rows[at].hash != hash && ++tries < ROWS)
        at = (at + 1) & (ROWS - 1);
    if (!rows[at].times && texts_used + length + 1 < TEXTS) {
        char *copy = texts + texts_used;
        memcpy(copy, text, length);
        copy[length] = '\0';
        texts_used += length + 1;
        rows[at] = (struct row){hash, 0, size, copy};
    }
    rows[at].times++;
    pthread_mutex_unlock(&lock);
}

static void say(struct thread *thread, const struct rsd_js_answer *answer) {
    for (uint32_t i = answer->count; i-- > 0;) {
        const struct rsd_js_place *place = &answer->place[i];
        if (thread->used + 1400 > TEXT_SIZE)
            return;
        thread->used +=
            (size_t)snprintf(thread->text + thread->used, 1400, "%s%s\x1f%u\x1f%u\x1f%u\x1f%u",
                             thread->used ? "\x1e" : "", thread->function[place->function], place->line, place->column,
                             thread->start[place->function], thread->builtin[place->function]);
    }
}

/* ---- Walking --------------------------------------------------------------------------------------------------- */

static uintptr_t stack_end(void) {
    pthread_attr_t attributes;
    void *start = NULL;
    size_t size = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return 0;
    pthread_attr_getstack(&attributes, &start, &size);
    pthread_attr_destroy(&attributes);
    return (uintptr_t)start + size;
}

/* A function of the program that was met only while the heap was in motion may be a wrong one: name it. */
static void say_strangers(FILE *out) {
    uint64_t met = 0, strangers = 0;
    for (struct thread *thread = threads; thread; thread = thread->next)
        for (uint32_t id = 1; id <= thread->functions; id++) {
            met += thread->in_motion[id];
            if (thread->at_rest[id] || !thread->in_motion[id] || thread->builtin[id])
                continue;
            strangers++;
            fprintf(out, "#stranger\t%s:%u\n", thread->function[id], thread->start[id]);
        }
    fprintf(out, "#motion\t%lu strangers %lu\n", (unsigned long)met, (unsigned long)strangers);
}

static struct thread *attach(void) {
    struct thread *thread = rsd_sys_memory(sizeof *thread);
    thread->js = rsd_sys_memory(rsd_js_size());
    thread->stack_end = stack_end();
    rsd_js_init(thread->js, write_function, thread);
    pthread_mutex_lock(&lock);
    thread->next = threads;
    threads = thread;
    pthread_mutex_unlock(&lock);
    return self = thread;
}

static void count_kind(struct thread *thread, uintptr_t pc) {
    if (rsd_js_page(pc) & RSD_JS_PAGE_CODE) {
        struct rsd_js_code code = rsd_js_code_at(thread->js, pc);
        kinds[code.object.at ? code.kind : 15]++;
    } else
        kinds[0]++;
}

/* What a frame's answer was although its proof held, and what it is: for whoever has to find out why. */
static char differences[4096];
static size_t differences_size;

static void note_difference(uintptr_t pc, const struct rsd_js_answer *old, const struct rsd_js_answer *new) {
    char text[512];
    const struct rsd_js_answer *both[] = {old, new};
    size_t size = (size_t)snprintf(text, sizeof text, "#wrong\t%#lx page %#x", (unsigned long)pc, rsd_js_page(pc));
    for (unsigned i = 0; i < 2; i++)
        for (unsigned k = 0; k < both[i]->count && size < sizeof text - 64; k++)
            size += (size_t)snprintf(text + size, sizeof text - size, "%s%u:%u:%u",
                                     k   ? " "
                                     : i ? "  is "
                                         : "  was ",
                                     both[i]->place[k].function, both[i]->place[k].line, both[i]->place[k].column);
    pthread_mutex_lock(&lock);
    if (differences_size + size + 2 < sizeof differences)
        differences_size +=
            (size_t)snprintf(differences + differences_size, sizeof differences - differences_size, "%s\n", text);
    pthread_mutex_unlock(&lock);
}

/* As the recorder asks (stacks.c). */
static bool holds(struct rsd_js *js, const struct rsd_js_proof *proof) {
    struct rsd_js_proof renewed = *proof;
    return rsd_js_holds(proof) || rsd_js_renew(js, &renewed);
}

/* The same functions, some of them without the line that they have got by now. */
static bool only_lacks_lines(const struct rsd_js_answer *old, const struct rsd_js_answer *answer) {
    for (uint32_t i = 0; i < old->count; i++) {
        const struct rsd_js_place *was = &old->place[i], *is = &answer->place[i];
        if (was->function != is->function || (was->line && (was->line != is->line || was->column != is->column)))
            return false;
    }
    return old->count == answer->count;
}

/* If the frame's words are as they were in the stack before, the answer must be the same. */
static void check_proof(struct thread *thread, unsigned at, const struct rsd_registers *frame,
                        const struct rsd_js_answer *answer) {
    if (at >= DEPTH)
        return;
    const struct rsd_js_answer *old = &thread->kept[at].answer;
    if (at < thread->kept_count && thread->kept[at].pc == frame->pc && thread->kept[at].fp == frame->fp &&
        old->proof.settled && answer->proof.settled && holds(thread->js, &old->proof)) {
        bool same = old->count == answer->count && !memcmp(old->place, answer->place, old->count * sizeof *old->place);
        bool lacking = !same && only_lacks_lines(old, answer);
        proofs_held++;
        proofs_lacking += lacking;
        proofs_wrong += !same && !lacking;
        if (!same)
            note_difference(frame->pc, old, answer);
    }
    thread->kept[at].answer = *answer;
    thread->kept[at].pc = frame->pc;
    thread->kept[at].fp = frame->fp;
}

static void walk(size_t size, uintptr_t fp, bool keep) {
    struct thread *thread = self ? self : attach();
    struct rsd_js_answer answer;
    unsigned at = 0;
    thread->used = 0;
    stacks++;
    rsd_js_begin(thread->js);
    for (unsigned depth = 0; depth < DEPTH && !(fp & 7) && fp + 16 < thread->stack_end; depth++) {
        const uintptr_t *words = (const uintptr_t *)fp;
        struct rsd_registers frame = {words[1], fp + 16, words[0]};
        if (frame.fp <= fp || frame.fp >= thread->stack_end)
            break;
        if (rsd_js_may_be(frame.pc)) {
            uint64_t from = __builtin_ia32_rdtsc();
            rsd_js_frame(thread->js, &frame, &answer);
            ticks += __builtin_ia32_rdtsc() - from;
            frames++;
            named += answer.count;
            unsettled += !answer.proof.settled;
            for (uint32_t i = 0; i < answer.count; i++)
                (answer.proof.settled ? thread->at_rest : thread->in_motion)[answer.place[i].function]++;
            if (again)
                check_proof(thread, at++, &frame, &answer);
            if (keep) {
                say(thread, &answer);
                if (answer.count)
                    count_kind(thread, frame.pc);
            }
        }
        fp = frame.fp;
    }
    thread->kept_count = at;
    if (keep)
        add_row(size, thread->text, thread->used);
}

static void allocated(size_t size, void *frame) {
    bool keep = size >= low && size <= high && size & 1;
    if (!ready || inside || !(keep || everything))
        return;
    int saved = errno;
    inside = true;
    walk(size, (uintptr_t)frame, keep);
    inside = false;
    errno = saved;
}

/* ---- Hooks ----------------------------------------------------------------------------------------------------- */

static char early[65536];
static size_t early_used;

static void *early_memory(size_t size) {
    void *p = early + early_used;
    early_used += (size + 15) & ~(size_t)15;
    return p;
}

static bool is_early(void *p) {
    return (char *)p >= early && (char *)p < early + sizeof early;
}

EXPORT void *malloc(size_t size) {
    if (!real_malloc)
        return early_memory(size);
    allocated(size, __builtin_frame_address(0));
    return real_malloc(size);
}

EXPORT void *calloc(size_t count, size_t size) {
    if (!real_calloc)
        return early_memory(count * size);
    allocated(count * size, __builtin_frame_address(0));
    return real_calloc(count, size);
}

EXPORT void *realloc(void *old, size_t size) {
    if (is_early(old))
        return memcpy(malloc(size), old, size < 4096 ? size : 4096);
    allocated(size, __builtin_frame_address(0));
    return real_realloc(old, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    allocated(size, __builtin_frame_address(0));
    return real_aligned(alignment, size);
}

EXPORT int posix_memalign(void **out, size_t alignment, size_t size) {
    allocated(size, __builtin_frame_address(0));
    return real_posix_memalign(out, alignment, size);
}

EXPORT void free(void *p) {
    if (real_free && !is_early(p))
        real_free(p);
}

EXPORT void *mmap(void *start, size_t size, int prot, int flags, int fd, off_t offset) {
    if (!real_mmap)
        real_mmap = dlsym(RTLD_NEXT, "mmap");
    if (flags & MAP_FIXED)
        rsd_js_memory_goes(start, size);
    void *p = real_mmap(start, size, prot, flags, fd, offset);
    if (p != MAP_FAILED)
        rsd_js_memory_comes(p, size, prot, flags, offset);
    return p;
}

EXPORT void *mmap64(void *start, size_t size, int prot, int flags, int fd, off_t offset) {
    return mmap(start, size, prot, flags, fd, offset);
}

EXPORT int munmap(void *start, size_t size) {
    if (!real_munmap)
        real_munmap = dlsym(RTLD_NEXT, "munmap");
    rsd_js_memory_goes(start, size);
    return real_munmap(start, size);
}

EXPORT int mprotect(void *start, size_t size, int prot) {
    if (!real_mprotect)
        real_mprotect = dlsym(RTLD_NEXT, "mprotect");
    rsd_js_memory_protect_before(start, size, prot);
    int result = real_mprotect(start, size, prot);
    if (result == 0)
        rsd_js_memory_protect_after(start, size, prot);
    return result;
}

EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    void *to = va_arg(rest, void *);
    va_end(rest);
    if (!real_mremap)
        real_mremap = dlsym(RTLD_NEXT, "mremap");
    bool plain = rsd_js_memory_is_plain(old);
    rsd_js_memory_goes(old, old_size);
    void *p = real_mremap(old, old_size, size, flags, to);
    if (p != MAP_FAILED)
        rsd_js_memory_comes(p, size, PROT_READ | PROT_WRITE, plain ? MAP_PRIVATE | MAP_ANONYMOUS : 0, 0);
    return p;
}

/* JSH_PATCH="symbol=value,...": the constants of a V8 that we do not know, put in place while ours are read. A value
 * that begins with + or - is added. */
static struct { int *symbol, value; } patched[16];
static unsigned patches;

static void patch(char *list) {
    for (char *item = strtok(list, ","); item && patches < 16; item = strtok(NULL, ",")) {
        char *value = strchr(item, '=');
        *value++ = '\0';
        int *symbol = dlsym(RTLD_DEFAULT, item);
        if (!symbol)
            continue;
        patched[patches].symbol = symbol;
        patched[patches++].value = *symbol;
        *symbol = (*value == '+' || *value == '-' ? *symbol : 0) + atoi(value);
    }
}

static void undo_patches(void) {
    while (patches-- > 0)
        *patched[patches].symbol = patched[patches].value;
}

/* ---- Beginning and end ----------------------------------------------------------------------------------------- */

__attribute__((constructor)) static void begin(void) {
    inside = true;
    real_free = dlsym(RTLD_NEXT, "free");
    real_realloc = dlsym(RTLD_NEXT, "realloc");
    real_aligned = dlsym(RTLD_NEXT, "aligned_alloc");
    real_posix_memalign = dlsym(RTLD_NEXT, "posix_memalign");
    real_calloc = dlsym(RTLD_NEXT, "calloc");
    real_malloc = dlsym(RTLD_NEXT, "malloc");
    low = getenv("JSH_LOW") ? strtoul(getenv("JSH_LOW"), NULL, 0) : 1;
    high = getenv("JSH_HIGH") ? strtoul(getenv("JSH_HIGH"), NULL, 0) : 0;
    everything = getenv("JSH_ALL") != NULL;
    again = getenv("JSH_AGAIN") != NULL;
    out_path = getenv("JSH_OUT");
    owner = getpid();
    texts = rsd_sys_memory(TEXTS);
    if (getenv("JSH_PATCH"))
        patch(strdup(getenv("JSH_PATCH")));
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    rsd_js_start();
    clock_gettime(CLOCK_MONOTONIC, &b);
    undo_patches();
    if (getenv("JSH_VERBOSE"))
        fprintf(stderr, "start took %ld us\n", (b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
    inside = false;
    ready = out_path != NULL;
}

__attribute__((destructor)) static void end(void) {
    if (!ready || getpid() != owner)
        return;
    ready = false;
    FILE *out = fopen(out_path, "w");
    for (uint32_t i = 0; out && i < ROWS; i++)
        if (rows[i].times)
            fprintf(out, "%zu\t%lu\t%s\n", rows[i].size, (unsigned long)rows[i].times, rows[i].text);
    const char *why;
    enum rsd_js_trust trust = rsd_js_trusted(&why);
    if (out)
        fprintf(out,
                "#\t%d\t%s\n#kinds\tbuiltin %lu baseline %lu %lu maglev+ %lu %lu unknown %lu\n"
                "#stacks\t%lu frames %lu named %lu unsettled %lu ticks/frame %lu\n#proofs\t%lu lacking a line %lu "
                "wrong %lu\n",
                (int)trust, why, (unsigned long)kinds[0], (unsigned long)kinds[10], (unsigned long)kinds[11],
                (unsigned long)kinds[12], (unsigned long)kinds[13], (unsigned long)kinds[15], (unsigned long)stacks,
                (unsigned long)frames, (unsigned long)named, (unsigned long)unsettled,
                (unsigned long)(frames ? ticks / frames : 0), (unsigned long)proofs_held, (unsigned long)proofs_lacking,
                (unsigned long)proofs_wrong);
    if (out) {
        fputs(differences, out);
        say_strangers(out);
        fclose(out);
    }
}
