/*
 * ELF files by libdw.
 *
 * libdwfl finds what belongs to a file: the separate debug file by build-id or debug link, in the folders that the user
 * names and in /usr/lib/debug, or over the network when DEBUGINFOD_URLS is set. It finds the file itself in the same way
 * when it does not lie where the trace says, or is another one by now. Its own lookup of symbols is linear and takes the nearest one, so symbols are read here: all
 * of .symtab and .dynsym, of the file and of its debug file, into one array sorted by address.
 *
 * An address belongs to a symbol only within the symbol's size. "The nearest symbol before it" is a lie in a stripped
 * library: it names an exported function megabytes away. Where symbols overlap, the one that starts last wins; `reach`,
 * the farthest end of all symbols up to an index, tells how far back it is worth looking. Of several names for one
 * place the one that a person would write is taken: global before weak before local, few leading underscores, short.
 *
 * Everything is done when it is first wanted: node's table has more than 100,000 symbols and its lines take seconds.
 * A file whose build-id is not the recorded one has been replaced since; its names would be wrong, so it is not used.
 * With a sysroot nothing is taken from this machine's own paths, but debug files by their build-id.
 *
 * Addresses are those of the file (as `readelf` and `addr2line` take them): the module is reported at address 0.
 */
#include "names/elf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <gelf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

struct rsd_elf {
    Dwfl *dwfl;
    Dwfl_Callbacks callbacks;
    char *debug_path; /* where debug files are searched for, as libdwfl reads it */
    Dwfl_Module *module;
    Dwarf *dwarf;
    Dwarf_Addr dwarf_bias; /* debug file's addresses + bias = file's addresses */
    bool dwarf_tried;
    struct rsd_symbol *symbols; /* by start */
    size_t count, capacity;
    uint64_t *reach; /* largest end among symbols[0..i] */
    bool symbols_read;
};

/* ---- Opening ----------------------------------------------------------------------------------------------------- */

