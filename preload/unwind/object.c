/*
 * The ELF object that an address of code belongs to: its unwind table, and the names behind its GOT.
 *
 * _dl_find_object takes no lock, which is the whole point: dl_iterate_phdr waits for a dlopen in another thread,
 * which may be waiting for us. It exists since glibc 2.35 and is referenced weakly; before that the ELF header that
 * the table of code (maps.c) leads to says the same.
 *
 * An object can be unmapped only while no frame is in it, and what is asked here is asked for a frame's code. An
 * address that came from a guess may lie; then _dl_find_object does not know it, or it does and the object is there.
 */
#define _GNU_SOURCE 1
#include "object.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "../arch/x86_64.h"
#include "maps.h"

/* ---- by the ELF header in memory ---- */

static bool is_elf(const ElfW(Ehdr) * header) {
    return !memcmp(header->e_ident, ELFMAG, SELFMAG) && header->e_phentsize == sizeof(ElfW(Phdr)) &&
           header->e_phoff + header->e_phnum * sizeof(ElfW(Phdr)) <= RSD_PAGE;
}

static uintptr_t bias_of(const ElfW(Ehdr) * header, const ElfW(Phdr) * segment) {
    for (unsigned i = 0; i < header->e_phnum; i++)
        if (segment[i].p_type == PT_LOAD && !segment[i].p_offset)
            return (uintptr_t)header - segment[i].p_vaddr;
    return 0;
}

bool rsd_object_find_in_maps(uintptr_t pc, struct rsd_object *object) {
    struct rsd_code code;
    if (!rsd_maps_learn(pc, &code) || !code.base || !(code.flags & RSD_CODE_READABLE))
        return false;
    const ElfW(Ehdr) *header = (const void *)code.base;
    if (!is_elf(header))
        return false;
    const ElfW(Phdr) *segment = (const void *)(code.base + header->e_phoff);
    *object = (struct rsd_object){.start = code.base, .bias = bias_of(header, segment)};
    for (unsigned i = 0; i < header->e_phnum; i++) {
        uintptr_t address = object->bias + segment[i].p_vaddr;
        if (segment[i].p_type == PT_LOAD && address + segment[i].p_memsz > object->end)
            object->end = address + segment[i].p_memsz;
        else if (segment[i].p_type == PT_GNU_EH_FRAME)
            object->eh_frame_hdr = (const void *)address;
        else if (segment[i].p_type == PT_DYNAMIC)
            object->dynamic = (const void *)address;
    }
    return pc >= object->start && pc < object->end;
}

/* ---- by the loader ---- */

#ifdef DLFO_EH_SEGMENT_TYPE
#pragma weak _dl_find_object

/* Of an object whose segments do not touch, the loader names the one segment only: then the header says more. */
static void widen(uintptr_t pc, struct rsd_object *object) {
    struct rsd_object whole;
    if (!rsd_object_find_in_maps(pc, &whole) || whole.start > object->start || whole.end < object->end)
        return;
    object->start = whole.start;
    object->end = whole.end;
}

/* Most code that is asked about is the executable's, which is never unloaded: what is said of it is kept. */
static struct {
    uintptr_t start, size; /* where the loader says so */
    struct rsd_object object;
} executable;
enum { UNKNOWN, TAKEN, KNOWN };
static int executable_is = UNKNOWN;

