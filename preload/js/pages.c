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
 * The table is a radix tree whose nodes are made on demand and stay. Entered by all threads, from inside hooks,
 * without a lock: nodes are published by compare-and-swap, bytes are atomic.
 */
#include "js/pages.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "js/image.h"
#include "js/js.h"
#include "sys.h"

#define ADDRESS_END ((uintptr_t)1 << RSD_JS_TOP_SHIFT)
#define LEAF_BYTES ((uintptr_t)1 << RSD_JS_LEAF_SHIFT)

bool rsd_js_pages_kept;
struct rsd_js_middle *_Atomic rsd_js_root[1 << (RSD_JS_TOP_SHIFT - RSD_JS_MID_SHIFT)];

/* ---- The tree -------------------------------------------------------------------------------------------------- */

static struct rsd_js_middle *middle_of(uintptr_t address, bool make) {
    struct rsd_js_middle *_Atomic *slot = &rsd_js_root[address >> RSD_JS_MID_SHIFT];
    struct rsd_js_middle *middle = atomic_load_explicit(slot, memory_order_acquire);
    if (middle || !make)
        return middle;
    struct rsd_js_middle *fresh = rsd_sys_memory(sizeof *fresh);
    if (fresh && !atomic_compare_exchange_strong(slot, &middle, fresh)) {
        rsd_sys_unmap(fresh, sizeof *fresh);
        return middle;
    }
    return fresh;
}

static struct rsd_js_leaf *leaf_of(uintptr_t address, bool make) {
    struct rsd_js_middle *middle = middle_of(address, make);
    if (!middle)
        return NULL;
    struct rsd_js_leaf *_Atomic *slot = &middle->leaf[rsd_js_leaf_index(address)];
    struct rsd_js_leaf *leaf = atomic_load_explicit(slot, memory_order_acquire);
    if (leaf || !make)
        return leaf;
    struct rsd_js_leaf *fresh = rsd_sys_memory(sizeof *fresh);
    if (fresh && !atomic_compare_exchange_strong(slot, &leaf, fresh)) {
        rsd_sys_unmap(fresh, sizeof *fresh);
        return leaf;
    }
    return fresh;
}

typedef void change_page(_Atomic uint8_t *page, unsigned bits);

/* Without JavaScript nobody asks, and a program of another kind may map a lot. */
static bool is_wanted(void) {
    return rsd_js_pages_kept;
}

/* `change` every page of [start, start + size). Where nothing was ever said about 16 MiB, only `make` makes a table.
 * */
static void each_page(const void *from, size_t size, bool make, change_page *change, unsigned bits) {
    uintptr_t start = (uintptr_t)from & ~(RSD_JS_PAGE_SIZE - 1);
    uintptr_t end = (uintptr_t)from + size < ADDRESS_END ? (uintptr_t)from + size : ADDRESS_END;
    while (start < end) {
        uintptr_t leaf_end = (start | (LEAF_BYTES - 1)) + 1;
        uintptr_t stop = leaf_end < end ? leaf_end : end;
        struct rsd_js_leaf *leaf = leaf_of(start, make);
        for (uintptr_t at = start; leaf && at < stop; at += RSD_JS_PAGE_SIZE)
            change(&leaf->page[rsd_js_page_index(at)], bits);
        start = stop;
    }
}

static void set(_Atomic uint8_t *page, unsigned bits) {
    atomic_store_explicit(page, (uint8_t)bits, memory_order_release);
}

static void take_readable(_Atomic uint8_t *page, unsigned bits) {
    atomic_fetch_and(page, (uint8_t)~bits);
}

/* What the memory is stays, and once code, always code. */
static void protect(_Atomic uint8_t *page, unsigned bits) {
    unsigned old = atomic_load_explicit(page, memory_order_relaxed);
    if (!(old & RSD_JS_PAGE_FILE))
        set(page, (old & RSD_JS_PAGE_CODE) | bits);
}

static unsigned bits_of(int prot) {
    return (prot & PROT_READ ? RSD_JS_PAGE_READABLE : 0u) | (prot & PROT_EXEC ? RSD_JS_PAGE_CODE : 0u);
}

/* ---- What the hooks tell --------------------------------------------------------------------------------------- */

void rsd_js_memory_goes(const void *start, size_t size) {
    if (is_wanted())
        each_page(start, size, false, set, 0);
}

/* A reservation without rights gets no table, for V8 reserves gigabytes: mprotect makes it when it opens a part. */
void rsd_js_memory_comes(const void *start, size_t size, int prot, int flags, int64_t offset) {
    if (!is_wanted())
        return;
    if (flags & MAP_ANONYMOUS && !(flags & MAP_SHARED))
        each_page(start, size, prot != PROT_NONE, set, bits_of(prot));
    else if (prot & PROT_EXEC && rsd_js_image_holds_builtins((uint64_t)offset, size))
        each_page(start, size, true, set, RSD_JS_PAGE_FILE | RSD_JS_PAGE_BUILTINS);
    else
        each_page(start, size, true, set, RSD_JS_PAGE_FILE);
}

void rsd_js_memory_protect_before(const void *start, size_t size, int prot) {
    if (is_wanted() && !(prot & PROT_READ))
        each_page(start, size, false, take_readable, RSD_JS_PAGE_READABLE);
}

void rsd_js_memory_protect_after(const void *start, size_t size, int prot) {
    if (is_wanted())
        each_page(start, size, prot != PROT_NONE, protect, bits_of(prot));
}

void rsd_js_pages_trust(const void *start, size_t size) {
    each_page(start, size, true, set, RSD_JS_PAGE_FILE | RSD_JS_PAGE_READABLE);
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
