/*
 * Whether the program's malloc is our hook.
 *
 * Another library that defines malloc and stands before us in LD_PRELOAD gets the program's calls, and so does an
 * executable that defines it. Some pass them on, to us; others are allocators themselves, and then we never hear of a
 * block. Which of the two it is cannot be seen from outside: so a block is allocated by the name `malloc`, as the
 * program does it, and our own counter says whether the hook was there, or that of the bytes up to the next sample.
 *
 *     the call comes here                     nothing is said
 *     it does not: an allocator               said once; mappings are recorded, blocks cannot be
 *
 * While recording is off our counter says nothing: the question waits for the first start.
 *
 * A program that is built with a sanitizer is refused from the start: its runtime intercepts what we call, and what it maps
 * would be taken for the program's.
 */
#include "first.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "guard.h"
#include "init.h"
#include "sample.h"
#include "say.h"

#define PROBE_SIZE 24u

/* The loader has looked for them when it loaded us. */
extern void __asan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));

bool rsd_first_is_sanitizer(void) {
    return __asan_init || __hwasan_init || __tsan_init || __msan_init;
}

/* Both by the name that the program uses, so that they are each other's. */
static bool comes_here(void *(*allocate)(size_t)) {
    void (*release)(void *);
    *(void **)&release = dlsym(RTLD_DEFAULT, "free");
    uint64_t before = rsd_self->writer.counter[RESIDUE_COUNTER_ALLOCS];
    int64_t left = rsd_sampler.left;
    release(allocate(PROBE_SIZE));
    return rsd_self->writer.counter[RESIDUE_COUNTER_ALLOCS] != before || rsd_sampler.left != left;
}

/* In a program that was linked to lie at a fixed address malloc is, for everybody, a jump of its own to wherever it is. */
static const char *owner_of(void *(*allocate)(size_t)) {
    Dl_info info;
    const ElfW(Sym) *symbol = NULL;
    if (!dladdr1((void *)(uintptr_t)allocate, &info, (void **)&symbol, RTLD_DL_SYMENT) || !info.dli_fname)
        return "the program";
    if (symbol && symbol->st_shndx == SHN_UNDEF)
        return "another library";
    const char *slash = strrchr(info.dli_fname, '/');
    return slash ? slash + 1 : info.dli_fname;
}

void rsd_first_check(void) {
    static atomic_flag checked = ATOMIC_FLAG_INIT;
    void *(*allocate)(size_t);
    if (!rsd_recording() || atomic_flag_test_and_set(&checked))
        return;
    *(void **)&allocate = dlsym(RTLD_DEFAULT, "malloc");
    if (comes_here(allocate))
        return;
    rsd_say("malloc is that of %s, which comes first: its blocks are not recorded (put libresidue.so first)",
            owner_of(allocate));
}
