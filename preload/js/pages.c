/*
 * Which memory may be read by a plain load.
 *
 * A frame's words lead into V8's heap, and while the collector moves objects about some of them are stale. A load is
 * safe only where a page is known to be mapped and readable. The kernel could be asked for every word, but that costs
 * microseconds; so one byte per page says what the program last asked for, kept up to date by the hooks of mmap,
 * munmap, mremap and mprotect, through which V8 maps its heaps after this library was loaded.
 *
 *     readable(page)   =>   the page is mapped and readable until a hook says otherwise
 *
 * To keep this true across threads, what takes away is told before the real call and what gives is told after it.
 *
 * Only private anonymous memory that the program mapped itself, and the executable, are ever called readable. Libc
 * maps and unmaps memory of its own without passing through a hook (stacks, large blocks, libraries), and a file may
 * be cut short. All of that is read by process_vm_readv on ourselves, which fails where a load would crash: a source
 * text that node keeps in a malloc block is read so. /proc/self/maps is not asked: what it says of libc's mappings
 * may be untrue before it is read to the end. Where process_vm_readv is forbidden there are fewer names.
 *
 * A page keeps its code bit while V8 makes it writable: code pages toggle.
 *
 * Whoever loads from the same places again and again need not ask each time: a number changes whenever any page ceases to be
 * readable (`taken`). That is a few dozen times a second.
 *
 * The table is a hash table of regions of 256 KiB. V8 maps each page of its heap at a random address, and unmaps it again,
 * dozens of times a second under load: a region of which nothing is known any more is used again for another of the same
 * bucket. It stays in its bucket, so a reader that comes by finds the way to the end; and it looks at the region's number
 * again when it has read a page:
 *
 *     to be used again:   pages = 0; number = 0; ...; number = the new one; pages        (each store a release)
 *     read:               number, page, number: the same both times => the page is of that region
 *
 * MOST regions describe 64 GiB; of what is mapped beyond nothing is known.
 *
 * Entered by all threads, from inside hooks. Reading takes no lock. What changes the table takes turns by a word that says
 * whose turn it is: a signal handler that maps memory, come in the middle of a change by its own thread, goes ahead. It may
 * make a second region of one number; so what goes is taken from all. A child made by fork finds the table whole at
 * every store.
 */
#include "js/pages.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "js/image.h"
#include "js/js.h"
#include "sys.h"

#define ADDRESS_END ((uintptr_t)1 << 47)
#define REGION_BYTES ((uintptr_t)1 << RSD_JS_REGION_SHIFT)
#define MOST (1u << 18)
#define LAST (MOST - 1)
#define TRIES 10000u
#define CLAIMED UINTPTR_MAX /* the number of a region for the instant between two that it describes */

bool rsd_js_pages_kept;
struct rsd_js_region *_Atomic rsd_js_regions;
_Atomic uint32_t rsd_js_bucket[1u << RSD_JS_BUCKETS_SHIFT];
_Atomic uint32_t rsd_js_pages_taken = 1;
static _Atomic uint32_t used; /* regions that are in a bucket */
static _Atomic bool overflowed;

/* ---- Whose turn it is ------------------------------------------------------------------------------------------- */

static _Atomic uintptr_t turn; /* a thread's pointer; 0: nobody's */

/* True: to be given back. */
static bool take_turn(void) {
    uintptr_t self = rsd_cpu_thread_pointer();
    for (unsigned i = 0; i < TRIES; i++) {
        uintptr_t nobody = 0;
        if (atomic_compare_exchange_weak(&turn, &nobody, self))
            return true;
        if (nobody == self)
            return false;
        rsd_sys_yield();
    }
    return false;
}

static void give_turn(bool taken) {
    if (taken)
        atomic_store_explicit(&turn, 0, memory_order_release);
}

void rsd_js_pages_after_fork(void) {
    atomic_store(&turn, 0);
}

/* ---- Regions ---------------------------------------------------------------------------------------------------- */

static struct rsd_js_region *region_at(uint32_t at) {
    return atomic_load_explicit(&rsd_js_regions, memory_order_relaxed) + at;
}

/* One of that number in what follows `at` in its bucket; 0: there is none. */
static uint32_t find_from(uint32_t at, uintptr_t number) {
    while (at && atomic_load_explicit(&region_at(at)->number, memory_order_relaxed) != number)
        at = atomic_load_explicit(&region_at(at)->next, memory_order_relaxed);
    return at;
}

static uint32_t new_region(_Atomic uint32_t *bucket) {
    if (!atomic_load_explicit(&rsd_js_regions, memory_order_relaxed))
        atomic_store_explicit(&rsd_js_regions, rsd_sys_memory(MOST * sizeof *rsd_js_regions), memory_order_release);
    uint32_t at = atomic_load(&used), next = atomic_load_explicit(bucket, memory_order_relaxed);
    if (!atomic_load_explicit(&rsd_js_regions, memory_order_relaxed) || at >= LAST ||
        (at = atomic_fetch_add(&used, 1) + 1) > LAST) {
        atomic_store(&overflowed, true);
        return 0;
    }
    do
        atomic_store_explicit(&region_at(at)->next, next, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(bucket, &next, at));
    return at;
}

