/*
 * Where names come from. All that the analyzer wants to know and the trace's records do not say goes through here:
 * symbols, inlined functions, lines, packages, source maps. Whoever looks into another kind of file for a name adds it here and to
 * store.c, or the name will be missing on other machines.
 *
 * First the names that are stored in the trace, then the files. So a trace with names needs no files, opens none, and asks
 * no server, however DEBUGINFOD_URLS is set. A user who says where files lie (--sysroot, --debug-dir) wants them to be
 * used, perhaps because they know more than was known where the names were stored: then the files come first.
 *
 * A binary that could not be used when the names were stored has no addresses there but the reason, and is tried again
 * here; if that fails too it is the stored reason that is given, so that a report says the same everywhere.
 */
#include "names/lookup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "names/original.h"
#include "names/package.h"

struct file {
    struct rsd_elf *elf;
    size_t stored; /* number among the stored binaries */
    char *problem; /* why there is no elf */
    bool tried, said;
};

struct rsd_lookup {
    const struct rsd_history *history;
    struct rsd_stored *stored; /* or NULL */
    struct rsd_places places;
    struct rsd_problems *problems;
    struct file *files;              /* by number of the binary */
    struct rsd_originals *originals; /* source maps; NULL until one is asked for */
};

static struct rsd_stored *stored_in(struct rsd_trace *trace) {
    int fd = rsd_folder_file(&trace->folder, RSD_NAMES_FILE);
    struct rsd_stored *stored = fd >= 0 ? rsd_stored_read(fd, trace->meta.trace_id, &trace->problems) : NULL;
    if (fd >= 0)
        close(fd);
    else if (errno != ENOENT)
        rsd_problem(&trace->problems, RSD_NAMES_FILE, RSD_NO_OFFSET, "cannot be opened: %m");
    return stored;
}

struct rsd_lookup *rsd_lookup_open(struct rsd_trace *trace, const struct rsd_history *history,
                                   const struct rsd_places *places) {
    struct rsd_lookup *lookup = rsd_zalloc(1, sizeof *lookup);
    *lookup = (struct rsd_lookup){
        .history = history, .stored = stored_in(trace), .places = *places, .problems = &trace->problems};
    lookup->files = rsd_zalloc(history->binary_count, sizeof *lookup->files);
    for (size_t i = 0; i < history->binary_count; i++) {
        const struct rsd_binary *b = &history->binaries[i];
        lookup->files[i].stored =
            lookup->stored ? rsd_stored_binary(lookup->stored, b->path, b->build_id, b->build_id_size) : RSD_NO_ENTRY;
    }
    return lookup;
}

void rsd_lookup_close(struct rsd_lookup *lookup) {
    for (size_t i = 0; i < lookup->history->binary_count; i++) {
        rsd_elf_close(lookup->files[i].elf);
        free(lookup->files[i].problem);
    }
    rsd_originals_close(lookup->originals);
    rsd_stored_free(lookup->stored);
    free(lookup->files);
    free(lookup);
}

static void open_file(struct rsd_lookup *lookup, uint32_t binary) {
    const struct rsd_binary *b = &lookup->history->binaries[binary];
    struct file *file = &lookup->files[binary];
    struct rsd_problems here = {0};
    const char *why = file->stored != RSD_NO_ENTRY ? rsd_stored_problem(lookup->stored, file->stored) : NULL;
    file->tried = true;
    file->elf = rsd_elf_open(b->path, b->build_id, b->build_id_size, &lookup->places, &here);
    if (!why && here.count)
        why = here.list[0].text;
    if (!file->elf && why)
        file->problem = rsd_strdup(why);
    rsd_problems_free(&here);
}

static struct rsd_elf *elf_of(struct rsd_lookup *lookup, uint32_t binary) {
    if (!lookup->files[binary].tried)
        open_file(lookup, binary);
    return lookup->files[binary].elf;
}

