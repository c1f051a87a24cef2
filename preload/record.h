/*
 * From a hook into the log. Every function may be called at any time on any thread, does nothing when the thread cannot
 * record now, and leaves errno as it was.
 */
#ifndef RSD_RECORD_H
#define RSD_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"
#include "unwind/unwind.h"

/* A block was allocated: after the real call, and unless it is passed over (sample.h). */
void rsd_record_alloc(const void *block, size_t size, enum residue_api api, const struct rsd_registers *from);

/* A block is about to be freed: before the real call, and unless that is passed over (sample.h). */
void rsd_record_free(const void *block, enum residue_api api);

/* realloc in two halves: a word before the real call (0: not recording), and both records after it. `to` NULL: the
 * block was freed. */
uint64_t rsd_record_realloc_begin(const void *block);
void rsd_record_realloc_end(uint64_t began, const void *from_block, const void *to, size_t size, enum residue_api api,
                            const struct rsd_registers *from);

/* It came to nothing: the block is what it was. */
void rsd_record_realloc_failed(uint64_t began, const void *block);

/* A call that concerns mappings. `from` NULL: without a stack. `when` 0: now. */
void rsd_record_mapping(uint64_t when, uintptr_t at, uint64_t size, enum residue_api api, uint32_t detail,
                        const struct rsd_registers *from);

/* A time for rsd_record_mapping, before the real call; 0: not recording. */
uint64_t rsd_record_now(void);

/* An instant at which what is outstanding is exact. */
void rsd_record_barrier(enum residue_barrier_reason reason, const char *name);

#endif
