/*
 * The hooks: what the program calls instead of libc.
 *
 * Budget of the hot path: the gate (two loads), the registers of the caller, one call into record.c. Every hook does the
 * real call with the caller's own arguments and hands back its result and errno untouched; whatever is decided here is
 * decided by that result. Failed calls record nothing.
 *
 * This file is compiled with frame pointers: CALLER() reads the caller's registers from our own frame.
 *
 * realloc: freed at the time before the real call, allocated at the time after it, recorded once success is known. A
 * NULL result with size 0 means that the block was freed; a NULL result otherwise that nothing happened.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "caller.h"
#include "guard.h"
#include "helper.h"
#include "init.h"
#include "js/js.h"
#include "modules.h"
#include "moment.h"
#include "origin.h"
#include "real.h"
#include "record.h"
#include "sample.h"
#include "snapshot.h"

#define HOOK __attribute__((visibility("default")))

/* ---- blocks ---- */

#define ALLOCATION(name, api, parameters, arguments, bytes)                                                            \
    HOOK void *name parameters {                                                                                       \
        void *block = rsd_real.name arguments;                                                                         \
        if (rsd_recording() && block && !rsd_sample_passes(bytes))                                                     \
            rsd_record_alloc(block, bytes, RESIDUE_API_##api, CALLER());                                               \
        return block;                                                                                                  \
    }
#define RELEASE(name, api, parameters, arguments)                                                                      \
    HOOK void name parameters {                                                                                        \
        if (__builtin_expect(rsd_is_boot_block(block), 0))                                                             \
            return;                                                                                                    \
        if (rsd_recording() && block && !rsd_sample_passes_free(block))                                                \
            rsd_record_free(block, RESIDUE_API_##api);                                                                 \
        rsd_real.name arguments;                                                                                       \
    }
#define SPECIAL(result, name, parameters, arguments)
#include "hooks.def"

/* A block of the boot arena moves to the real heap the first time it grows. */
__attribute__((cold, noinline)) static void *realloc_boot_block(const void *block, size_t size) {
    void *moved = rsd_real.malloc(size);
    size_t old;
    memcpy(&old, (const char *)block - 16, sizeof old);
    if (moved)
        memcpy(moved, block, old < size ? old : size);
    return moved;
}

static inline __attribute__((always_inline)) void *hook_realloc(void *block, size_t size, enum residue_api api,
                                                                const struct rsd_registers *from) {
    if (__builtin_expect(rsd_is_boot_block(block), 0))
        return realloc_boot_block(block, size);
    uint64_t began = rsd_recording() ? rsd_record_realloc_begin(block) : 0;
    void *moved = rsd_real.realloc(block, size);
    if (began && (moved || (block && size == 0)))
        rsd_record_realloc_end(began, block, moved, size, api, from);
    else if (began && block)
        rsd_record_realloc_failed(began, block);
    return moved;
}

HOOK void *realloc(void *block, size_t size) {
    return hook_realloc(block, size, RESIDUE_API_REALLOC, CALLER());
}

/* libc's own reallocarray calls realloc by its symbol, which would be recorded twice. */
HOOK void *reallocarray(void *block, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return hook_realloc(block, bytes, RESIDUE_API_REALLOCARRAY, CALLER());
}

HOOK int posix_memalign(void **out, size_t alignment, size_t size) {
    int error = rsd_real.posix_memalign(out, alignment, size);
    if (rsd_recording() && error == 0 && *out && !rsd_sample_passes(size))
        rsd_record_alloc(*out, size, RESIDUE_API_POSIX_MEMALIGN, CALLER());
    return error;
}

/* ---- mappings ---- */

static uint64_t to_pages(size_t size) {
    uint64_t page = (uint64_t)rsd_page_size;
    return ((uint64_t)size + page - 1) & ~(page - 1);
}

static void mapped(void *at, size_t size, int prot, int flags, off64_t offset, const struct rsd_registers *from) {
    if (at == MAP_FAILED)
        return;
    rsd_js_memory_comes(at, size, prot, flags, offset);
    if (!rsd_alive())
        return;
    if (prot & PROT_EXEC)
        rsd_code_mapped((uintptr_t)at, size);
    rsd_record_mapping(0, (uintptr_t)at, to_pages(size), RESIDUE_API_MMAP, (uint32_t)prot | (uint32_t)flags << 8, from);
}

static void about_to_map(const void *at, size_t size, int flags) {
    if (flags & MAP_FIXED)
        rsd_js_memory_goes(at, size);
}

HOOK void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
    about_to_map(at, size, flags);
    void *mapping = rsd_real.mmap(at, size, prot, flags, fd, offset);
    mapped(mapping, size, prot, flags, offset, CALLER());
    return mapping;
}

HOOK void *mmap64(void *at, size_t size, int prot, int flags, int fd, off64_t offset) {
    about_to_map(at, size, flags);
    void *mapping = rsd_real.mmap64(at, size, prot, flags, fd, offset);
    mapped(mapping, size, prot, flags, offset, CALLER());
    return mapping;
}

HOOK int munmap(void *at, size_t size) {
    uint64_t began = rsd_alive() ? rsd_record_now() : 0;
    rsd_js_memory_goes(at, size);
    int result = rsd_real.munmap(at, size);
    if (began && result == 0) {
        rsd_record_mapping(began, (uintptr_t)at, to_pages(size), RESIDUE_API_MUNMAP, 0, NULL);
        rsd_code_unmapped((uintptr_t)at, size);
    }
    return result;
}

#define MREMAP_KEEPS_DETAIL 0xffffffffu

/* Declared with `...` for its last argument; callers that leave it out leave a register unset that nobody looks at. */
HOOK void *hook_mremap(void *at, size_t old_size, size_t new_size, int flags, void *to) __asm__("mremap");

void *hook_mremap(void *at, size_t old_size, size_t new_size, int flags, void *to) {
    uint64_t began = rsd_alive() ? rsd_record_now() : 0;
    bool plain = rsd_js_memory_is_plain(at);
    rsd_js_memory_goes(at, old_size);
    void *mapping = rsd_real.mremap(at, old_size, new_size, flags, to);
    if (mapping != MAP_FAILED)
        rsd_js_memory_comes(mapping, new_size, plain ? PROT_READ | PROT_WRITE : PROT_NONE,
                            plain ? MAP_PRIVATE | MAP_ANONYMOUS : 0, 0);
    if (began && mapping != MAP_FAILED) {
        rsd_record_mapping(began, (uintptr_t)at, to_pages(old_size), RESIDUE_API_MUNMAP, 0, NULL);
        rsd_record_mapping(0, (uintptr_t)mapping, to_pages(new_size), RESIDUE_API_MREMAP, MREMAP_KEEPS_DETAIL,
                           CALLER());
    }
    return mapping;
}

/* Only a call that makes memory writable can be the one that a reservation was waiting for: only it gets a stack. */
static void was_protected(void *at, size_t size, int prot, const struct rsd_registers *from) {
    rsd_js_memory_protect_after(at, size, prot);
    if (!rsd_alive())
        return;
    if (prot & PROT_EXEC)
        rsd_code_mapped((uintptr_t)at, size);
    rsd_record_mapping(0, (uintptr_t)at, to_pages(size), RESIDUE_API_MPROTECT, (uint32_t)prot,
                       prot & PROT_WRITE ? from : NULL);
}

HOOK int mprotect(void *at, size_t size, int prot) {
    rsd_js_memory_protect_before(at, size, prot);
    int result = rsd_real.mprotect(at, size, prot);
    if (result == 0)
        was_protected(at, size, prot, CALLER());
    return result;
}

/* V8 uses it for code where the processor has protection keys. */
HOOK int pkey_mprotect(void *at, size_t size, int prot, int key) {
    rsd_js_memory_protect_before(at, size, prot);
    int result = rsd_real.pkey_mprotect(at, size, prot, key);
    if (result == 0)
        was_protected(at, size, prot, CALLER());
    return result;
}

HOOK int madvise(void *at, size_t size, int advice) {
    int result = rsd_real.madvise(at, size, advice);
    if (rsd_alive() && result == 0 && (advice == MADV_DONTNEED || advice == MADV_FREE))
        rsd_record_mapping(0, (uintptr_t)at, to_pages(size), RESIDUE_API_MADVISE, (uint32_t)advice, NULL);
    return result;
}

static void moved_break(uintptr_t from, uintptr_t to, enum residue_api api, const struct rsd_registers *caller) {
    if (from != to)
        rsd_record_mapping(0, to, to > from ? to - from : from - to, api, to > from ? 1 : 2, caller);
}

HOOK int brk(void *end) {
    void *before = rsd_alive() ? rsd_real.sbrk(0) : NULL;
    int result = rsd_real.brk(end);
    if (before && result == 0)
        moved_break((uintptr_t)before, (uintptr_t)end, RESIDUE_API_BRK, CALLER());
    return result;
}

HOOK void *sbrk(intptr_t step) {
    void *before = rsd_real.sbrk(step);
    if (rsd_alive() && before != (void *)-1)
        moved_break((uintptr_t)before, (uintptr_t)before + (uintptr_t)step, RESIDUE_API_SBRK, CALLER());
    return before;
}

/* ---- code and threads ---- */

/* A jump, not a call (a test looks at it): the loader looks at who called dlopen to find the RUNPATH that applies. RTLD_DEEPBIND is taken
 * out, for it would bind the library's malloc past us while its blocks are freed through us. */
HOOK void *dlopen(const char *name, int flags) {
    return rsd_real.dlopen(name, rsd_alive() ? flags & ~RTLD_DEEPBIND : flags);
}

HOOK int dlclose(void *handle) {
    int result = rsd_real.dlclose(handle);
    struct rsd_thread *self = rsd_alive() ? rsd_enter() : NULL;
    if (self) {
        int before = errno;
        rsd_modules_swept(self);
        errno = before;
        rsd_leave(self);
    }
    return result;
}

HOOK int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *), void *argument) {
    void *made = rsd_alive() ? rsd_origin_thread(entry, argument, CALLER()) : NULL;
    int error = rsd_real.pthread_create(thread, attributes, made ? rsd_origin_born : entry, made ? made : argument);
    if (made && error)
        rsd_origin_unmake(made);
    if (rsd_alive() && error == 0)
        rsd_helper_start();
    return error;
}

/* ---- the moment of analysis ---- */

HOOK int pthread_join(pthread_t thread, void **result) {
    if (rsd_alive())
        rsd_moment_check(CALLER());
    return rsd_real.pthread_join(thread, result);
}

HOOK int epoll_wait(int fd, struct epoll_event *events, int room, int timeout) {
    if (timeout == 0 && rsd_alive())
        rsd_moment_check(CALLER());
    rsd_snapshot_look_at_heap();
    return rsd_real.epoll_wait(fd, events, room, timeout);
}

HOOK int epoll_pwait(int fd, struct epoll_event *events, int room, int timeout, const sigset_t *mask) {
    if (timeout == 0 && rsd_alive())
        rsd_moment_check(CALLER());
    rsd_snapshot_look_at_heap();
    return rsd_real.epoll_pwait(fd, events, room, timeout, mask);
}

HOOK __attribute__((noreturn)) void exit(int status) {
    if (rsd_alive()) {
        rsd_moment_check(CALLER());
        rsd_record_barrier(RESIDUE_BARRIER_EXIT, "");
    }
    rsd_real.exit(status);
    __builtin_unreachable();
}
