/*
 * Names that are stored in a trace: reading and writing the file `names`, in the order of FORMAT.md 8.
 *
 * The file is small (a sharp worker's 33,000 call sites have 10,000 addresses: 71 KiB), is asked for
 * every one of its entries, and so is read whole. It may come from anywhere: its size is bounded before it is unpacked, and
 * every offset, count and order is checked once, when it is read. Behind that the look-ups are binary searches that check
 * nothing. It is used whole or not at all: a name that is taken from a damaged file would be a wrong name, and one that is
 * missing is only looked up elsewhere.
 */
#include "names/stored.h"

#include <inttypes.h>
#include <string.h>
#include <zstd.h>

#include "memory.h"
#include "read.h"

#define MAX_CONTENT (UINT64_C(1) << 28)
#define LEVEL 9 /* of zstd */

struct rsd_stored {
    uint8_t *content;
    const char *strings;
    const struct residue_names_binary *binaries;
    const struct residue_names_address *addresses;
    const struct residue_names_function *functions;
    const struct residue_names_package *packages;
    const struct residue_names_original *originals;
    size_t string_bytes, binary_count, address_count, function_count, package_count, original_count;
    struct rsd_symbol *symbols; /* by number of the address */
};

static size_t entry_size(uint32_t tag) {
    static const size_t size[] = {
        [RESIDUE_NAMES_STRINGS] = 1,
        [RESIDUE_NAMES_BINARIES] = sizeof(struct residue_names_binary),
        [RESIDUE_NAMES_ADDRESSES] = sizeof(struct residue_names_address),
        [RESIDUE_NAMES_FUNCTIONS] = sizeof(struct residue_names_function),
        [RESIDUE_NAMES_PACKAGES] = sizeof(struct residue_names_package),
        [RESIDUE_NAMES_ORIGINALS] = sizeof(struct residue_names_original),
    };
    return tag < sizeof size / sizeof *size ? size[tag] : 0;
}

/* ---- 8.1 The header ----------------------------------------------------------------------------------------------- */

static bool refuse(struct rsd_problems *problems, uint64_t offset, const char *why) {
    rsd_problem(problems, RSD_NAMES_FILE, offset, "%s: the stored names are not used", why);
    return false;
}

/* "A file that [...] is of another trace or another major, is not used, and a reader says why." */
static bool header_ok(const struct residue_names_header *h, uint64_t trace_id, struct rsd_problems *problems) {
    if (h->skip_magic != RESIDUE_SKIP_NAMES || h->skip_size != sizeof *h - 8 ||
        memcmp(h->magic, RESIDUE_NAMES_MAGIC, sizeof h->magic) != 0)
        return refuse(problems, 0, "no header of names");
    if (h->checksum != residue_fnv1a(h, offsetof(struct residue_names_header, checksum)))
        return refuse(problems, 56, "a header with a wrong checksum");
    if (h->major != RESIDUE_NAMES_MAJOR) {
        rsd_problem(problems, RSD_NAMES_FILE, 16, "names %u.%u; this residue reads %u.x: they are not used", h->major,
                    h->minor, RESIDUE_NAMES_MAJOR);
        return false;
    }
    if (h->trace_id != trace_id)
        return refuse(problems, 24, "of another trace");
    if (h->raw_size > MAX_CONTENT || h->packed_size > ZSTD_compressBound(MAX_CONTENT))
        return refuse(problems, 32, "of an impossible size");
    return true;
}

static uint8_t *unpack(int fd, const struct residue_names_header *h, struct rsd_problems *problems) {
    uint8_t *packed = rsd_alloc(h->packed_size), *content = rsd_alloc(h->raw_size), more;
    const char *why = NULL;
    if (!rsd_read_at(fd, packed, h->packed_size, sizeof *h)) {
        why = "cut";
    } else if (rsd_read_at(fd, &more, 1, sizeof *h + h->packed_size)) {
        why = "something stands behind the content";
    } else {
        size_t size = ZSTD_decompress(content, h->raw_size, packed, h->packed_size);
        if (ZSTD_isError(size))
            why = ZSTD_getErrorName(size);
        else if (size != h->raw_size)
            why = "the content is shorter than the header says";
    }
    free(packed);
    if (!why)
        return content;
    refuse(problems, sizeof *h, why);
    free(content);
    return NULL;
}

