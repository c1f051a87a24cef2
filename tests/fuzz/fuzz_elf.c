/*
 * A file that a trace names, given to libdw and to our own table of symbols. The addresses that are asked for are those of
 * its symbols, and some others.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "names/elf.h"

#define MOST_INLINED 64

/* Names are strings that end. */
static void read_text(const char *text) {
    FUZZ_MUST(!text || strlen(text) < (size_t)1 << 30);
}

static void ask(struct rsd_elf *elf, uint64_t address) {
    struct rsd_inline list[MOST_INLINED];
    const struct rsd_symbol *symbol = rsd_elf_symbol(elf, address);
    FUZZ_MUST(!symbol || (address - symbol->start < symbol->size && symbol->name));
    size_t count = rsd_elf_inlines(elf, address, list, MOST_INLINED);
    FUZZ_MUST(count <= MOST_INLINED);
    for (size_t i = 0; i < count; i++)
        read_text(list[i].name), read_text(list[i].file);
    read_text(symbol ? symbol->name : NULL);
}

void fuzz_elf(const uint8_t *data, size_t size) {
    struct rsd_problems problems = {0};
    fuzz_folder();
    fuzz_file("module.so", data, size);
    char *path = strdup(fuzz_path("module.so"));
    struct rsd_elf *elf = rsd_elf_open(path, NULL, 0, &(struct rsd_places){0}, &problems);
    FUZZ_MUST(elf || problems.total);
    if (elf) {
        static const uint64_t more[] = {0, 1, 0x1000, 0x1139, 0x401136, UINT64_MAX};
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
            ask(elf, more[i]);
        for (size_t at = 0; at + 8 <= size && at < 64 * 8; at += 8) { /* where the file says that something is */
            uint64_t word;
            memcpy(&word, data + at, sizeof word);
            ask(elf, word);
        }
        for (uint64_t address = 0x1000; address < 0x1400; address += 13)
            ask(elf, address);
    }
    rsd_elf_close(elf);
    rsd_problems_free(&problems);
    free(path);
}
