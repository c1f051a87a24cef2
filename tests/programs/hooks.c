/*
 * Calls every allocation function once with a size that nothing else uses, between two marker blocks.
 *
 * On stdout goes the manifest: what a recorder must have written, line by line and in this order, and nothing besides:
 *     alloc API SIZE ADDRESS        map API SIZE ADDRESS        free API ADDRESS
 * On stderr goes what the program saw: results, errno and usable sizes. That must not depend on being recorded.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuse-after-free" /* the manifest names blocks that are gone */
#endif

#define MARK 424243
#define ERRNO_BEFORE 4711

/* Removed from, or not yet in, this libc: present only if something provides them. */
extern void cfree(void *) __attribute__((weak));
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

static char out_buffer[1 << 16], err_buffer[1 << 16];
static char *volatile keep; /* an allocation whose result is stored here cannot be optimised away */
static void *volatile none; /* gcc makes malloc of realloc(NULL, size) */
static size_t volatile huge = PTRDIFF_MAX;
static int quiet;

/* errno is set before each call; what is left of it belongs to what the program sees. */
static void saw(const char *what, long result) {
    if (!quiet)
        fprintf(stderr, "%s -> %ld, errno %d\n", what, result, errno);
    errno = ERRNO_BEFORE;
}

/* A block came from `api`; what can be used of it is the allocator's business, and must not shrink or seem to. */
static void *made(const char *api, size_t size, void *block) {
    int error = errno;
    printf("alloc %s %zu %p\n", api, size, block);
    errno = error;
    saw(api, malloc_usable_size(block) >= size);
    memset(block, 1, malloc_usable_size(block));
    keep = block;
    return block;
}

static void gone(const char *api, void *block) {
    int error = errno;
    printf("free %s %p\n", api, block);
    errno = error;
    saw(api, 0);
}

static void release(void *block) {
    free(block);
    gone("free", block);
}

static void plain(void) {
    void *block = made("malloc", 10001, malloc(10001));
    release(block);
    release(made("calloc", 101 * 103, calloc(101, 103)));
    release(made("malloc", 0, malloc(0)));
    release(made("malloc", 65535, malloc(65535)));
    release(made("malloc", 65536, malloc(65536)));
    release(made("malloc", 3000001, malloc(3000001)));
    free(NULL);
    saw("free(NULL)", 0);
}

static void aligned(void) {
    void *block = NULL;
    int result = posix_memalign(&block, 256, 10301);
    made("posix_memalign", 10301, block);
    saw("posix_memalign", result + (long)((uintptr_t)block % 256));
    release(block);
    release(made("aligned_alloc", 10368, aligned_alloc(128, 10368)));
    release(made("memalign", 10403, memalign(64, 10403)));
    release(made("valloc", 10405, valloc(10405)));
    release(made("pvalloc", 10407, pvalloc(10407)));
}

static void resized(void) {
    void *old = made("realloc", 10501, realloc(none, 10501));
    void *new = realloc(old, 10503);
    gone("realloc", old);
    made("realloc", 10503, new);
    old = new, new = realloc(old, 200003);
    gone("realloc", old);
    made("realloc", 200003, new);
    old = new, new = reallocarray(old, 107, 109);
    gone("reallocarray", old);
    made("reallocarray", 107 * 109, new);
    keep = realloc(new, 0);
    gone("realloc", new);
    saw("realloc(p, 0)", keep != NULL);
}

static void failures(void) {
    char *block = made("malloc", 10601, malloc(10601));
    saw("malloc(huge)", (keep = malloc(huge)) != NULL);
    saw("calloc overflow", (keep = calloc(huge, 16)) != NULL);
    saw("realloc(huge)", (keep = realloc(block, huge)) != NULL);
    saw("reallocarray overflow", (keep = reallocarray(block, huge, 16)) != NULL);
    saw("aligned_alloc(huge)", (keep = aligned_alloc(64, huge - 63)) != NULL);
    saw("memalign(huge)", (keep = memalign(64, huge)) != NULL);
    saw("valloc(huge)", (keep = valloc(huge)) != NULL);
    saw("pvalloc(huge)", (keep = pvalloc(huge)) != NULL);
    void *untouched = block;
    saw("posix_memalign alignment 24", posix_memalign(&untouched, 24, 10603));
    saw("posix_memalign alignment 0", posix_memalign(&untouched, 0, 10603));
    saw("posix_memalign(huge)", posix_memalign(&untouched, 64, huge));
    saw("posix_memalign left its argument", untouched == block);
    saw("the block that could not be resized is whole", block[0] == 1 && block[10600] == 1);
    release(block);
}

/* A hook that the recorder exports must work even where libc has no such function. Last, and not among what the program
 * sees: there are more of them with the recorder than without. */