/* ---- 8.2 Sections -------------------------------------------------------------------------------------------------- */

static const char *take_section(struct rsd_stored *s, uint32_t tag, const void *entries, size_t count) {
    const void **const place[] = {NULL,
                                  (const void **)&s->strings,
                                  (const void **)&s->binaries,
                                  (const void **)&s->addresses,
                                  (const void **)&s->functions,
                                  (const void **)&s->packages,
                                  (const void **)&s->originals};
    size_t *const number[] = {NULL,
                              &s->string_bytes,
                              &s->binary_count,
                              &s->address_count,
                              &s->function_count,
                              &s->package_count,
                              &s->original_count};
    if (*place[tag])
        return "a section is there twice";
    *place[tag] = entries;
    *number[tag] = count;
    return NULL;
}

/* "A section of an unknown tag is skipped; each known one is there once." */
static const char *find_sections(struct rsd_stored *s, uint64_t size) {
    struct residue_names_section head;
    const char *why = NULL;
    for (uint64_t at = 0; at < size && !why; at += head.size) {
        if (size - at < sizeof head)
            return "cut within a section's header";
        memcpy(&head, s->content + at, sizeof head);
        at += sizeof head;
        size_t entry = entry_size(head.tag);
        if (head.size > size - at || head.size % 8 || (entry && head.size % entry))
            return "a section of an impossible size";
        if (entry)
            why = take_section(s, head.tag, s->content + at, head.size / entry);
    }
    if (why)
        return why;
    if (!s->string_bytes || s->strings[0] || s->strings[s->string_bytes - 1])
        return "the strings do not begin and end with a zero";
    return NULL;
}

/* ---- Entries ------------------------------------------------------------------------------------------------------- */

static bool run_ok(uint32_t first, uint32_t count, size_t all) {
    return (uint64_t)first + count <= all;
}

static const char *check_binaries(const struct rsd_stored *s) {
    for (size_t i = 0; i < s->binary_count; i++) {
        const struct residue_names_binary *b = &s->binaries[i];
        if (b->path >= s->string_bytes || b->build_id >= s->string_bytes || b->problem >= s->string_bytes)
            return "a binary with a string that is not there";
        if (!run_ok(b->first, b->count, s->address_count))
            return "a binary with addresses that are not there";
        for (uint32_t k = 1; k < b->count; k++)
            if (s->addresses[b->first + k].address <= s->addresses[b->first + k - 1].address)
                return "addresses that do not ascend";
    }
    return NULL;
}

static const char *check_addresses(const struct rsd_stored *s) {
    for (size_t i = 0; i < s->address_count; i++) {
        const struct residue_names_address *a = &s->addresses[i];
        if (a->symbol >= s->string_bytes)
            return "an address with a string that is not there";
        if (a->count > RSD_MOST_INLINED || !run_ok(a->first, a->count, s->function_count))
            return "an address with functions that are not there";
    }
    for (size_t i = 0; i < s->function_count; i++)
        if (s->functions[i].name >= s->string_bytes || s->functions[i].file >= s->string_bytes ||
            s->functions[i].line > INT32_MAX)
            return "a function with a string or line that cannot be";
    return NULL;
}

static const char *check_packages(const struct rsd_stored *s) {
    for (size_t i = 0; i < s->package_count; i++) {
        const struct residue_names_package *p = &s->packages[i];
        if (p->path >= s->string_bytes || p->package >= s->string_bytes)
            return "a package with a string that is not there";
        if (i && strcmp(s->strings + p[-1].path, s->strings + p->path) >= 0)
            return "packages that are not sorted";
    }
    return NULL;
}