/* Let a region that describes none describe this one. */
static bool claim(struct rsd_js_region *region, uintptr_t number) {
    uintptr_t none = 0;
    if (!atomic_compare_exchange_strong(&region->number, &none, CLAIMED))
        return false;
    for (unsigned i = 0; i < RSD_JS_REGION_PAGES; i++)
        atomic_store_explicit(&region->page[i], 0, memory_order_relaxed);
    atomic_store_explicit(&region->number, number, memory_order_release);
    return true;
}

/* The region of that number, made if there was none. NULL: there is no room for it. */
static struct rsd_js_region *make_region(uintptr_t number) {
    _Atomic uint32_t *bucket = &rsd_js_bucket[rsd_js_bucket_of(number)];
    uint32_t at = find_from(atomic_load_explicit(bucket, memory_order_relaxed), number);
    while (!at) {
        uint32_t empty = find_from(atomic_load_explicit(bucket, memory_order_relaxed), 0);
        if (!empty && !(empty = new_region(bucket)))
            return NULL;
        at = claim(region_at(empty), number) ? empty : 0;
    }
    return region_at(at);
}

static void release_if_empty(struct rsd_js_region *region) {
    for (unsigned i = 0; i < RSD_JS_REGION_PAGES; i++)
        if (atomic_load_explicit(&region->page[i], memory_order_relaxed))
            return;
    atomic_store_explicit(&region->number, 0, memory_order_release);
}

/* What happens to a page, and to eight of them, of which each has its bits. V8 opens half a gigabyte for code at once. */
struct change {
    void (*page)(_Atomic uint8_t *page, unsigned bits);
    void (*eight)(_Atomic uint64_t *pages, uint64_t bits);
};

#define EACH UINT64_C(0x0101010101010101)

static void set_page(_Atomic uint8_t *page, unsigned bits) {
    atomic_store_explicit(page, (uint8_t)bits, memory_order_release);
}

static void set_eight(_Atomic uint64_t *pages, uint64_t bits) {
    atomic_store_explicit(pages, bits, memory_order_release);
}

static const struct change set = {set_page, set_eight};

static void take_page(_Atomic uint8_t *page, unsigned bits) {
    atomic_fetch_and(page, (uint8_t)~bits);
}

static void take_eight(_Atomic uint64_t *pages, uint64_t bits) {
    atomic_fetch_and(pages, ~bits);
}

static const struct change take_readable = {take_page, take_eight};

/* What the memory is stays, and once code, always code. */
static void protect_page(_Atomic uint8_t *page, unsigned bits) {
    unsigned old = atomic_load_explicit(page, memory_order_relaxed);
    if (!(old & RSD_JS_PAGE_FILE))
        set_page(page, (old & RSD_JS_PAGE_CODE) | bits);
}

static void protect_eight(_Atomic uint64_t *pages, uint64_t bits) {
    uint64_t old = atomic_load_explicit(pages, memory_order_relaxed);
    uint64_t kept = (old & EACH * RSD_JS_PAGE_FILE) / RSD_JS_PAGE_FILE * 0xff; /* all bits of a file's pages */
    set_eight(pages, (old & kept) | (((old & EACH * RSD_JS_PAGE_CODE) | bits) & ~kept));
}

static const struct change protect = {protect_page, protect_eight};

/* Without JavaScript nobody asks, and a program of another kind may map a lot. */
static bool is_wanted(void) {
    return rsd_js_pages_kept;
}

struct range {
    uintptr_t start, end; /* whole pages */
    const struct change *change;
    unsigned bits;
};

/* In so far as it lies in the region of that number. */
static void change_region(struct rsd_js_region *region, uintptr_t number, const struct range *r) {
    uintptr_t from = number << RSD_JS_REGION_SHIFT, to = from + REGION_BYTES;
    from = from > r->start ? from : r->start;
    to = to < r->end ? to : r->end;
    while (from < to) {
        _Atomic uint8_t *page = &region->page[from >> RSD_JS_PAGE_SHIFT & (RSD_JS_REGION_PAGES - 1)];
        bool eight = (uintptr_t)page % 8 == 0 && to - from >= 8 * RSD_JS_PAGE_SIZE;
        if (eight)
            r->change->eight((_Atomic uint64_t *)page, r->bits * EACH);
        else
            r->change->page(page, r->bits);
        from += (eight ? 8 : 1) * RSD_JS_PAGE_SIZE;
    }
    if (!r->bits)
        release_if_empty(region);
}

static void change_made(const struct range *r) {
    uintptr_t first = r->start >> RSD_JS_REGION_SHIFT, last = (r->end - 1) >> RSD_JS_REGION_SHIFT;
    struct rsd_js_region *region;
    for (uintptr_t number = first ? first : 1; number <= last && (region = make_region(number)); number++)
        change_region(region, number, r);
}