static bool is_plain(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

/* A trace can name any path: only plain files are opened, and none that would block. */
static int open_plain(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0 && !is_plain(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* An empty entry is the file's own folder, .debug one below it; `:` in front keeps libdwfl's check of checksums. */
static char *debug_path_of(const struct rsd_places *places) {
    const char *dirs = places->debug_dirs ? places->debug_dirs : "", *root = places->sysroot ? places->sysroot : "";
    return rsd_format(":.debug%s%s%s%s%s:/usr/lib/debug", *dirs ? ":" : "", dirs, *root ? ":" : "", root,
                      *root ? "/usr/lib/debug" : "");
}

static struct rsd_elf *begin(const struct rsd_places *places) {
    struct rsd_elf *elf = rsd_zalloc(1, sizeof *elf);
    elf->debug_path = debug_path_of(places);
    elf->callbacks = (Dwfl_Callbacks){
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = &elf->debug_path,
    };
    elf->dwfl = dwfl_begin(&elf->callbacks);
    if (!elf->dwfl)
        rsd_no_memory();
    return elf;
}

/* Take over `fd` as the one module. */
static bool report(struct rsd_elf *elf, const char *path, int fd) {
    dwfl_report_begin(elf->dwfl);
    elf->module = fd >= 0 ? dwfl_report_elf(elf->dwfl, path, path, fd, 0, true) : NULL;
    dwfl_report_end(elf->dwfl, NULL, NULL);
    if (!elf->module && fd >= 0)
        close(fd);
    return elf->module != NULL;
}

static bool is_recorded_one(Dwfl_Module *module, const uint8_t *wanted, size_t size) {
    const unsigned char *bits = NULL;
    GElf_Addr address;
    GElf_Addr bias;
    dwfl_module_getelf(module, &bias);
    return !size || (dwfl_module_build_id(module, &bits, &address) == (int)size && memcmp(bits, wanted, size) == 0);
}

/* A file with that build-id, from the debug folders or over the network, or failing that its debug file, which has all
 * names too: libdwfl looks for them on behalf of a module of which no more than the build-id is known. */
static int find_by_build_id(struct rsd_elf *elf, const char *name, const uint8_t *build_id, size_t size, char **path) {
    int fd = -1;
    void **nothing = NULL;
    Elf *file = NULL;
    dwfl_report_begin(elf->dwfl);
    Dwfl_Module *unknown = size ? dwfl_report_module(elf->dwfl, name, 0, 1) : NULL;
    if (unknown && dwfl_module_report_build_id(unknown, build_id, size, 0) == 0) {
        fd = dwfl_build_id_find_elf(unknown, nothing, name, 0, path, &file);
        if (fd < 0)
            fd = dwfl_standard_find_debuginfo(unknown, nothing, name, 0, name, NULL, 0, path);
    }
    elf_end(file);
    dwfl_report_end(elf->dwfl, NULL, NULL);
    return fd;
}

static bool open_other(struct rsd_elf *elf, const char *name, const uint8_t *build_id, size_t size) {
    char *path = NULL;
    int fd = find_by_build_id(elf, name, build_id, size, &path);
    bool found = report(elf, path ? path : name, fd) && is_recorded_one(elf->module, build_id, size);
    free(path);
    return found;
}

struct rsd_elf *rsd_elf_open(const char *path, const uint8_t *build_id, size_t build_id_size,
                             const struct rsd_places *places, struct rsd_problems *problems) {
    if (path[0] != '/') /* code that the kernel maps, or a file that was deleted before it was seen */
        return NULL;
    struct rsd_elf *elf = begin(places);
    char *here = rsd_format("%s%s", places->sysroot ? places->sysroot : "", path);
    int fd = open_plain(here);
    const char *why = "cannot be read: its functions have no names here";
    if (fd >= 0)
        why = report(elf, here, fd) ? "is not the file that was recorded (another build-id): not used for names"
                                    : "is not an ELF file that can be read";
    free(here);
    if (elf->module && is_recorded_one(elf->module, build_id, build_id_size))
        return elf;
    if (open_other(elf, path, build_id, build_id_size))
        return elf;
    rsd_problem(problems, path, RSD_NO_OFFSET, "%s", why);
    rsd_elf_close(elf);
    return NULL;
}

void rsd_elf_close(struct rsd_elf *elf) {
    if (!elf)
        return;
    if (elf->dwfl)
        dwfl_end(elf->dwfl);
    free(elf->debug_path);
    free(elf->symbols);
    free(elf->reach);
    free(elf);
}

/* ---- Symbols ----------------------------------------------------------------------------------------------------- */

static void add_symbol(struct rsd_elf *elf, const GElf_Sym *symbol, const char *name, uint64_t bias) {
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
        return;
    if (!name || !*name || !symbol->st_size || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx == SHN_ABS)
        return;
    RSD_ROOM(elf->symbols, elf->count, elf->capacity);
    elf->symbols[elf->count++] = (struct rsd_symbol){.start = symbol->st_value + bias,
                                                     .size = symbol->st_size,
                                                     .name = name,
                                                     .binding = GELF_ST_BIND(symbol->st_info)};
}

static void add_table(struct rsd_elf *elf, Elf *file, Elf_Scn *section, const GElf_Shdr *header, uint64_t bias) {
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !header->sh_entsize)
        return;
    size_t count = header->sh_size / header->sh_entsize;
    for (size_t i = 0; i < count; i++) {
        GElf_Sym symbol;
        if (gelf_getsym(data, (int)i, &symbol))
            add_symbol(elf, &symbol, elf_strptr(file, header->sh_link, symbol.st_name), bias);
    }
}

static void add_file(struct rsd_elf *elf, Elf *file, uint64_t bias) {
    Elf_Scn *section = NULL;
    while (file && (section = elf_nextscn(file, section))) {
        GElf_Shdr header;
        if (gelf_getshdr(section, &header) && (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
            add_table(elf, file, section, &header, bias);
    }
}

static int rank_of(uint8_t binding) {
    return binding == STB_GLOBAL || binding == STB_GNU_UNIQUE ? 0 : binding == STB_WEAK ? 1 : 2;
}

static int by_likeness(const struct rsd_symbol *a, const struct rsd_symbol *b) {
    int order = rank_of(a->binding) - rank_of(b->binding);
    if (!order)
        order = (int)strspn(a->name, "_") - (int)strspn(b->name, "_");
    size_t x = strlen(a->name), y = strlen(b->name);
    if (!order && x != y)
        order = x < y ? -1 : 1;
    return order ? order : strcmp(a->name, b->name);
}

static int by_place(const void *first, const void *second) {
    const struct rsd_symbol *a = first, *b = second;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return by_likeness(a, b);
}

static void sort_symbols(struct rsd_elf *elf) {
    if (elf->count)
        qsort(elf->symbols, elf->count, sizeof *elf->symbols, by_place);
    size_t kept = 0;
    for (size_t i = 0; i < elf->count; i++) { /* of several names for one place the first stays */
        const struct rsd_symbol *last = kept ? &elf->symbols[kept - 1] : NULL;
        if (!last || last->start != elf->symbols[i].start || last->size != elf->symbols[i].size)
            elf->symbols[kept++] = elf->symbols[i];
    }
    elf->count = kept;
    elf->reach = rsd_alloc(kept * sizeof *elf->reach);
    uint64_t reach = 0;
    for (size_t i = 0; i < kept; i++) {
        uint64_t end = elf->symbols[i].start + elf->symbols[i].size;
        elf->reach[i] = reach = end > reach ? end : reach;
    }
}

static void find_dwarf(struct rsd_elf *elf) {
    Dwarf_Addr bias = 0;
    if (elf->dwarf_tried || !elf->module)
        return;
    elf->dwarf_tried = true;
    elf->dwarf = dwfl_module_getdwarf(elf->module, &bias);
    elf->dwarf_bias = bias;
}

static void read_symbols(struct rsd_elf *elf) {
    if (elf->symbols_read)
        return;
    elf->symbols_read = true;
    GElf_Addr bias = 0;
    Elf *file = dwfl_module_getelf(elf->module, &bias);
    add_file(elf, file, bias);
    find_dwarf(elf);
    Elf *debug = elf->dwarf ? dwarf_getelf(elf->dwarf) : NULL;
    if (debug != file)
        add_file(elf, debug, elf->dwarf_bias);
    sort_symbols(elf);
}

struct rsd_elf *rsd_elf_of_symbols(struct rsd_symbol *symbols, size_t count) {
    struct rsd_elf *elf = rsd_zalloc(1, sizeof *elf);
    *elf = (struct rsd_elf){.symbols = symbols, .count = count, .symbols_read = true, .dwarf_tried = true};
    sort_symbols(elf);
    return elf;
}

const struct rsd_symbol *rsd_elf_symbol(struct rsd_elf *elf, uint64_t address) {
    read_symbols(elf);
    size_t low = 0, high = elf->count; /* the first symbol that starts behind the address */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (elf->symbols[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i-- > 0 && elf->reach[i] > address;)
        if (address - elf->symbols[i].start < elf->symbols[i].size)
            return &elf->symbols[i];
    return NULL;
}

/* ---- Lines and inlined functions --------------------------------------------------------------------------------- */

/* The compilation unit of an address: by .debug_aranges, or (clang writes none) by asking each unit. */
static bool unit_of(struct rsd_elf *elf, Dwarf_Addr address, Dwarf_Die *unit) {
    if (dwarf_addrdie(elf->dwarf, address, unit))
        return true;
    Dwarf_CU *cu = NULL;
    while (dwarf_get_units(elf->dwarf, cu, &cu, NULL, NULL, unit, NULL) == 0)
        if (dwarf_haspc(unit, address) > 0)
            return true;
    return false;
}

static const char *name_of(Dwarf_Die *die) {
    Dwarf_Attribute attribute;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));
    if (!name)
        name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
    return name ? name : dwarf_diename(die);
}

/* Where an inlined function was called: the line that is executed in the one around it. */
static void call_place(Dwarf_Die *unit, Dwarf_Die *die, struct rsd_inline *caller) {
    Dwarf_Attribute attribute;
    Dwarf_Word line = 0, number = 0;
    Dwarf_Files *files;
    size_t count;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line) == 0)
        caller->line = (int)line;
    if (dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &number) == 0 &&
        dwarf_getsrcfiles(unit, &files, &count) == 0 && number < count)
        caller->file = dwarf_filesrc(files, number, NULL, NULL);
}