static struct rsd_script_place place_of(const struct rsd_stored *s, size_t number) {
    const struct residue_names_original *o = &s->originals[number];
    return (struct rsd_script_place){.file = s->strings + o->file,
                                     .name = s->strings + o->name,
                                     .function_line = o->function_line,
                                     .function_column = o->function_column,
                                     .line = o->line,
                                     .column = o->column};
}

static const char *check_originals(const struct rsd_stored *s) {
    for (size_t i = 0; i < s->original_count; i++) {
        const struct residue_names_original *o = &s->originals[i];
        if (o->file >= s->string_bytes || o->name >= s->string_bytes || o->source >= s->string_bytes || !o->source ||
            o->source_name >= s->string_bytes || o->source_line > INT32_MAX)
            return "an original with a string or line that cannot be";
        struct rsd_script_place before = place_of(s, i ? i - 1 : 0), here = place_of(s, i);
        if (i && rsd_script_place_order(&before, &here) >= 0)
            return "originals that are not sorted";
    }
    return NULL;
}

static void make_symbols(struct rsd_stored *s) {
    s->symbols = rsd_zalloc(s->address_count, sizeof *s->symbols);
    for (size_t i = 0; i < s->address_count; i++)
        if (s->addresses[i].symbol)
            s->symbols[i] =
                (struct rsd_symbol){.start = s->addresses[i].start, .name = s->strings + s->addresses[i].symbol};
}

struct rsd_stored *rsd_stored_read(int fd, uint64_t trace_id, struct rsd_problems *problems) {
    struct residue_names_header h;
    if (!rsd_read_at(fd, &h, sizeof h, 0)) {
        refuse(problems, 0, "cut within the header");
        return NULL;
    }
    uint8_t *content = header_ok(&h, trace_id, problems) ? unpack(fd, &h, problems) : NULL;
    if (!content)
        return NULL;
    struct rsd_stored *s = rsd_zalloc(1, sizeof *s);
    s->content = content;
    const char *why = find_sections(s, h.raw_size);
    if (!why)
        why = check_binaries(s);
    if (!why)
        why = check_addresses(s);
    if (!why)
        why = check_packages(s);
    if (!why)
        why = check_originals(s);
    if (!why) {
        make_symbols(s);
        return s;
    }
    refuse(problems, sizeof h, why);
    rsd_stored_free(s);
    return NULL;
}

void rsd_stored_free(struct rsd_stored *stored) {
    if (!stored)
        return;
    free(stored->symbols);
    free(stored->content);
    free(stored);
}

/* ---- Look-ups ------------------------------------------------------------------------------------------------------ */

static const char *string_at(const struct rsd_stored *s, uint32_t offset) {
    return offset ? s->strings + offset : NULL;
}

static bool same_id(const char *hex, const uint8_t *build_id, size_t size) {
    char two[3];
    if (strlen(hex) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        snprintf(two, sizeof two, "%02x", build_id[i]);
        if (memcmp(two, hex + 2 * i, 2) != 0)
            return false;
    }
    return true;
}

size_t rsd_stored_binary(const struct rsd_stored *s, const char *path, const uint8_t *build_id, size_t size) {
    for (size_t i = 0; i < s->binary_count; i++)
        if (strcmp(s->strings + s->binaries[i].path, path) == 0 &&
            same_id(s->strings + s->binaries[i].build_id, build_id, size))
            return i;
    return RSD_NO_ENTRY;
}

const char *rsd_stored_problem(const struct rsd_stored *s, size_t binary) {
    return string_at(s, s->binaries[binary].problem);
}

