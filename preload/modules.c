/*
 * Modules: found when a stack first leads through them.
 *
 * _dl_find_object (glibc 2.35) says without a lock which object lies at an address and hands out its link map; from
 * there come the path and the load address, and from the program headers in memory the build-id. dl_iterate_phdr would
 * take the loader's lock, and a hook that waits for it while another thread sits in dlopen is a deadlock that every
 * tracer of this kind has had once.
 *
 * A module is recorded in the log of the thread that met it, before the node that names it. Ids are unique in the trace.
 *
 * dlclose: when it has returned, every known module is looked up again; what is no longer there is recorded as gone, its
 * unwind rules are purged and a new epoch of addresses begins (stacks.c).
 *
 * Code that is no module's (V8's, another JIT's) is known by its envelope only: the lowest and the highest address that
 * was ever made executable through a hook. An munmap inside of it purges rules; one outside costs two compares.
 *
 * Lock: `adding`, a spin lock held while an entry is made or marked, by a thread that is busy (guard.h), so that no
 * signal handler can wait for its own thread. Readers take none: entries are published by `known` and only ever
 * marked gone.
 */
#include "modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "addon.h"
#include "init.h"
#include "sys.h"
#include "thread.h"

#define MODULES 4096u
#define BUILD_ID_MAX 64u

struct module {
    uintptr_t start;
    uintptr_t end;
    const struct link_map *map;
    _Atomic bool gone;
};

/* Weak: on an older libc the preload still loads, and frames stay without a module. */
extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

static struct module module[MODULES];
static _Atomic uint32_t known; /* [0, known) are valid; the id of module[i] is i + 1 */
static atomic_flag adding = ATOMIC_FLAG_INIT;

static void lock(void) {
    while (atomic_flag_test_and_set_explicit(&adding, memory_order_acquire))
        rsd_sys_yield();
}

static void unlock(void) {
    atomic_flag_clear_explicit(&adding, memory_order_release);
}

static bool is(const struct module *m, const struct dl_find_object *found) {
    return m->start == (uintptr_t)found->dlfo_map_start && m->map == found->dlfo_link_map &&
           !atomic_load_explicit(&m->gone, memory_order_relaxed);
}

static uint32_t find(const struct dl_find_object *found) {
    uint32_t count = atomic_load_explicit(&known, memory_order_acquire);
    for (uint32_t i = count; i-- > 0;)
        if (is(&module[i], found))
            return i + 1;
    return 0;
}

/* ---- what stands in the module itself ---- */

static const ElfW(Nhdr) * find_build_id(const char *note, size_t size) {
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= size;) {
        const ElfW(Nhdr) *head = (const void *)(note + at);
        if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == 4 && memcmp(head + 1, "GNU", 4) == 0)
            return head;
        at += sizeof *head + ((head->n_namesz + 3) & ~3u) + ((head->n_descsz + 3) & ~3u);
    }
    return NULL;
}

/* The first page of the file is mapped at the module's start, or there is no ELF header there and no build-id. */
static size_t read_build_id(const struct dl_find_object *found, unsigned char *out) {
    const ElfW(Ehdr) *elf = found->dlfo_map_start;
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
        return 0;
    const ElfW(Phdr) *segment = (const void *)((const char *)elf + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        if (segment[i].p_type != PT_NOTE)
            continue;
        const char *note = (const char *)(found->dlfo_link_map->l_addr + segment[i].p_vaddr);
        const ElfW(Nhdr) *id = find_build_id(note, segment[i].p_memsz);
        if (id && id->n_descsz <= BUILD_ID_MAX) {
            memcpy(out, (const char *)(id + 1) + 4, id->n_descsz);
            return id->n_descsz;
        }
    }
    return 0;
}

/* The executable's link map has no name; a relative name is relative to where the program was started. */
static size_t read_path(const struct dl_find_object *found, char *out, size_t size) {
    const char *name = found->dlfo_link_map->l_name;
    if (!name || !*name) {
        long length = rsd_sys_readlink("/proc/self/exe", out, size);
        return length < 0 ? 0 : (size_t)length;
    }
    char directory[RSD_PATH_SIZE] = "";
    bool relative = *name != '/' && strchr(name, '/');
    if (relative)
        rsd_sys_getcwd(directory, sizeof directory);
    int length = snprintf(out, size, "%s%s%s", directory, relative ? "/" : "", name);
    return (size_t)length < size ? (size_t)length : size - 1;
}

