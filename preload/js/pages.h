/*
 * What may be read. See pages.c.
 */
#ifndef RSD_JS_PAGES_H
#define RSD_JS_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rsd_js_page {
    RSD_JS_PAGE_READABLE = 1, /* a plain load is safe */
    RSD_JS_PAGE_CODE = 2,     /* is or was executable, and written at run time */
    RSD_JS_PAGE_BUILTINS = 4, /* a copy of V8's embedded builtins, mapped from the executable a second time */
    RSD_JS_PAGE_FILE = 8,     /* of a file, or shared: mprotect does not make it safe */
};

#define RSD_JS_PAGE_SHIFT 12
#define RSD_JS_PAGE_SIZE ((uintptr_t)1 << RSD_JS_PAGE_SHIFT)
#define RSD_JS_LEAF_SHIFT 24 /* a leaf describes 16 MiB, */
#define RSD_JS_MID_SHIFT 35  /* a middle table 32 GiB, */
#define RSD_JS_TOP_SHIFT 47  /* and the root what a process can address */

struct rsd_js_leaf {
    _Atomic uint8_t page[1 << (RSD_JS_LEAF_SHIFT - RSD_JS_PAGE_SHIFT)];
};

struct rsd_js_middle {
    struct rsd_js_leaf *_Atomic leaf[1 << (RSD_JS_MID_SHIFT - RSD_JS_LEAF_SHIFT)];
};

/* Is the table kept up to date? From the constructor on, if at all. */
extern bool rsd_js_pages_kept;

extern struct rsd_js_middle *_Atomic rsd_js_root[1 << (RSD_JS_TOP_SHIFT - RSD_JS_MID_SHIFT)];

static inline size_t rsd_js_leaf_index(uintptr_t address) {
    return address >> RSD_JS_LEAF_SHIFT & ((1u << (RSD_JS_MID_SHIFT - RSD_JS_LEAF_SHIFT)) - 1);
}

static inline size_t rsd_js_page_index(uintptr_t address) {
    return address >> RSD_JS_PAGE_SHIFT & ((1u << (RSD_JS_LEAF_SHIFT - RSD_JS_PAGE_SHIFT)) - 1);
}

/* Where it stands what is known about the page of `address`; it stays there. NULL: nothing ever was. */
static inline const _Atomic uint8_t *rsd_js_page_entry(uintptr_t address) {
    if (address >> RSD_JS_TOP_SHIFT)
        return NULL;
    struct rsd_js_middle *middle =
        atomic_load_explicit(&rsd_js_root[address >> RSD_JS_MID_SHIFT], memory_order_acquire);
    if (!middle)
        return NULL;
    struct rsd_js_leaf *leaf = atomic_load_explicit(&middle->leaf[rsd_js_leaf_index(address)], memory_order_acquire);
    return leaf ? &leaf->page[rsd_js_page_index(address)] : NULL;
}

/* What is known about the page of `address`: enum rsd_js_page, or 0. */
static inline unsigned rsd_js_page(uintptr_t address) {
    const _Atomic uint8_t *entry = rsd_js_page_entry(address);
    return entry ? atomic_load_explicit(entry, memory_order_acquire) : 0;
}

/* Memory that was there before any hook and stays: the executable's segments. */
void rsd_js_pages_trust(const void *start, size_t size);

/* May all of [address, address + size) be loaded from? */
bool rsd_js_range_is_readable(uintptr_t address, size_t size);

/* Copy `size` bytes out of the program's memory. False, and nothing promised about `out`, when they cannot be read.
 * */
bool rsd_js_read(uintptr_t address, void *out, size_t size);

/* The same by a system call: for pages of which nothing is known. */
bool rsd_js_read_slowly(uintptr_t address, void *out, size_t size);

/* `size` bytes at `address`, in place where loads are safe, else copied to `copy`; NULL when they cannot be read. */
const void *rsd_js_view(uintptr_t address, size_t size, void *copy);

/* A word, or 0 when it cannot be read: 0 is no object, no type and no length, so that callers need no second path. */
static inline uintptr_t rsd_js_word(uintptr_t address) {
    uintptr_t word = 0;
    if (__builtin_expect(rsd_js_page(address) & RSD_JS_PAGE_READABLE && !(address & 7), 1))
        return *(const volatile uintptr_t *)address;
    return rsd_js_read_slowly(address, &word, sizeof word) ? word : 0;
}

static inline uint32_t rsd_js_word32(uintptr_t address) {
    uint32_t word = 0;
    if (__builtin_expect(rsd_js_page(address) & RSD_JS_PAGE_READABLE && !(address & 3), 1))
        return *(const volatile uint32_t *)address;
    return rsd_js_read_slowly(address, &word, sizeof word) ? word : 0;
}

#endif