static void new_and_old_names(void) {
    quiet = 1;
    if (cfree) {
        void *block = made("malloc", 10701, malloc(10701));
        cfree(block);
        gone("cfree", block);
    }
    if (free_sized) {
        void *block = made("malloc", 10703, malloc(10703));
        free_sized(block, 10703);
        gone("free_sized", block);
    }
    if (free_aligned_sized) {
        void *block = made("aligned_alloc", 10752, aligned_alloc(64, 10752));
        free_aligned_sized(block, 64, 10752);
        gone("free_aligned_sized", block);
    }
}

/* What libc allocates for its caller goes through malloc inside libc: one record, not two and not none. */
static void on_behalf(FILE *in) {
    static char text[20002];
    memset(text, 'a', sizeof text - 1);
    release(made("malloc", 20002, strdup(text)));
    release(made("malloc", 10803, strndup(text, 10802)));
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, in);
    made("malloc", room, line);
    saw("getline", length);
    release(line);
}

static void mapped(const char *api, size_t size, void *at) {
    int error = errno;
    printf("map %s %zu %p\n", api, size, at);
    errno = error;
    saw(api, at == MAP_FAILED);
}

static void mappings(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    char *at = mmap(NULL, 301 * page, PROT_NONE, flags, -1, 0);
    mapped("mmap", 301 * page, at);
    saw("mprotect", mprotect(at, 33 * page, PROT_READ | PROT_WRITE));
    printf("map mprotect %zu %p\n", 33 * page, (void *)at);
    memset(at, 1, 33 * page);
    saw("madvise", madvise(at, 5 * page, MADV_DONTNEED));
    printf("map madvise %zu %p\n", 5 * page, (void *)at);
    saw("madvise", madvise(at + 5 * page, 7 * page, MADV_FREE));
    printf("map madvise %zu %p\n", 7 * page, (void *)(at + 5 * page));
    saw("madvise that gives nothing back", madvise(at, 3 * page, MADV_WILLNEED));
    saw("the page given back is zero, the last one is not", at[0] == 0 && at[33 * page - 1] == 1);
    saw("munmap of a part", munmap(at + 100 * page, 11 * page));
    printf("map munmap %zu %p\n", 11 * page, (void *)(at + 100 * page));

    char *moved = mremap(at, 33 * page, 401 * page, MREMAP_MAYMOVE);
    printf("map munmap %zu %p\n", 33 * page, (void *)at);
    mapped("mremap", 401 * page, moved);
    saw("what was moved is whole", moved[33 * page - 1]);
    saw("munmap", munmap(moved, 401 * page));
    printf("map munmap %zu %p\n", 401 * page, (void *)moved);

    char *wide = mmap64(NULL, 307 * page, PROT_READ | PROT_WRITE, flags, -1, 0);
    mapped("mmap", 307 * page, wide);
    char *fixed = mmap(wide + page, 13 * page, PROT_READ, flags | MAP_FIXED, -1, 0);
    mapped("mmap", 13 * page, fixed);
    saw("mmap of no file", mmap(NULL, page, PROT_READ, MAP_PRIVATE, -1, 0) == MAP_FAILED);
    saw("munmap of no page", munmap(wide + 1, page));
    saw("mremap of nothing", mremap(wide, 307 * page, huge, 0) == MAP_FAILED);
    saw("mprotect of no page", mprotect(wide + 1, page, PROT_READ));
}

/* The break is moved up and down again: glibc's own heap below it is not touched. */
static void the_break(void) {
    char *before = sbrk(0);
    errno = ERRNO_BEFORE;
    saw("sbrk", sbrk(5 * 4096) == before);
    printf("map sbrk %d %p\n", 5 * 4096, (void *)(before + 5 * 4096));
    saw("brk", brk(before + 12 * 4096));
    printf("map brk %d %p\n", 7 * 4096, (void *)(before + 12 * 4096));
    memset(before, 1, 12 * 4096);
    saw("sbrk down", sbrk(-2 * 4096) == before + 12 * 4096);
    printf("map sbrk %d %p\n", 2 * 4096, (void *)(before + 10 * 4096));
    saw("brk down", brk(before));
    printf("map brk %d %p\n", 10 * 4096, (void *)before);
    saw("sbrk(huge)", sbrk((intptr_t)1 << 46) == (void *)-1);
}

int main(void) {
    setvbuf(stdout, out_buffer, _IOFBF, sizeof out_buffer);
    setvbuf(stderr, err_buffer, _IOFBF, sizeof err_buffer);
    int ends[2];
    if (pipe(ends) != 0)
        return 1;
    dprintf(ends[1], "one\ntwo\n");
    FILE *in = fdopen(ends[0], "r");
    if (!in || fgetc(in) != 'o') /* libc makes the stream's buffer now */
        return 1;
    errno = ERRNO_BEFORE;
    saw("an error of the loader that nobody here made", dlerror() != NULL);
    void *mark = malloc(MARK);
    printf("alloc malloc %d %p\n", MARK, mark);
    plain();
    aligned();
    resized();
    failures();
    on_behalf(in);
    mappings();
    the_break();
    new_and_old_names();
    free(mark);
    printf("free free %p\n", mark);
    fflush(stdout);
    fflush(stderr);
    return 0;
}
