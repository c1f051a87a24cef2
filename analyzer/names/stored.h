/* Names that are stored in a trace (FORMAT.md 8). */
#ifndef RSD_STORED_H
#define RSD_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "intern.h"
#include "names/elf.h"
#include "problem.h"
#include "residue/format.h"

#define RSD_NAMES_FILE "names" /* in the trace */
#define RSD_NO_ENTRY SIZE_MAX

struct rsd_stored;

/* Read the names from the file `fd`. NULL, with a problem, when they cannot be used. */
struct rsd_stored *rsd_stored_read(int fd, uint64_t trace_id, struct rsd_problems *problems);
void rsd_stored_free(struct rsd_stored *stored);

/* The number of a binary, RSD_NO_ENTRY when nothing is stored of it. */
size_t rsd_stored_binary(const struct rsd_stored *stored, const char *path, const uint8_t *build_id, size_t size);
/* Why the binary's file could not be used when the names were stored; NULL: it could. */
const char *rsd_stored_problem(const struct rsd_stored *stored, size_t binary);
/* The number of an address in that binary, RSD_NO_ENTRY when nothing is stored of it. */
size_t rsd_stored_address(const struct rsd_stored *stored, size_t binary, uint64_t address);
/* The symbol that covers it, NULL when none does. Lives as long as `stored`. */
const struct rsd_symbol *rsd_stored_symbol(const struct rsd_stored *stored, size_t address);
/* As rsd_elf_inlines. */
size_t rsd_stored_inlines(const struct rsd_stored *stored, size_t address, struct rsd_inline *list, size_t most);
/* False: nothing is stored of that file. *package may be NULL: it is in none. */
bool rsd_stored_package(const struct rsd_stored *stored, const char *path, const char **package);

/* What a source map makes of a place in a JavaScript function. */
struct rsd_original {
    const char *source;
    uint32_t line;    /* 0: not known */
    const char *name; /* of the function; NULL: it has the same */
};
struct rsd_script_place {
    const char *file, *name; /* of the function as V8 knows it, and where it begins */
    uint32_t function_line, function_column;
    uint32_t line, column;
};
/* False: nothing is stored of that place. */
bool rsd_stored_original(const struct rsd_stored *stored, const struct rsd_script_place *place,
                         struct rsd_original *original);
/* The order of ORIGINALS. */
int rsd_script_place_order(const struct rsd_script_place *a, const struct rsd_script_place *b);

/* Names on their way into a trace: entries as they will stand in the file, strings as numbers in `strings`. */
struct rsd_storing {
    struct rsd_intern strings;
    struct residue_names_binary *binaries;
    size_t binary_count, binary_capacity;
    struct residue_names_address *addresses;
    size_t address_count, address_capacity;
    struct residue_names_function *functions;
    size_t function_count, function_capacity;
    struct residue_names_package *packages;
    size_t package_count, package_capacity;
    struct residue_names_original *originals;
    size_t original_count, original_capacity;
};

void rsd_storing_begin(struct rsd_storing *storing);
/* The number of a string; 0 for NULL and for an empty one. */
uint32_t rsd_storing_string(struct rsd_storing *storing, const char *text);
/* The file as bytes, to be freed; NULL when there is more than a file may hold. */
uint8_t *rsd_storing_bytes(struct rsd_storing *storing, uint64_t trace_id, size_t *size);
void rsd_storing_free(struct rsd_storing *storing);

#endif