static void keep_executable(const struct dl_find_object *found, const struct rsd_object *object) {
    const struct link_map *map = found->dlfo_link_map;
    int unknown = UNKNOWN;
    if (!map || (map->l_name && *map->l_name) ||
        !__atomic_compare_exchange_n(&executable_is, &unknown, TAKEN, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    executable.start = (uintptr_t)found->dlfo_map_start;
    executable.size = (uintptr_t)found->dlfo_map_end - executable.start;
    executable.object = *object;
    __atomic_store_n(&executable_is, KNOWN, __ATOMIC_RELEASE);
}

bool rsd_object_find(uintptr_t pc, struct rsd_object *object) {
    struct dl_find_object found;
    if (__atomic_load_n(&executable_is, __ATOMIC_ACQUIRE) == KNOWN && pc - executable.start < executable.size) {
        *object = executable.object;
        return true;
    }
    if (!_dl_find_object)
        return rsd_object_find_in_maps(pc, object);
    if (_dl_find_object((void *)pc, &found))
        return false;
    object->start = (uintptr_t)found.dlfo_map_start;
    object->end = (uintptr_t)found.dlfo_map_end;
    object->eh_frame_hdr = found.dlfo_eh_frame;
    object->bias = found.dlfo_link_map ? found.dlfo_link_map->l_addr : 0;
    object->dynamic = found.dlfo_link_map ? found.dlfo_link_map->l_ld : NULL;
    widen(pc, object);
    keep_executable(&found, object);
    return true;
}
#else
bool rsd_object_find(uintptr_t pc, struct rsd_object *object) {
    return rsd_object_find_in_maps(pc, object);
}
#endif

/* ---- names behind the GOT ---- */

/* Do `size` bytes at `at` lie in the object? The loader has used these tables; what it never looked at may say anything. */
static bool inside(const struct rsd_object *object, uintptr_t at, size_t size) {
    return at >= object->start && at <= object->end && size <= object->end - at;
}

struct dynamic {
    uintptr_t symbols, strings;
    struct {
        uintptr_t table;
        size_t count;
        size_t relative; /* so many at the front have no symbol */
    } relocations[2];    /* of the PLT; of the rest */
};

/* The loader rewrites most of these to addresses, but not in the vdso, and not under every libc. */
static uintptr_t pointer(const struct rsd_object *object, uintptr_t value) {
    return value < object->start ? value + object->bias : value;
}

static void read_dynamic(const struct rsd_object *object, struct dynamic *dynamic) {
    *dynamic = (struct dynamic){0};
    for (const ElfW(Dyn) *entry = object->dynamic;
         inside(object, (uintptr_t)entry, sizeof *entry) && entry->d_tag != DT_NULL; entry++) {
        uintptr_t value = entry->d_un.d_val;
        switch (entry->d_tag) {
        case DT_SYMTAB:
            dynamic->symbols = pointer(object, value);
            break;
        case DT_STRTAB:
            dynamic->strings = pointer(object, value);
            break;
        case DT_JMPREL:
            dynamic->relocations[0].table = pointer(object, value);
            break;
        case DT_PLTRELSZ:
            dynamic->relocations[0].count = value / sizeof(ElfW(Rela));
            break;
        case DT_RELA:
            dynamic->relocations[1].table = pointer(object, value);
            break;
        case DT_RELASZ:
            dynamic->relocations[1].count = value / sizeof(ElfW(Rela));
            break;
        case DT_RELACOUNT:
            dynamic->relocations[1].relative = value;
            break;
        default:
            break;
        }
    }
}

static const ElfW(Rela) *
    find_relocation(const struct rsd_object *object, uintptr_t at, size_t from, size_t count, uintptr_t offset) {
    const ElfW(Rela) *table = (const void *)at;
    if (from >= count || at % sizeof(uintptr_t) || !inside(object, at, count * sizeof *table))
        return NULL;
    size_t guess = (offset - table[0].r_offset) / sizeof(uintptr_t); /* PLT slots come in order, mostly */
    if (guess < count && table[guess].r_offset == offset)
        return &table[guess];
    for (size_t i = from; i < count; i++)
        if (table[i].r_offset == offset)
            return &table[i];
    return NULL;
}

/* A string that ends within the object, or NULL. */
static const char *name_of(const struct rsd_object *object, const struct dynamic *dynamic,
                           const ElfW(Rela) * relocation) {
    unsigned type = (unsigned)ELF64_R_TYPE(relocation->r_info);
    uintptr_t symbol = dynamic->symbols + ELF64_R_SYM(relocation->r_info) * sizeof(ElfW(Sym));
    if ((type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) || symbol % sizeof(uintptr_t) ||
        !inside(object, symbol, sizeof(ElfW(Sym))))
        return NULL;
    uintptr_t name = dynamic->strings + ((const ElfW(Sym) *)symbol)->st_name;
    bool ends = inside(object, name, 1) && memchr((const void *)name, 0, object->end - name);
    return ends ? (const char *)name : NULL;
}

const char *rsd_object_import(const struct rsd_object *object, uintptr_t slot) {
    if (!object->dynamic)
        return NULL;
    struct dynamic dynamic;
    read_dynamic(object, &dynamic);
    if (!dynamic.symbols || !dynamic.strings)
        return NULL;
    for (unsigned i = 0; i < 2; i++) {
        const ElfW(Rela) *relocation =
            find_relocation(object, dynamic.relocations[i].table, dynamic.relocations[i].relative,
                            dynamic.relocations[i].count, slot - object->bias);
        if (relocation)
            return name_of(object, &dynamic, relocation);
    }
    return NULL;
}
