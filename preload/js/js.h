/*
 * Whose JavaScript? The names of V8's frames, read from V8's own objects: no V8 flag, nothing written, the program
 * unchanged. The hooks and the stacks know only what is declared here.
 *
 *     start            once, in the constructor
 *     memory_*         from the hooks of mmap, munmap, mremap, mprotect: always, also when nothing is recorded
 *     may_be           a test of a few instructions: can this pc be JavaScript?
 *     begin, frame     once a stack, then for each frame of it that may be
 *     holds            one load and compare per word: is a frame of the stack before still the same?
 *
 * Nothing here allocates by malloc, takes a lock, or loads from memory that is not known to be mapped, also in the
 * middle of a garbage collection. errno is left alone.
 */
#ifndef RSD_JS_H
#define RSD_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "js/pages.h"
#include "unwind/again.h"
#include "unwind/unwind.h"

/* ---- Process --------------------------------------------------------------------------------------------------- */

/* How much is trusted. It may fall while the program runs, and rise to lines in a build that was not tested. */
enum rsd_js_trust { RSD_JS_NOTHING = 0, RSD_JS_NAMES = 1, RSD_JS_LINES = 2 };

/* Find the layout of V8's objects in the running executable and decide what is trusted. */
void rsd_js_start(void);

/* Is this a V8 that was tested, so that names and lines can be counted on from the start? */
bool rsd_js_known(void);

/* What is trusted now. `why` (may be NULL) becomes a sentence for the trace. */
enum rsd_js_trust rsd_js_trusted(const char **why);

/* ---- What the hooks tell (pages.c) ----------------------------------------------------------------------------- */

/* Before munmap, before mremap with its old range, and before mmap with MAP_FIXED. */
void rsd_js_memory_goes(const void *start, size_t size);

/* After mmap, with its arguments. After mremap: PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS if the old start
 * was rsd_js_memory_is_plain() before, else 0. */
void rsd_js_memory_comes(const void *start, size_t size, int prot, int flags, int64_t offset);

/* Before mprotect or pkey_mprotect, and after it has succeeded. */
void rsd_js_memory_protect_before(const void *start, size_t size, int prot);
void rsd_js_memory_protect_after(const void *start, size_t size, int prot);

static inline bool rsd_js_memory_is_plain(const void *start) {
    return (rsd_js_page((uintptr_t)start) & (RSD_JS_PAGE_READABLE | RSD_JS_PAGE_FILE)) == RSD_JS_PAGE_READABLE;
}

/* ---- Thread ---------------------------------------------------------------------------------------------------- */

#define RSD_JS_NAME_SIZE 256u
#define RSD_JS_FILE_SIZE 1024u
#define RSD_JS_INLINED 16u /* JavaScript frames that one frame of optimised code is taken apart into, at most */
#define RSD_JS_WORDS 3u

/* A function that was met for the first time. `id` counts from 1 in the order of these calls. */
struct rsd_js_function {
    uint32_t id;
    uint32_t line, column; /* where it starts, from 1; 0: not known */
    bool builtin;          /* V8's own: it has no file */
    uint32_t name_size, file_size;
    const char *name, *file; /* not zero-terminated */
};

/* Write it down. False: that failed, and the function stays unnamed. */
typedef bool rsd_js_write(void *context, const struct rsd_js_function *function);

struct rsd_js_place {
    uint32_t function;     /* id */
    uint32_t line, column; /* of the call, from 1; 0: not known */
};

/* What a frame's answer depends on, beside its pc: words of the stack, and the word that makes the function on the stack
 * one of that source: another may have come to lie at its address. One line of the cache: a stack has up to twenty. */