/* The file of a binary of which an address is wanted that is not stored. */
static struct rsd_elf *needed_elf(struct rsd_lookup *lookup, uint32_t binary) {
    struct file *file = &lookup->files[binary];
    struct rsd_elf *elf = elf_of(lookup, binary);
    if (file->problem && !file->said)
        rsd_problem(lookup->problems, lookup->history->binaries[binary].path, RSD_NO_OFFSET, "%s", file->problem);
    file->said = true;
    return elf;
}

/* What is stored of an address, if that is to be used. */
static size_t stored_at(struct rsd_lookup *lookup, uint32_t binary, uint64_t address) {
    const struct file *file = &lookup->files[binary];
    size_t entry =
        file->stored == RSD_NO_ENTRY ? RSD_NO_ENTRY : rsd_stored_address(lookup->stored, file->stored, address);
    bool files_first = lookup->places.sysroot || lookup->places.debug_dirs;
    return entry != RSD_NO_ENTRY && files_first && elf_of(lookup, binary) ? RSD_NO_ENTRY : entry;
}

const struct rsd_symbol *rsd_lookup_symbol(struct rsd_lookup *lookup, uint32_t binary, uint64_t address) {
    size_t entry = stored_at(lookup, binary, address);
    if (entry != RSD_NO_ENTRY)
        return rsd_stored_symbol(lookup->stored, entry);
    struct rsd_elf *elf = needed_elf(lookup, binary);
    return elf ? rsd_elf_symbol(elf, address) : NULL;
}

size_t rsd_lookup_inlines(struct rsd_lookup *lookup, uint32_t binary, uint64_t address, struct rsd_inline *list,
                          size_t most) {
    size_t entry = stored_at(lookup, binary, address);
    if (entry != RSD_NO_ENTRY)
        return rsd_stored_inlines(lookup->stored, entry, list, most);
    struct rsd_elf *elf = needed_elf(lookup, binary);
    return elf ? rsd_elf_inlines(elf, address, list, most) : 0;
}

static char *package_here(const struct rsd_lookup *lookup, const char *path) {
    if (!lookup->places.sysroot || !strstr(path, "/node_modules/"))
        return rsd_package_of(path);
    char *here = rsd_format("%s%s", lookup->places.sysroot, path), *package = rsd_package_of(here);
    free(here);
    return package;
}

char *rsd_lookup_package(struct rsd_lookup *lookup, const char *path) {
    const char *stored = NULL;
    if (lookup->stored && rsd_stored_package(lookup->stored, path, &stored))
        return stored ? rsd_strdup(stored) : NULL;
    return package_here(lookup, path);
}

/* A bundle's function comes from one source, and where it is at work does not change that. */
static bool original_here(struct rsd_originals *originals, const struct rsd_script_place *p,
                          struct rsd_original *original) {
    *original = (struct rsd_original){0};
    if (!p->line || !rsd_original_place(originals, p->file, p->line, p->column, &original->source, &original->line)) {
        if (!rsd_original_place(originals, p->file, p->function_line, p->function_column, &original->source,
                                &original->line))
            return false;
        original->line = 0;
    }
    original->name = rsd_original_name(originals, p->file, p->function_line, p->function_column, p->name);
    return true;
}

bool rsd_lookup_original(struct rsd_lookup *lookup, const struct rsd_script_place *place,
                         struct rsd_original *original) {
    if (lookup->stored && rsd_stored_original(lookup->stored, place, original))
        return true;
    if (!lookup->originals)
        lookup->originals = rsd_originals_open();
    return original_here(lookup->originals, place, original);
}

bool rsd_lookup_knows(struct rsd_lookup *lookup, uint32_t binary, uint64_t address) {
    return stored_at(lookup, binary, address) != RSD_NO_ENTRY || elf_of(lookup, binary);
}

const char *rsd_lookup_problem(struct rsd_lookup *lookup, uint32_t binary) {
    return lookup->files[binary].problem;
}