/* Go outward through the scopes around `innermost` up to the function that was really called. */
static size_t walk_out(Dwarf_Die *unit, Dwarf_Die *innermost, struct rsd_inline *list, size_t most) {
    Dwarf_Die *scopes = NULL;
    int count = dwarf_getscopes_die(innermost, &scopes);
    size_t n = 0;
    for (int i = 0; i < count && n + 1 < most; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
            continue;
        list[n].name = name_of(&scopes[i]);
        list[n + 1] = (struct rsd_inline){0};
        call_place(unit, &scopes[i], &list[n + 1]);
        n++;
    }
    free(scopes);
    return n + 1;
}

size_t rsd_elf_inlines(struct rsd_elf *elf, uint64_t address, struct rsd_inline *list, size_t most) {
    Dwarf_Die unit, *scopes = NULL;
    find_dwarf(elf);
    address -= elf->dwarf_bias;
    if (!most || !elf->dwarf || !unit_of(elf, address, &unit))
        return 0;
    list[0] = (struct rsd_inline){0};
    Dwarf_Line *line = dwarf_getsrc_die(&unit, address);
    if (line) {
        list[0].file = dwarf_linesrc(line, NULL, NULL);
        dwarf_lineno(line, &list[0].line);
    }
    int count = dwarf_getscopes(&unit, address, &scopes);
    size_t n = count > 0 ? walk_out(&unit, &scopes[0], list, most) : 1;
    free(scopes);
    return n;
}
