/* Where the resident memory is: rows that add up to RSS. */
#ifndef RSD_LEDGER_H
#define RSD_LEDGER_H

#include "names/names.h"
#include "pairing.h"
#include "smaps.h"

#define RSD_LEDGER_ROWS(X)                                                                                             \
    X(NATIVE, "native", "native, outstanding")                                                                         \
    X(OVERHEAD, "overhead", "malloc's own bytes beside these")                                                         \
    X(RETAINED, "retained", "freed, but kept by malloc")                                                               \
    X(UNSEEN, "unseen", "malloc's: samples cannot tell if freed")                                                      \
    X(BEFORE, "before", "malloc's, from when nothing was recorded")                                                    \
    X(V8, "v8", "V8's heap")                                                                                           \
    X(V8_CODE, "v8_code", "V8's code")                                                                                 \
    X(WASM, "wasm", "WebAssembly memory, resizable buffers")                                                           \
    X(MAPPED, "mapped", "mapped by libraries themselves")                                                              \
    X(FILES, "files", "programs and libraries")                                                                        \
    X(STACKS, "stacks", "stacks of threads")                                                                           \
    X(SHARED, "shared", "shared memory")                                                                               \
    X(TRACER, "tracer", "residue itself")                                                                              \
    X(OTHER, "other", "not attributed")

enum rsd_ledger_row {
#define X(name, key, text) RSD_LEDGER_##name,
    RSD_LEDGER_ROWS(X)
#undef X
        RSD_LEDGER_COUNT
};

struct rsd_owner { /* a library with mappings of its own */
    uint32_t binary;
    uint64_t resident, mapped; /* bytes */
};

struct rsd_v8_part { /* what one stack of V8's mapped */
    uint32_t stack;
    uint64_t resident;
};

struct rsd_ledger {
    uint64_t time; /* 0: there was no sample */
    uint64_t rss_bytes;
    uint64_t row[RSD_LEDGER_COUNT];
    uint64_t v8_young;        /* of V8: mapped for young objects */
    uint64_t whole_free;      /* of RETAINED: pages on which nothing is outstanding */
    uint64_t further;         /* of RETAINED: in heaps of arenas beyond the main one and the one that keeps most */
    size_t heaps;             /* of arenas; the main one counts */
    struct rsd_owner *owners; /* of MAPPED, most resident bytes first */
    size_t owner_count, owner_capacity;
    uint64_t largest_further; /* while it is drawn up: what the heap beside the main one keeps that keeps most */
    struct rsd_v8_part *v8;   /* what V8 is made of, until rsd_ledger_name_v8() */
    size_t v8_count, v8_capacity;
};

/* Draw up the ledger of a sample with what is outstanding at its time. */
void rsd_ledger_make(struct rsd_ledger *ledger, const struct rsd_smaps *smaps, const struct rsd_pairing *pairing,
                     const struct rsd_trace *trace, const struct rsd_history *history);
void rsd_ledger_free(struct rsd_ledger *ledger);
/* Tell WebAssembly's memory from V8's heap, and young objects from old ones, by the names on the stacks. */
void rsd_ledger_name_v8(struct rsd_ledger *ledger, struct rsd_names *names, const struct rsd_stacks *stacks);

#define RSD_NO_BINARY UINT32_MAX
/* The binary that is answerable for a stack: the first from the leaf that is neither libc, the loader, libstdc++ nor the
 * recorder. RSD_NO_BINARY: there is none. */
uint32_t rsd_owner_of(const struct rsd_history *history, const struct rsd_stacks *stacks, uint32_t stack);
/* Which part of V8 mapped memory from this stack? */
enum rsd_v8_kind { RSD_V8_OLD, RSD_V8_YOUNG, RSD_V8_BUFFERS };
enum rsd_v8_kind rsd_v8_kind_of(struct rsd_names *names, const struct rsd_stacks *stacks, uint32_t stack);

#endif
