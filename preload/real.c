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
#include <stdalign.h>
#include <string.h>

#include "init.h"

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
#include "hooks.def"
#undef ALLOCATION
#undef RELEASE
#undef SPECIAL

struct rsd_real rsd_real = {
#define ALLOCATION(name, ...) .name = first_##name,
#define RELEASE(name, ...) .name = first_##name,
#define SPECIAL(result, name, ...) .name = first_##name,
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