struct rsd_js_proof {
    uint16_t frame; /* the caller's to set: which one of the stack's it is of */
    bool settled;   /* false: met in the middle of a collection; it does not hold, whatever the words are */
    uint8_t words;
    int8_t offset[RSD_JS_WORDS]; /* of these from `fp`, in words; the function's is the first */
    uintptr_t fp;
    uintptr_t value[RSD_JS_WORDS];
    const struct rsd_js_region *region; /* of the memory at `shared_at`; NULL: not a function's frame */
    uintptr_t shared_at;
    uintptr_t shared;
};
_Static_assert(sizeof(struct rsd_js_proof) == 64, "one line");

struct rsd_js_answer {
    uint32_t count; /* 0: no JavaScript (a stub, an entry, an exit), or nothing that could be named */
    struct rsd_js_proof proof;
    /* Outermost first: the function itself, then what was inlined into it. */
    struct rsd_js_place place[RSD_JS_INLINED + 1];
};

struct rsd_js; /* one writer's state */

/* Bytes of zeroed memory, aligned to 64, for one writer. */
size_t rsd_js_size(void);

/* Make it, once per writer: ids live as long as it. */
void rsd_js_init(struct rsd_js *js, rsd_js_write *write, void *context);

/* The writer passes to another thread: forget everything that is known by address. Ids stay. */
void rsd_js_hand_over(struct rsd_js *js);

/* A new stack. */
void rsd_js_begin(struct rsd_js *js);

/* Could a frame with this pc be JavaScript? */
static inline bool rsd_js_may_be(uintptr_t pc);

/* Name a frame that may be. The words from `frame->sp` to `frame->fp` must be readable. */
void rsd_js_frame(struct rsd_js *js, const struct rsd_registers *frame, struct rsd_js_answer *answer);

static inline const volatile uintptr_t *rsd_js_proven(const struct rsd_js_proof *proof, uint32_t word) {
    return (const volatile uintptr_t *)proof->fp + proof->offset[word];
}

/* Is the answer for a frame at the same place of the stack with the same pc still right? Most have one word or none, and where
 * the page is described has been looked up. */
static inline bool rsd_js_holds(const struct rsd_js_proof *proof) {
    for (uint32_t i = 0; i < proof->words; i++)
        if (__builtin_expect(*rsd_js_proven(proof, i) != proof->value[i], 0))
            return false;
    if (__builtin_expect(!proof->settled, 0))
        return false;
    return !proof->region || ((rsd_js_page_in(proof->region, proof->shared_at) & RSD_JS_PAGE_READABLE) &&
                              *(const volatile uintptr_t *)proof->shared_at == proof->shared);
}

/* The same as words at addresses: as long as these are what they were, and rsd_js_pages_taken is what it was before
 * rsd_js_holds() said yes, it would say yes again. Returns how many; first those of the stack, then that of V8's heap. The
 * latter may be read only if all of the former are what they were: then the function is where it was, and its page is not
 * another thread's to unmap. */
static inline uint32_t rsd_js_words_on_stack(const struct rsd_js_proof *proof, struct rsd_word *out) {
    for (uint32_t i = 0; i < proof->words; i++)
        out[i] = (struct rsd_word){(uintptr_t)rsd_js_proven(proof, i), proof->value[i]};
    return proof->words;
}
static inline uint32_t rsd_js_words_in_heap(const struct rsd_js_proof *proof, struct rsd_word *out) {
    if (!proof->region)
        return 0;
    *out = (struct rsd_word){proof->shared_at, proof->shared};
    return 1;
}

/* An answer does not hold any more. Is it right again with the function that is there now, another one made from the same
 * source, as closures are? Then the proof is of that one. After rsd_js_begin(). */
bool rsd_js_renew(struct rsd_js *js, struct rsd_js_proof *proof);

extern uintptr_t rsd_js_builtins, rsd_js_builtins_size; /* the embedded builtins; size 0: nothing is trusted */

static inline bool rsd_js_may_be(uintptr_t pc) {
    if (pc - rsd_js_builtins < rsd_js_builtins_size)
        return true;
    return rsd_js_builtins_size && rsd_js_page(pc) & (RSD_JS_PAGE_CODE | RSD_JS_PAGE_BUILTINS);
}

#endif
