/* Where names come from: what is stored in the trace, and the files on this machine. */
#ifndef RSD_LOOKUP_H
#define RSD_LOOKUP_H

#include "history.h"
#include "names/elf.h"
#include "names/stored.h"
#include "trace.h"

/* Where names are looked up for a trace; the binaries are those of its history, by their number there. */
struct rsd_lookup *rsd_lookup_open(struct rsd_trace *trace, const struct rsd_history *history,
                                   const struct rsd_places *places);
void rsd_lookup_close(struct rsd_lookup *lookup);

/* The symbol that covers an address in a binary; NULL when none is known. */
const struct rsd_symbol *rsd_lookup_symbol(struct rsd_lookup *lookup, uint32_t binary, uint64_t address);
/* The functions inlined at an address, as rsd_elf_inlines has them. */
size_t rsd_lookup_inlines(struct rsd_lookup *lookup, uint32_t binary, uint64_t address, struct rsd_inline *list,
                          size_t most);
/* The npm package of a file by its path in the traced system; NULL when it is in none. To be freed. */
char *rsd_lookup_package(struct rsd_lookup *lookup, const char *path);

/* What a source map makes of a place in a script. False: it has none that tells. */
bool rsd_lookup_original(struct rsd_lookup *lookup, const struct rsd_script_place *place,
                         struct rsd_original *original);

/* Can anything be said of an address in a binary, if it is only that it has no name? */
bool rsd_lookup_knows(struct rsd_lookup *lookup, uint32_t binary, uint64_t address);
/* Why not, once that was asked; NULL when there is nothing to say. */
const char *rsd_lookup_problem(struct rsd_lookup *lookup, uint32_t binary);

#endif
