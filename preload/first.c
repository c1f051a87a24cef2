/*
 * Whether the program's malloc is our hook.
 *
 * Another library that defines malloc and stands before us in LD_PRELOAD gets the program's calls, and so does an
 * executable that defines it. Some pass them on, to us; others are allocators themselves, and then we never hear of a
 * block. Which of the two it is cannot be seen from outside: so a block is allocated by the name `malloc`, as the
 * program does it, and our own counter says whether the hook was there.
 *
 *     the call comes here                     nothing is said
 *     it does not: an allocator               said once; mappings are recorded, blocks cannot be
 *     it does not: a sanitizer's runtime      said once, and recording stops: it intercepts what we call, and its
 *                                             shadow memory would be taken for the program's
 */
#include "first.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "guard.h"
#include "init.h"
#include "say.h"

#define PROBE_SIZE 24u

static bool is_sanitized(void) {
    static const char *const init[] = {"__asan_init", "__hwasan_init", "__tsan_init", "__msan_init"};
    for (size_t i = 0; i < sizeof init / sizeof *init; i++)
        if (dlsym(RTLD_DEFAULT, init[i]))
            return true;
    return false;
}

/* Both by the name that the program uses, so that they are each other's. */
static bool comes_here(void *(*allocate)(size_t)) {
    void (*release)(void *);
    *(void **)&release = dlsym(RTLD_DEFAULT, "free");
    uint64_t before = rsd_self->writer.counter[RESIDUE_COUNTER_ALLOCS];
    release(allocate(PROBE_SIZE));
    return rsd_self->writer.counter[RESIDUE_COUNTER_ALLOCS] != before;
}

static const char *owner_of(void *(*allocate)(size_t)) {
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)allocate, &info) || !info.dli_fname)
        return "the program";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

void rsd_first_check(void) {
    void *(*allocate)(size_t);
    *(void **)&allocate = dlsym(RTLD_DEFAULT, "malloc");
    if (comes_here(allocate))
        return;
    if (is_sanitized())
        rsd_stop(0, "a program built with a sanitizer cannot be recorded");
    else
        rsd_say("malloc is that of %s, which comes first: its blocks are not recorded (put libresidue.so first)",
                owner_of(allocate));
}
