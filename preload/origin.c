/*
 * Origins.
 *
 * An addon allocates on libuv's pool, where no JavaScript is on the stack: it has queued work there, from JavaScript.
 * The stack that made the work is taken when it is made, and becomes the root of all stacks of the thread that does it,
 * for as long as it does:
 *
 *     napi_create_async_work, uv_queue_work     the stack; our functions instead of the addon's
 *     execute                                   on a pool thread: the thread's origin is that stack
 *     complete                                  the addon's, with the addon's data
 *     napi_delete_async_work                    the record of the work is free again
 *
 * These functions are the executable's own, and its definition wins over a preload's. So the addon's global offset table
 * is patched, when a stack first leads through the addon: that is while node loads it, for to register a function
 * allocates. RELRO pages are opened for the moment of the store.
 *
 * A record is 48 bytes in a table of fixed size; work beyond that has no origin. Records are found by the handle of the
 * work, in chains by hash. The lock is ours alone, and is held for a few instructions; work is not made in signal handlers.
 */
#include "origin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "arch/x86_64.h"
#include "caller.h"
#include "guard.h"
#include "init.h"
#include "stacks.h"
#include "sys.h"

#define WORKS 16384u
#define CHAINS 4096u

typedef void execute_t(void *env, void *data);
typedef void complete_t(void *env, int status, void *data);
typedef void uv_work_t(void *request);
typedef void uv_after_t(void *request, int status);

struct work {
    const void *handle; /* napi_async_work, or uv_work_t */
    union {
        execute_t *execute;
        uv_work_t *uv_work;
    };
    union {
        complete_t *complete;
        uv_after_t *uv_after;
    };
    void *data;
    struct rsd_origin origin;
    uint32_t next; /* in its chain, or of the free ones; place + 1, 0: none */
};

static struct {
    int (*create)(void *env, void *resource, void *name, execute_t *, complete_t *, void *data, void **result);
    int (*delete)(void *env, void *work);
    int (*uv_queue)(void *loop, void *request, uv_work_t *, uv_after_t *);
} real;

static struct work *works; /* WORKS; NULL: nothing is watched */
static uint32_t chain[CHAINS];
static uint32_t unused, used;
static atomic_flag busy = ATOMIC_FLAG_INIT;

/* ---- records ---- */

/* In a child made by raw clone the lock may be that of a thread that is not there; but there is no other thread either. */
static void lock(void) {
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        if (rsd_sys_pid() != rsd_trace.pid)
            return;
        rsd_sys_yield();
    }
}

