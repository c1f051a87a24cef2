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
#define RSD_JS_REGION_SHIFT 18 /* 256 KiB: what V8 maps at a time, each at an address of its own */
#define RSD_JS_REGION_PAGES (1u << (RSD_JS_REGION_SHIFT - RSD_JS_PAGE_SHIFT))
#define RSD_JS_BUCKETS_SHIFT 13

struct rsd_js_region {
    _Atomic uintptr_t number;                              /* address >> RSD_JS_REGION_SHIFT; 0: describes none now */
    _Alignas(8) _Atomic uint8_t page[RSD_JS_REGION_PAGES]; /* changed by eights where all eight are */
    _Atomic uint32_t next;                                 /* of the same bucket; 0: the last */
};

/* Is the table kept up to date? From the constructor on, if at all. */
extern bool rsd_js_pages_kept;

extern struct rsd_js_region *_Atomic rsd_js_regions; /* the first is none */
extern _Atomic uint32_t rsd_js_bucket[1u << RSD_JS_BUCKETS_SHIFT];

static inline size_t rsd_js_bucket_of(uintptr_t number) {
    return (number * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - RSD_JS_BUCKETS_SHIFT);
}

/* Changes when a page may have ceased to be readable: as long as it is the same, what could be loaded can be. Never 0. */
extern _Atomic uint32_t rsd_js_pages_taken;

/* What describes the region of `address` now, and may describe another later. NULL: nothing is known. */
static inline const struct rsd_js_region *rsd_js_region(uintptr_t address) {
    uintptr_t number = address >> RSD_JS_REGION_SHIFT;
    uint32_t at = atomic_load_explicit(&rsd_js_bucket[rsd_js_bucket_of(number)], memory_order_acquire);
    while (at) {
        const struct rsd_js_region *region = atomic_load_explicit(&rsd_js_regions, memory_order_relaxed) + at;
        if (atomic_load_explicit(&region->number, memory_order_acquire) == number)
            return number ? region : NULL;
        at = atomic_load_explicit(&region->next, memory_order_relaxed);
    }
    return NULL;
}

/* What `region` says of the page of `address`, if it still describes that: enum rsd_js_page, or 0. */
static inline unsigned rsd_js_page_in(const struct rsd_js_region *region, uintptr_t address) {
    unsigned bits = atomic_load_explicit(&region->page[address >> RSD_JS_PAGE_SHIFT & (RSD_JS_REGION_PAGES - 1)],
                                         memory_order_acquire);
    bool still = atomic_load_explicit(&region->number, memory_order_relaxed) == address >> RSD_JS_REGION_SHIFT;
    return __builtin_expect(still, 1) ? bits : 0;
}

/* What is known about the page of `address`: enum rsd_js_page, or 0. */
static inline unsigned rsd_js_page(uintptr_t address) {
    const struct rsd_js_region *region = rsd_js_region(address);
    return region ? rsd_js_page_in(region, address) : 0;
}

/* In a child made by fork(): whoever was changing the table is not there. */
void rsd_js_pages_after_fork(void);

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