size_t rsd_stored_address(const struct rsd_stored *s, size_t binary, uint64_t address) {
    size_t low = s->binaries[binary].first, high = low + s->binaries[binary].count, end = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->addresses[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && s->addresses[low].address == address ? low : RSD_NO_ENTRY;
}

const struct rsd_symbol *rsd_stored_symbol(const struct rsd_stored *s, size_t address) {
    return s->symbols[address].name ? &s->symbols[address] : NULL;
}

size_t rsd_stored_inlines(const struct rsd_stored *s, size_t address, struct rsd_inline *list, size_t most) {
    const struct residue_names_address *a = &s->addresses[address];
    size_t count = a->count < most ? a->count : most;
    for (size_t i = 0; i < count; i++) {
        const struct residue_names_function *f = &s->functions[a->first + i];
        list[i] = (struct rsd_inline){string_at(s, f->name), string_at(s, f->file), (int)f->line};
    }
    return count;
}

bool rsd_stored_package(const struct rsd_stored *s, const char *path, const char **package) {
    size_t low = 0, high = s->package_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->strings + s->packages[middle].path, path);
        if (order == 0) {
            *package = string_at(s, s->packages[middle].package);
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

int rsd_script_place_order(const struct rsd_script_place *a, const struct rsd_script_place *b) {
    const uint32_t x[] = {a->line, a->column, a->function_line, a->function_column},
                   y[] = {b->line, b->column, b->function_line, b->function_column};
    for (int i = 0; i < 4; i++)
        if (x[i] != y[i])
            return x[i] < y[i] ? -1 : 1;
    int order = strcmp(a->file, b->file);
    return order ? order : strcmp(a->name, b->name);
}

bool rsd_stored_original(const struct rsd_stored *s, const struct rsd_script_place *place,
                         struct rsd_original *original) {
    size_t low = 0, high = s->original_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct rsd_script_place here = place_of(s, middle);
        int order = rsd_script_place_order(&here, place);
        if (order == 0) {
            const struct residue_names_original *o = &s->originals[middle];
            *original = (struct rsd_original){string_at(s, o->source), o->source_line, string_at(s, o->source_name)};
            return true;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* ---- Writing ------------------------------------------------------------------------------------------------------- */

void rsd_storing_begin(struct rsd_storing *storing) {
    *storing = (struct rsd_storing){0};
    rsd_intern(&storing->strings, "", 0); /* "0 is none" */
}

uint32_t rsd_storing_string(struct rsd_storing *storing, const char *text) {
    return text ? rsd_intern(&storing->strings, text, strlen(text)) : 0;
}

void rsd_storing_free(struct rsd_storing *storing) {
    rsd_intern_free(&storing->strings);
    free(storing->binaries);
    free(storing->addresses);
    free(storing->functions);
    free(storing->packages);
    free(storing->originals);
}

/* Numbers of strings become offsets. */
static void place_strings(struct rsd_storing *s, const uint32_t *offset) {
    for (size_t i = 0; i < s->binary_count; i++) {
        s->binaries[i].path = offset[s->binaries[i].path];
        s->binaries[i].build_id = offset[s->binaries[i].build_id];
        s->binaries[i].problem = offset[s->binaries[i].problem];
    }
    for (size_t i = 0; i < s->address_count; i++)
        s->addresses[i].symbol = offset[s->addresses[i].symbol];
    for (size_t i = 0; i < s->function_count; i++) {
        s->functions[i].name = offset[s->functions[i].name];
        s->functions[i].file = offset[s->functions[i].file];
    }
    for (size_t i = 0; i < s->package_count; i++) {
        s->packages[i].path = offset[s->packages[i].path];
        s->packages[i].package = offset[s->packages[i].package];
    }
    for (size_t i = 0; i < s->original_count; i++) {
        struct residue_names_original *o = &s->originals[i];
        uint32_t *const string[] = {&o->file, &o->name, &o->source, &o->source_name};
        for (size_t k = 0; k < sizeof string / sizeof *string; k++)
            *string[k] = offset[*string[k]];
    }
}

/* All strings, each with its zero, filled up with zeros to a multiple of 8; offset[number] is where each stands. NULL:
 * too many. */
static char *join_strings(const struct rsd_intern *strings, uint32_t *offset, size_t *size) {
    uint64_t all = 0;
    for (size_t i = 0; i < strings->count; i++) {
        offset[i] = (uint32_t)all;
        all += strings->list[i].size + 1;
        if (all > MAX_CONTENT)
            return NULL;
    }
    *size = (size_t)(all + 7) / 8 * 8;
    char *text = rsd_zalloc(*size, 1);
    for (size_t i = 0; i < strings->count; i++)
        memcpy(text + offset[i], strings->list[i].bytes, strings->list[i].size);
    return text;
}

static void put_section(FILE *out, enum residue_names_tag tag, const void *entries, size_t count) {
    struct residue_names_section head = {.tag = tag, .size = count * entry_size(tag)};
    fwrite(&head, sizeof head, 1, out);
    if (count)
        fwrite(entries, entry_size(tag), count, out);
}

static uint8_t *join_sections(const struct rsd_storing *s, const char *strings, size_t string_bytes, size_t *size) {
    char *content = NULL;
    FILE *out = open_memstream(&content, size);
    if (!out)
        rsd_no_memory();
    put_section(out, RESIDUE_NAMES_STRINGS, strings, string_bytes);
    put_section(out, RESIDUE_NAMES_BINARIES, s->binaries, s->binary_count);
    put_section(out, RESIDUE_NAMES_ADDRESSES, s->addresses, s->address_count);
    put_section(out, RESIDUE_NAMES_FUNCTIONS, s->functions, s->function_count);
    put_section(out, RESIDUE_NAMES_PACKAGES, s->packages, s->package_count);
    put_section(out, RESIDUE_NAMES_ORIGINALS, s->originals, s->original_count);
    if (ferror(out) + fclose(out) != 0)
        rsd_no_memory();
    return (uint8_t *)content;
}

static uint8_t *pack_content(const uint8_t *content, size_t raw_size, uint64_t trace_id, size_t *size) {
    struct residue_names_header h = {.skip_magic = RESIDUE_SKIP_NAMES,
                                     .skip_size = sizeof h - 8,
                                     .magic = RESIDUE_NAMES_MAGIC,
                                     .major = RESIDUE_NAMES_MAJOR,
                                     .minor = RESIDUE_NAMES_MINOR,
                                     .trace_id = trace_id,
                                     .raw_size = raw_size};
    size_t bound = ZSTD_compressBound(raw_size);
    uint8_t *bytes = rsd_alloc(sizeof h + bound);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (!zstd)
        rsd_no_memory();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    h.packed_size = ZSTD_compress2(zstd, bytes + sizeof h, bound, content, raw_size);
    ZSTD_freeCCtx(zstd);
    if (ZSTD_isError(h.packed_size))
        rsd_no_memory();
    h.checksum = residue_fnv1a(&h, offsetof(struct residue_names_header, checksum));
    memcpy(bytes, &h, sizeof h);
    *size = sizeof h + h.packed_size;
    return bytes;
}

uint8_t *rsd_storing_bytes(struct rsd_storing *storing, uint64_t trace_id, size_t *size) {
    size_t string_bytes = 0, raw_size = 0;
    uint32_t *offset = rsd_alloc(storing->strings.count * sizeof *offset);
    char *strings = join_strings(&storing->strings, offset, &string_bytes);
    uint8_t *content = NULL, *bytes = NULL;
    if (strings) {
        place_strings(storing, offset);
        content = join_sections(storing, strings, string_bytes, &raw_size);
        if (raw_size <= MAX_CONTENT)
            bytes = pack_content(content, raw_size, trace_id, size);
    }
    free(offset);
    free(strings);
    free(content);
    return bytes;
}