static void unlock(void) {
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

static uint32_t *chain_of(const void *handle) {
    return &chain[((uintptr_t)handle >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}
_Static_assert(CHAINS == 1u << 12, "the hash gives twelve bits");

static struct work *take(void) {
    lock();
    uint32_t place = unused;
    if (place)
        unused = works[place - 1].next;
    else if (used < WORKS)
        place = ++used;
    unlock();
    return place ? &works[place - 1] : NULL;
}

static void give_back(struct work *work) {
    lock();
    work->next = unused;
    unused = (uint32_t)(work - works) + 1;
    unlock();
}

static void publish(struct work *work, const void *handle) {
    work->handle = handle;
    lock();
    uint32_t *first = chain_of(handle);
    work->next = *first;
    *first = (uint32_t)(work - works) + 1;
    unlock();
}

/* Out of its chain; NULL: not one of ours. */
static struct work *retract(const void *handle) {
    struct work *found = NULL;
    lock();
    for (uint32_t *link = chain_of(handle); *link; link = &works[*link - 1].next)
        if (works[*link - 1].handle == handle) {
            found = &works[*link - 1];
            *link = found->next;
            break;
        }
    unlock();
    return found;
}

static struct work *find(const void *handle) {
    struct work *found = NULL;
    lock();
    for (uint32_t at = *chain_of(handle); at && !found; at = works[at - 1].next)
        found = works[at - 1].handle == handle ? &works[at - 1] : NULL;
    unlock();
    return found;
}

/* ---- origins ---- */

/* The calling thread's stack; node 0 if it is not recorded. */
static struct rsd_origin origin_at(const struct rsd_registers *from, enum residue_origin_kind kind) {
    struct rsd_origin origin = {.kind = kind};
    int before = errno;
    struct rsd_thread *self = rsd_recording() ? rsd_enter() : NULL;
    if (self) {
        origin.node = rsd_stack_node(self, from);
        origin.writer = self->writer.number;
        rsd_leave(self);
    }
    errno = before;
    return origin;
}

/* From here on the calling thread works for `origin`. Returns for whom it did before. */
static struct rsd_origin begin(const struct rsd_origin *origin) {
    struct rsd_origin outer = {0};
    int before = errno;
    struct rsd_thread *self = rsd_recording() ? rsd_enter() : NULL;
    if (self) {
        outer = self->origin;
        self->origin = *origin;
        rsd_leave(self);
    }
    errno = before;
    return outer;
}

/* ---- instead of the addon's functions ---- */

static void execute(void *env, void *data) {
    const struct work *work = data;
    struct rsd_origin outer = begin(&work->origin);
    work->execute(env, work->data);
    begin(&outer);
}

/* The addon may delete the work from inside its own. */
static void complete(void *env, int status, void *data) {
    const struct work *work = data;
    work->complete(env, status, work->data);
}

static void uv_work(void *request) {
    const struct work *found = find(request);
    if (!found)
        return;
    struct work work = *found;
    struct rsd_origin outer = begin(&work.origin);
    work.uv_work(request);
    begin(&outer);
}

static void uv_after(void *request, int status) {
    struct work *work = retract(request);
    if (!work)
        return;
    uv_after_t *after = work->uv_after;
    give_back(work);
    if (after)
        after(request, status);
}

/* ---- instead of the executable's functions ---- */

static int create_async_work(void *env, void *resource, void *name, execute_t *addon_execute,
                             complete_t *addon_complete, void *data, void **result) {
    struct work *work = rsd_recording() && addon_execute && result ? take() : NULL;
    if (!work)
        return real.create(env, resource, name, addon_execute, addon_complete, data, result);
    work->origin = origin_at(CALLER(), RESIDUE_ORIGIN_ASYNC_WORK);
    work->execute = addon_execute;
    work->complete = addon_complete;
    work->data = data;
    int status = real.create(env, resource, name, execute, addon_complete ? complete : NULL, work, result);
    if (status == 0)
        publish(work, *result);
    else
        give_back(work);
    return status;
}

static int delete_async_work(void *env, void *handle) {
    struct work *work = retract(handle);
    int status = real.delete(env, handle);
    if (work && status == 0)
        give_back(work);
    else if (work)
        publish(work, handle);
    return status;
}

static int queue_uv_work(void *loop, void *request, uv_work_t *addon_work, uv_after_t *addon_after) {
    struct work *work = rsd_recording() && addon_work ? take() : NULL;
    if (!work)
        return real.uv_queue(loop, request, addon_work, addon_after);
    work->origin = origin_at(CALLER(), RESIDUE_ORIGIN_UV_WORK);
    work->uv_work = addon_work;
    work->uv_after = addon_after;
    publish(work, request);
    int status = real.uv_queue(loop, request, uv_work, uv_after);
    if (status != 0 && (work = retract(request)) != NULL)
        give_back(work);
    return status;
}

void rsd_origin_start(void) {
    *(void **)&real.create = dlsym(RTLD_DEFAULT, "napi_create_async_work");
    *(void **)&real.delete = dlsym(RTLD_DEFAULT, "napi_delete_async_work");
    *(void **)&real.uv_queue = dlsym(RTLD_DEFAULT, "uv_queue_work");
    if (real.create && real.delete &&real.uv_queue)
        works = rsd_sys_memory(WORKS * sizeof *works);
}

/* The records stay, for the addon's functions are called through them; the stacks are the parent's. */
void rsd_origin_after_fork(void) {
    for (uint32_t i = 0; i < used; i++)
        works[i].origin = (struct rsd_origin){0};
    unlock();
}

/* ---- the global offset table ---- */

static void *instead_of(const char *name) {
    if (!strcmp(name, "napi_create_async_work"))
        return create_async_work;
    if (!strcmp(name, "napi_delete_async_work"))
        return delete_async_work;
    return strcmp(name, "uv_queue_work") == 0 ? queue_uv_work : NULL;
}

/* What the dynamic section of a module says. Addresses there are relocated already (glibc). */
struct dynamic {
    const ElfW(Sym) * symbol;
    const char *name;
    const ElfW(Rela) * relocation[2]; /* lazy, or at once */
    size_t size[2];                   /* bytes */
};

static struct dynamic read_dynamic(const struct link_map *map) {
    struct dynamic dynamic = {0};
    for (const ElfW(Dyn) *entry = map->l_ld; entry->d_tag != DT_NULL; entry++) {
        const void *at = (const void *)entry->d_un.d_ptr;
        switch (entry->d_tag) {
        case DT_SYMTAB:
            dynamic.symbol = at;
            break;
        case DT_STRTAB:
            dynamic.name = at;
            break;
        case DT_JMPREL:
            dynamic.relocation[0] = at;
            break;
        case DT_PLTRELSZ:
            dynamic.size[0] = entry->d_un.d_val;
            break;
        case DT_RELA:
            dynamic.relocation[1] = at;
            break;
        case DT_RELASZ:
            dynamic.size[1] = entry->d_un.d_val;
            break;
        default:
            break;
        }
    }
    return dynamic;
}

/* The pages that the loader has made read-only after it had relocated them. */
static bool is_relro(const struct link_map *map, uintptr_t at) {
    struct dl_find_object found;
    if (_dl_find_object(map->l_ld, &found) != 0)
        return false;
    const ElfW(Ehdr) *elf = found.dlfo_map_start;
    const ElfW(Phdr) *segment = (const void *)((const char *)elf + elf->e_phoff);
    for (unsigned i = 0; i < elf->e_phnum; i++)
        if (segment[i].p_type == PT_GNU_RELRO && at - map->l_addr - segment[i].p_vaddr < segment[i].p_memsz)
            return true;
    return false;
}

static void store(const struct link_map *map, uintptr_t slot, void *target) {
    uintptr_t page = slot & ~(rsd_page_size - 1);
    bool relro = is_relro(map, slot);
    if (relro && RSD_SYSCALL(mprotect, page, rsd_page_size, PROT_READ | PROT_WRITE, 0, 0, 0) < 0)
        return;
    __atomic_store_n((uintptr_t *)slot, (uintptr_t)target, __ATOMIC_RELEASE);
    if (relro)
        RSD_SYSCALL(mprotect, page, rsd_page_size, PROT_READ, 0, 0, 0);
}

void rsd_origin_watch(const struct link_map *map) {
    if (!works || !map->l_name || !*map->l_name)
        return;
    struct dynamic dynamic = read_dynamic(map);
    if (!dynamic.symbol || !dynamic.name)
        return;
    for (unsigned table = 0; table < 2; table++)
        for (size_t i = 0; dynamic.relocation[table] && i < dynamic.size[table] / sizeof(ElfW(Rela)); i++) {
            const ElfW(Rela) *relocation = &dynamic.relocation[table][i];
            unsigned type = ELF64_R_TYPE(relocation->r_info);
            if (type != RSD_RELOCATION_LAZY && type != RSD_RELOCATION_AT_ONCE)
                continue;
            const ElfW(Sym) *symbol = &dynamic.symbol[ELF64_R_SYM(relocation->r_info)];
            void *target = symbol->st_shndx == SHN_UNDEF ? instead_of(dynamic.name + symbol->st_name) : NULL;
            if (target)
                store(map, map->l_addr + relocation->r_offset, target);
        }
}
