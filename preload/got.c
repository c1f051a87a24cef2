/*
 * Patching a module's global offset table.
 *
 * A function that the executable defines itself wins over a preload's in symbol lookup, and so does libc's over one that
 * only this library's users should see. What a module calls can still be changed one module at a time: its relocations
 * say which slot belongs to which name. Both kinds are looked at, lazily bound and bound at once; the pages that the
 * loader has made read-only since (RELRO) are opened for the moment of the store and closed again.
 *
 * Entered by any thread, from inside hooks, while the module cannot be unloaded: a stack leads through it, or the
 * program holds its handle.
 */
#include "got.h"

#include <dlfcn.h>
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "arch/x86_64.h"
#include "init.h"
#include "sys.h"

/* Weak: on an older libc nothing is patched. */
extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

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

/* The executable's own are told by the kernel: where its segments do not follow each other, the loader knows the one that
 * was asked about only. */
static const ElfW(Phdr) * program_headers(const struct link_map *map, unsigned *count) {
    if (!*map->l_name) {
        *count = (unsigned)getauxval(AT_PHNUM);
        return (const ElfW(Phdr) *)getauxval(AT_PHDR);
    }
    struct dl_find_object found;
    *count = 0;
    if (_dl_find_object(map->l_ld, &found) != 0)
        return NULL;
    const ElfW(Ehdr) *elf = found.dlfo_map_start;
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0)
        return NULL;
    *count = elf->e_phnum;
    return (const void *)((const char *)elf + elf->e_phoff);
}

/* The pages that the loader has made read-only after it had relocated them. */
static bool is_relro(const struct link_map *map, uintptr_t at) {
    unsigned count;
    const ElfW(Phdr) *segment = program_headers(map, &count);
    for (unsigned i = 0; i < count; i++)
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

void rsd_got_patch(const struct link_map *map, rsd_got_instead_of *instead_of) {
    struct dynamic dynamic = read_dynamic(map);
    if (!_dl_find_object || !dynamic.symbol || !dynamic.name)
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