static bool record(struct rsd_thread *thread, uint32_t id, const struct dl_find_object *found) {
    char path[RSD_PATH_SIZE];
    unsigned char build_id[BUILD_ID_MAX];
    size_t path_size = read_path(found, path, sizeof path);
    size_t build_id_size = read_build_id(found, build_id);
    struct residue_module record = {
        .head.tag = RESIDUE_TAG_MODULE,
        .id = id,
        .build_id_size = (uint16_t)build_id_size,
        .path_size = (uint16_t)path_size,
        .start = (uintptr_t)found->dlfo_map_start,
        .end = (uintptr_t)found->dlfo_map_end,
        .bias = found->dlfo_link_map->l_addr,
    };
    return rsd_writer_tagged(&thread->writer, &record.head, sizeof record, build_id, build_id_size, path, path_size);
}

__attribute__((cold, noinline)) static uint32_t add(struct rsd_thread *thread, const struct dl_find_object *found) {
    lock();
    uint32_t id = find(found);
    uint32_t count = atomic_load_explicit(&known, memory_order_relaxed);
    if (id == 0 && count < MODULES && record(thread, count + 1, found)) {
        struct module *m = &module[count];
        m->start = (uintptr_t)found->dlfo_map_start;
        m->end = (uintptr_t)found->dlfo_map_end;
        m->map = found->dlfo_link_map;
        id = count + 1;
        atomic_store_explicit(&known, id, memory_order_release);
    }
    unlock();
    rsd_addon_watch(found->dlfo_link_map);
    return id;
}

/* Most frames are the executable's, which is never unloaded: where it lies, once it has a number. */
static _Atomic uint32_t executable;
static uintptr_t executable_start, executable_size;
static atomic_flag noted = ATOMIC_FLAG_INIT;

static void note_executable(const struct dl_find_object *found, uint32_t id) {
    const char *name = found->dlfo_link_map->l_name;
    if (!id || (name && *name) || atomic_flag_test_and_set(&noted))
        return;
    executable_start = (uintptr_t)found->dlfo_map_start;
    executable_size = (uintptr_t)found->dlfo_map_end - executable_start;
    atomic_store_explicit(&executable, id, memory_order_release);
}

uint32_t rsd_module_at(struct rsd_thread *thread, uintptr_t pc) {
    struct dl_find_object found;
    uint32_t id = atomic_load_explicit(&executable, memory_order_acquire);
    if (id && pc - 1 - executable_start < executable_size)
        return id;
    if (!_dl_find_object || _dl_find_object((void *)(pc - 1), &found) != 0)
        return 0;
    if (!(id = find(&found)))
        note_executable(&found, id = add(thread, &found));
    return id;
}

/* Set by the linker. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

bool rsd_module_is_ours(uintptr_t pc) {
    return pc - (uintptr_t)__ehdr_start < (uintptr_t)_end - (uintptr_t)__ehdr_start;
}

/* Numbers of the parent's trace: in the child's they are given anew. */
void rsd_modules_after_fork(void) {
    memset(module, 0, atomic_load(&known) * sizeof *module);
    atomic_store(&known, 0);
    atomic_store(&executable, 0);
    atomic_flag_clear(&noted);
    unlock();
}

/* ---- after dlclose ---- */

static bool still_there(const struct module *m) {
    struct dl_find_object found;
    return _dl_find_object((void *)m->start, &found) == 0 && is(m, &found);
}

static void bury(struct rsd_thread *thread, uint32_t index) {
    struct residue_module_gone record = {.head.tag = RESIDUE_TAG_MODULE_GONE, .id = index + 1};
    atomic_store_explicit(&module[index].gone, true, memory_order_relaxed);
    rsd_writer_tagged(&thread->writer, &record.head, sizeof record, "", 0, "", 0);
    rsd_unwind_forget(module[index].start, module[index].end);
}

void rsd_modules_swept(struct rsd_thread *thread) {
    if (!_dl_find_object)
        return;
    bool any = false;
    lock();
    uint32_t count = atomic_load_explicit(&known, memory_order_relaxed);
    for (uint32_t i = 0; i < count; i++)
        if (!atomic_load_explicit(&module[i].gone, memory_order_relaxed) && !still_there(&module[i])) {
            bury(thread, i);
            any = true;
        }
    unlock();
    if (any)
        rsd_stacks_new_epoch();
}

/* ---- executable memory that is no module ---- */

static _Atomic uintptr_t code_start = UINTPTR_MAX;
static _Atomic uintptr_t code_end;

void rsd_code_mapped(uintptr_t start, size_t size) {
    uintptr_t low = atomic_load(&code_start), high = atomic_load(&code_end);
    while (start < low && !atomic_compare_exchange_weak(&code_start, &low, start))
        continue;
    while (start + size > high && !atomic_compare_exchange_weak(&code_end, &high, start + size))
        continue;
}

void rsd_code_unmapped(uintptr_t start, size_t size) {
    if (start < atomic_load_explicit(&code_end, memory_order_relaxed) &&
        start + size > atomic_load_explicit(&code_start, memory_order_relaxed))
        rsd_unwind_forget(start, start + size);
}
