/*
 * Copies of V8's embedded builtins.
 *
 * So that generated code reaches them by short calls, V8 keeps its builtins a second time near that code: by mapping the
 * executable again, or by copying them. There they have no symbols; in the executable they have. The copy is true byte for
 * byte, so a return address into it is found again by what stands around it:
 *
 *     original = pc - distance of a copy that is known     if the bytes before both are the same
 *     else the one place in the executable's builtins with these bytes; its distance is known from then on
 *
 * A search runs over one to two megabytes and takes a tenth of a millisecond, so there are SEARCHES at most: each isolate
 * has at most one copy, and what is no copy (generated code that could not be named) finds nothing. The frame from which V8
 * calls JavaScript is such code, and stands in most stacks: bytes that led nowhere are not looked for again (`nowhere`).
 *
 * Entered by all threads when a node is made; a race costs a search.
 */
#include "js/copy.h"

#include <stdatomic.h>
#include <string.h>

#include "js/js.h"

#define COPIES 64u
#define SEARCHES 128u
#define NOWHERE 64u
#define BEFORE 32u /* bytes that must be the same before the return address, */
#define BEHIND 32u /* and behind it, to be found */

static _Atomic uintptr_t distance[COPIES]; /* copy - original; 0: none yet */
static _Atomic uint32_t copies, searches;
static _Atomic uint64_t nowhere[NOWHERE]; /* hashes of bytes that are in no one place, by hash */

static bool is_builtin(uintptr_t pc) {
    return pc - rsd_js_builtins >= BEFORE && pc - rsd_js_builtins < rsd_js_builtins_size - BEHIND;
}

static uintptr_t original_at(uintptr_t pc, const unsigned char *around) {
    uint32_t known = atomic_load_explicit(&copies, memory_order_acquire);
    for (uint32_t i = 0; i < known && i < COPIES; i++) {
        uintptr_t original = pc - atomic_load_explicit(&distance[i], memory_order_relaxed);
        if (is_builtin(original) && memcmp((const void *)(original - BEFORE), around, BEFORE + BEHIND) == 0)
            return original;
    }
    return 0;
}

/* Whole pages are copied: as far into its page as the copy's `around` is, of `pc`. 0: there is no such place, or more than one. */
static uintptr_t search_in_pages(uintptr_t pc, const unsigned char *around) {
    uintptr_t end = rsd_js_builtins + rsd_js_builtins_size - BEHIND, found = 0;
    for (uintptr_t at = rsd_js_builtins + ((pc - rsd_js_builtins) & (RSD_JS_PAGE_SIZE - 1)); at <= end;
         at += RSD_JS_PAGE_SIZE) {
        if (!is_builtin(at) || memcmp((const void *)(at - BEFORE), around, BEFORE + BEHIND) != 0)
            continue;
        if (found)
            return 0;
        found = at;
    }
    return found;
}

/* The same wherever it may be. */
static uintptr_t search_all(const unsigned char *around) {
    const unsigned char *begin = (const unsigned char *)rsd_js_builtins, *end = begin + rsd_js_builtins_size;
    const unsigned char *found = memmem(begin, rsd_js_builtins_size, around, BEFORE + BEHIND);
    if (!found || memmem(found + 1, (size_t)(end - found - 1), around, BEFORE + BEHIND))
        return 0;
    return (uintptr_t)found + BEFORE;
}

/* Never 0. */
static uint64_t hash(const unsigned char *around) {
    uint64_t word[(BEFORE + BEHIND) / 8], h = 0;
    memcpy(word, around, sizeof word);
    for (uint32_t i = 0; i < sizeof word / sizeof *word; i++)
        h = (h ^ h >> 32 ^ word[i]) * 0x9e3779b97f4a7c15u;
    return h | 1;
}

static uintptr_t search(uintptr_t pc, const unsigned char *around) {
    uintptr_t found = search_in_pages(pc, around);
    return found ? found : search_all(around);
}

static void remember(uintptr_t far) {
    uint32_t place = atomic_fetch_add(&copies, 1);
    if (place < COPIES)
        atomic_store_explicit(&distance[place], far, memory_order_release);
}

uintptr_t rsd_js_original(uintptr_t pc) {
    unsigned char around[BEFORE + BEHIND];
    bool generated = rsd_js_may_be(pc) && !is_builtin(pc);
    if (!generated || !rsd_js_read(pc - BEFORE, around, sizeof around))
        return 0;
    uintptr_t original = original_at(pc, around);
    uint64_t bytes = hash(around);
    _Atomic uint64_t *known = &nowhere[(bytes >> 32) % NOWHERE];
    if (original || atomic_load_explicit(&searches, memory_order_relaxed) >= SEARCHES ||
        atomic_load_explicit(known, memory_order_relaxed) == bytes)
        return original;
    atomic_fetch_add(&searches, 1);
    if ((original = search(pc, around)))
        remember(pc - original);
    else
        atomic_store_explicit(known, bytes, memory_order_relaxed);
    return original;
}
