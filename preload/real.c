/*
 * Finding the real functions without recursion.
 *
 * The table starts out full of functions that call rsd_start() and then the real thing, so the hot path has no test for
 * "resolved yet?". While dlsym is at work it may itself call calloc (glibc does, for its error state): the table then
 * leads to a small arena in this file, whose blocks are never freed and are recognised by address.
 *
 * A function that the program's libc does not have (cfree in new glibc, free_sized in old) falls back on free, which
 * does the same.
 *
 * Threads: this happens inside the first allocation of the process, long before there is a second thread.
 */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "init.h"
#include "sys.h"

/* ---- before anything is resolved ---- */

#define ALLOCATION(name, api, parameters, arguments, bytes)                                                            \
    static void *first_##name parameters {                                                                             \
        rsd_start();                                                                                                   \
        return rsd_real.name arguments;                                                                                \
    }
#define RELEASE(name, api, parameters, arguments)                                                                      \
    static void first_##name parameters {                                                                              \
        rsd_start();                                                                                                   \
        rsd_real.name arguments;                                                                                       \
    }
#define SPECIAL(result, name, parameters, arguments)                                                                   \
    static result first_##name parameters {                                                                            \
        rsd_start();                                                                                                   \
        return rsd_real.name arguments;                                                                                \
    }
#define MAPPING(...)
#include "hooks.def"
#undef ALLOCATION
#undef RELEASE
#undef SPECIAL

/* Another allocator, preloaded before us, maps its first memory while it holds its locks, and dlsym would come back to it
 * for memory. So mappings start nothing and look up nothing. */

static long to_errno(long result) {
    if (!rsd_sys_failed((void *)(intptr_t)result))
        return result;
    errno = (int)-result;
    return -1;
}

static void *early_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    return (void *)to_errno(RSD_SYSCALL(mmap, at, size, prot, flags, fd, offset));
}

static void *early_mmap64(void *at, size_t size, int prot, int flags, int fd, off64_t offset) {
    return early_mmap(at, size, prot, flags, fd, offset);
}

static int early_munmap(void *at, size_t size) {
    return (int)to_errno(RSD_SYSCALL(munmap, at, size, 0, 0, 0, 0));
}

static void *early_mremap(void *at, size_t old_size, size_t new_size, int flags, void *to) {
    return (void *)to_errno(RSD_SYSCALL(mremap, at, old_size, new_size, flags, to, 0));
}

static int early_mprotect(void *at, size_t size, int prot) {
    return (int)to_errno(RSD_SYSCALL(mprotect, at, size, prot, 0, 0, 0));
}

static int early_pkey_mprotect(void *at, size_t size, int prot, int key) {
    return (int)to_errno(RSD_SYSCALL(pkey_mprotect, at, size, prot, key, 0, 0));
}

static int early_madvise(void *at, size_t size, int advice) {
    return (int)to_errno(RSD_SYSCALL(madvise, at, size, advice, 0, 0, 0));
}

/* glibc's own name for it: the break is a variable of libc's as well. */
extern void *__sbrk(intptr_t step);

static void *early_sbrk(intptr_t step) {
    return __sbrk(step);
}

static int early_brk(void *end) {
    return __sbrk((char *)end - (char *)__sbrk(0)) == (void *)-1 ? -1 : 0;
}

struct rsd_real rsd_real = {
#define ALLOCATION(name, ...) .name = first_##name,
#define RELEASE(name, ...) .name = first_##name,
#define SPECIAL(result, name, ...) .name = first_##name,
#define MAPPING(result, name, ...) .name = early_##name,
#include "hooks.def"
#undef ALLOCATION
#undef RELEASE
#undef SPECIAL
};

/* ---- while they are being resolved ---- */

alignas(64) unsigned char rsd_boot_memory[RSD_BOOT_SIZE];
static size_t boot_used;

/* Each block is preceded by its size, for realloc. */
static void *boot_malloc(size_t size) {
    size_t room = 16 + ((size + 15) & ~(size_t)15);
    if (size > RSD_BOOT_SIZE || room > RSD_BOOT_SIZE - boot_used)
        return NULL;
    unsigned char *block = rsd_boot_memory + boot_used + 16;
    memcpy(block - 16, &size, sizeof size);
    boot_used += room;
    return block;
}

static void *boot_calloc(size_t count, size_t size) {
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : boot_malloc(bytes);
}

static void *boot_realloc(void *block, size_t size) {
    void *moved = boot_malloc(size);
    if (moved && block) {
        size_t old;
        memcpy(&old, (unsigned char *)block - 16, sizeof old);
        memcpy(moved, block, old < size ? old : size);
    }
    return moved;
}

static void boot_free(void *block) {
    (void)block;
}

/* ---- the real ones ---- */

static void fall_back_on_free(struct rsd_real *real) {
    if (!real->cfree)
        real->cfree = real->free;
    if (!real->free_sized)
        real->free_sized = (void (*)(void *, size_t))(void (*)(void))real->free;
    if (!real->free_aligned_sized)
        real->free_aligned_sized = (void (*)(void *, size_t, size_t))(void (*)(void))real->free;
}

void rsd_forget_loader_error(void) {
    dlerror();
    dlerror();
}

void rsd_real_resolve(void) {
    rsd_real.malloc = boot_malloc;
    rsd_real.calloc = boot_calloc;
    rsd_real.realloc = boot_realloc;
    rsd_real.free = boot_free;
    struct rsd_real found;
#define LOOK_UP(name) *(void **)&found.name = dlsym(RTLD_NEXT, #name);
#define ALLOCATION(name, ...) LOOK_UP(name)
#define RELEASE(name, ...) LOOK_UP(name)
#define SPECIAL(result, name, ...) LOOK_UP(name)
#include "hooks.def"
#undef ALLOCATION
#undef RELEASE
#undef SPECIAL
    rsd_forget_loader_error();
    fall_back_on_free(&found);
    rsd_real = found;
}
