/*
 * Memory for the analyzer.
 *
 * A trace is read on a machine with an operator in front of it. When memory ends there is no state worth saving: say
 * so and leave. That takes the question out of every other file, so none of them tests an allocation.
 *
 * What must not happen is that a damaged trace asks for memory: sizes that stand in a file are checked where they are
 * read (frame.c, read.c), before anything here is called. What a small file may unpack to is more than any machine has;
 * so that it is we who end, and not whatever the kernel picks, large requests are compared with what there is: the
 * machine's memory, the cgroup's, and the limit of the process.
 */
#include "memory.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "residue/cgroup.h"

#define LARGE (1u << 20) /* requests from here on are compared */
#define HUGE_PAGE (2u << 20)

void rsd_no_memory(void) {
    fputs("residue: out of memory: this trace holds more than can be analysed here\n", stderr);
    exit(3);
}

/* ---- How much there is ------------------------------------------------------------------------------------------- */

/* What a file says, a number; `none` when it is not there. */
static uint64_t number_in(const char *path, const char *format, uint64_t none) {
    FILE *file = fopen(path, "re");
    uint64_t number;
    if (!file || fscanf(file, format, &number) != 1)
        number = none;
    if (file)
        fclose(file);
    return number;
}

static long read_file(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "re");
    size_t got = file ? fread(out, 1, size - 1, file) : 0;
    out[got] = '\0';
    if (file)
        fclose(file);
    return (long)got;
}

static uint64_t find_limit(void) {
    struct rlimit space;
    uint64_t limit = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = residue_cgroup_memory_limit(read_file);
    if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur < limit)
        limit = space.rlim_cur;
    return group && group < limit ? group : limit;
}

/* Is there so much more? Asked of large requests only: everything that grows without an end is, or has, an array that
 * doubles. */
static void must_fit(size_t size) {
    static uint64_t limit;
    if (size < LARGE)
        return;
    if (!limit)
        limit = find_limit();
    uint64_t resident = number_in("/proc/self/statm", "%*u %" SCNu64, 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    if (size > limit || resident > limit - size)
        rsd_no_memory();
}

static void *must(void *memory) {
    if (!memory)
        rsd_no_memory();
    return memory;
}

void *rsd_alloc(size_t size) {
    must_fit(size);
    return must(malloc(size ? size : 1));
}

void *rsd_zalloc(size_t count, size_t size) {
    must_fit(count * size);
    return must(calloc(count ? count : 1, size ? size : 1));
}

void *rsd_realloc(void *old, size_t size) {
    must_fit(size);
    return must(realloc(old, size ? size : 1));
}

/* A mapping of its own: `size` is a multiple of HUGE_PAGE, and so is the address. */
static void *map_huge(size_t size) {
    char *room =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED)
        rsd_no_memory();
    size_t before = -(uintptr_t)room % HUGE_PAGE;
    if (before)
        munmap(room, before);
    if (before != HUGE_PAGE)
        munmap(room + before + size, HUGE_PAGE - before);
    madvise(room + before, size, MADV_HUGEPAGE);
    return room + before;
}

static size_t huge_size(size_t size) {
    return (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
}

void *rsd_table(size_t count, size_t size) {
    if (count * size < HUGE_PAGE)
        return rsd_zalloc(count, size);
    must_fit(count * size);
    return map_huge(huge_size(count * size));
}

void rsd_table_free(void *table, size_t count, size_t size) {
    if (count * size < HUGE_PAGE)
        free(table);
    else
        munmap(table, huge_size(count * size));
}

char *rsd_strndup(const char *text, size_t size) {
    return must(strndup(text, size));
}

char *rsd_strdup(const char *text) {
    return must(strdup(text));
}

char *rsd_format(const char *format, ...) {
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    return must(text);
}

void *rsd_room(void *array, size_t count, size_t *capacity, size_t element) {
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 8;
    must_fit(*capacity * element);
    return must(reallocarray(array, *capacity, element));
}
