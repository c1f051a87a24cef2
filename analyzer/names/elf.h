/* Names and lines from one ELF file and its separate debug file. */
#ifndef RSD_ELF_H
#define RSD_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

#define RSD_MOST_INLINED 64 /* functions at one address */

struct rsd_symbol {
    uint64_t start, size; /* addresses in the file */
    const char *name;     /* as it stands there, mangled; lives as long as the file is open */
    uint8_t binding;      /* STB_* */
};

struct rsd_inline {   /* one of the functions that one address belongs to */
    const char *name; /* mangled; NULL for the outermost: the symbol table knows better */
    const char *file; /* or NULL */
    int line;
};

/* Where files of the traced system lie on this one. */
struct rsd_places {
    char *sysroot;    /* what the paths in the trace are below; NULL: they are right as they are */
    char *debug_dirs; /* folders that hold separate debug files, parted by colons; or NULL */
};

struct rsd_elf;

/* Open the file at `path`, or one with the same build-id. NULL when there is none or the one there is not that of the
 * trace: then a problem says so. A build-id of size 0 is not compared. */
struct rsd_elf *rsd_elf_open(const char *path, const uint8_t *build_id, size_t build_id_size,
                             const struct rsd_places *places, struct rsd_problems *problems);
void rsd_elf_close(struct rsd_elf *elf);

/* The symbol that covers an address; NULL when none does. */
const struct rsd_symbol *rsd_elf_symbol(struct rsd_elf *elf, uint64_t address);

/* The functions inlined at an address, innermost first, and the real one last, each with the line that is executed in
 * it. At most `most`; 0 when the file has no debug information for the address. */
size_t rsd_elf_inlines(struct rsd_elf *elf, uint64_t address, struct rsd_inline *list, size_t most);

/* For tests: a symbol table without a file; takes over `symbols` (from malloc). */
struct rsd_elf *rsd_elf_of_symbols(struct rsd_symbol *symbols, size_t count);

#endif