/* A range may be longer than all that is known: then it is what is known that is looked through. */
static void change_known(const struct range *r) {
    uintptr_t first = r->start >> RSD_JS_REGION_SHIFT, last = (r->end - 1) >> RSD_JS_REGION_SHIFT;
    uint32_t most = atomic_load(&used) < LAST ? atomic_load(&used) : LAST;
    if (last - first >= most) {
        for (uint32_t at = 1; at <= most; at++) {
            uintptr_t number = atomic_load_explicit(&region_at(at)->number, memory_order_relaxed);
            if (number && number >= first && number <= last)
                change_region(region_at(at), number, r);
        }
        return;
    }
    for (uintptr_t number = first ? first : 1; number <= last; number++) {
        uint32_t at = atomic_load_explicit(&rsd_js_bucket[rsd_js_bucket_of(number)], memory_order_relaxed);
        for (; (at = find_from(at, number)); at = atomic_load_explicit(&region_at(at)->next, memory_order_relaxed))
            change_region(region_at(at), number, r);
    }
}

/* After the pages were changed, so that whoever sees the new number sees them; and before the real call. */
static void note_taken(void) {
    if (atomic_fetch_add_explicit(&rsd_js_pages_taken, 1, memory_order_release) == UINT32_MAX)
        atomic_fetch_add_explicit(&rsd_js_pages_taken, 1, memory_order_release);
}

/* `change` every page of [from, from + size). Where nothing is known, only `make` makes a region. */
static void each_page(const void *from, size_t size, bool make, const struct change *change, unsigned bits) {
    uintptr_t start = (uintptr_t)from & ~(RSD_JS_PAGE_SIZE - 1);
    uintptr_t end = (uintptr_t)from + size < ADDRESS_END ? (uintptr_t)from + size : ADDRESS_END;
    if (start >= end)
        return;
    const struct range range = {start, end, change, bits};
    bool taken = take_turn();
    if (make)
        change_made(&range);
    else
        change_known(&range);
    if (change == &take_readable || !(bits & RSD_JS_PAGE_READABLE))
        note_taken();
    give_turn(taken);
}

static unsigned bits_of(int prot) {
    return (prot & PROT_READ ? RSD_JS_PAGE_READABLE : 0u) | (prot & PROT_EXEC ? RSD_JS_PAGE_CODE : 0u);
}

/* ---- What the hooks tell --------------------------------------------------------------------------------------- */

void rsd_js_memory_goes(const void *start, size_t size) {
    if (is_wanted())
        each_page(start, size, false, &set, 0);
}

/* A reservation without rights gets no regions, for V8 reserves gigabytes: mprotect makes them when it opens a part. But
 * when a file may have got none, it makes none. */
void rsd_js_memory_comes(const void *start, size_t size, int prot, int flags, int64_t offset) {
    if (!is_wanted())
        return;
    if (flags & MAP_ANONYMOUS && !(flags & MAP_SHARED))
        each_page(start, size, prot != PROT_NONE, &set, bits_of(prot));
    else if (prot & PROT_EXEC && rsd_js_image_holds_builtins((uint64_t)offset, size))
        each_page(start, size, true, &set, RSD_JS_PAGE_FILE | RSD_JS_PAGE_BUILTINS);
    else
        each_page(start, size, true, &set, RSD_JS_PAGE_FILE);
}

void rsd_js_memory_protect_before(const void *start, size_t size, int prot) {
    if (is_wanted() && !(prot & PROT_READ))
        each_page(start, size, false, &take_readable, RSD_JS_PAGE_READABLE);
}

void rsd_js_memory_protect_after(const void *start, size_t size, int prot) {
    if (is_wanted())
        each_page(start, size, prot != PROT_NONE && !atomic_load(&overflowed), &protect, bits_of(prot));
}

void rsd_js_pages_trust(const void *start, size_t size) {
    each_page(start, size, true, &set, RSD_JS_PAGE_FILE | RSD_JS_PAGE_READABLE);
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

bool rsd_js_range_is_readable(uintptr_t address, size_t size) {
    if (address >= ADDRESS_END || size > ADDRESS_END - address) /* a word that is no address: the sum may be 0 */
        return false;
    for (uintptr_t at = address & ~(RSD_JS_PAGE_SIZE - 1); at < address + size; at += RSD_JS_PAGE_SIZE)
        if (!(rsd_js_page(at) & RSD_JS_PAGE_READABLE))
            return false;
    return true;
}

__attribute__((cold, noinline)) bool rsd_js_read_slowly(uintptr_t address, void *out, size_t size) {
    struct iovec into = {out, size}, from = {(void *)address, size};
    if (address < RSD_JS_PAGE_SIZE || address > ADDRESS_END - size)
        return false;
    return RSD_SYSCALL(process_vm_readv, rsd_sys_pid(), &into, 1, &from, 1, 0) == (long)size;
}

bool rsd_js_read(uintptr_t address, void *out, size_t size) {
    if (!rsd_js_range_is_readable(address, size))
        return rsd_js_read_slowly(address, out, size);
    memcpy(out, (const void *)address, size);
    return true;
}

const void *rsd_js_view(uintptr_t address, size_t size, void *copy) {
    if (rsd_js_range_is_readable(address, size))
        return (const void *)address;
    return rsd_js_read_slowly(address, copy, size) ? copy : NULL;
}
