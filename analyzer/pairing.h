/* Events applied to what is outstanding. */
#ifndef RSD_PAIRING_H
#define RSD_PAIRING_H

#include "lasting.h"
#include "live.h"
#include "maps.h"
#include "merge.h"
#include "sampling.h"
#include "sites.h"

/* What makes no sense, X(name, is it an anomaly, text). The others are counted and shown, but are everyday: a program
 * may unmap what the loader mapped before recording began. */
#define RSD_ANOMALIES(X)                                                                                               \
    X(FREE_UNKNOWN, true, "frees of an address that was never recorded as allocated")                                  \
    X(FREE_TWICE, true, "frees of an address that had been freed already")                                             \
    X(REALLOC_UNKNOWN, true, "reallocs of an address that was not recorded as allocated")                              \
    X(ALLOC_OVER_LIVE, true, "allocations at an address that was still live (taken as freed)")                         \
    X(BAD_RECORD, true, "records that make no sense: no address, size or function of that sort")                       \
    X(FREE_UNSAMPLED, false, "frees of an address that no sample was recorded of")                                     \
    X(FREE_BEFORE, false, "frees and reallocs of what was allocated while recording was off")                          \
    X(NO_STACK, false, "allocations without a stack")                                                                  \
    X(MAP_OVER_MAP, false, "mappings over a recorded one, without MAP_FIXED (taken as unmapped)")                      \
    X(UNMAP_UNKNOWN, false, "unmapped ranges that were never recorded as mapped")                                      \
    X(FREE_INHERITED, false, "frees of what a forked process had from its parent")

enum rsd_anomaly {
#define X(name, anomaly, text) RSD_ODD_##name,
    RSD_ANOMALIES(X)
#undef X
        RSD_ODDITIES
};

/* The attributes of what a writer unmapped last, for the mremap record that follows. */
struct rsd_unmapped {
    bool pending, known;
    struct rsd_range range;
};

/* With which rate a writer takes samples, while its records go by. */
struct rsd_rate_now {
    const struct rsd_rate_change *next;
    size_t left; /* changes to come */
    uint32_t rate;
};

struct rsd_pairing {
    struct rsd_live live;
    struct rsd_maps maps;
    struct rsd_sites heap;                  /* the malloc family */
    struct rsd_sites mappings;              /* mmap and its kin, brk */
    struct rsd_sums heap_now, mappings_now; /* over all sites of the program */
    struct rsd_sums tracer_now;             /* blocks that libc allocated for the recorder */
    uint64_t peak_bytes,
        peak_time; /* most that `heap_now` had in the window, and when; what left no record is not in it */
    uint64_t allocs, frees, map_calls;
    bool forked; /* the process began with blocks that this trace does not know */
    uint64_t anomaly[RSD_ODDITIES];
    bool gap;                            /* recording of blocks was off before: there are some that nobody knows */
    const struct rsd_sampling *sampling; /* NULL: every allocation is in the trace */
    struct rsd_rate_now *rates;          /* by place of the writer; only with `sampling` */
    uint64_t from;                       /* start of the window; only with `sampling` */
    uint64_t coarsest;                   /* the largest rate up to its end */
    uint64_t temporary;                  /* ticks: a sample that lived for less is a temporary */
    struct rsd_unmapped *unmapped;       /* by place of the writer */
    struct rsd_lasting lasting;          /* of `heap` */
    uint64_t *freed;                     /* addresses that were freed lately, by hash */
};

/* The window goes from one time to the other. */
void rsd_pairing_open(struct rsd_pairing *pairing, const struct rsd_stacks *stacks, size_t writers, uint64_t from,
                      uint64_t to);
/* Records are samples. To be called after opening; the window is `from` to `to`, the clock makes `rate` ticks a second. */
void rsd_pairing_sample(struct rsd_pairing *pairing, const struct rsd_sampling *sampling, const struct rsd_trace *trace,
                        uint64_t from, uint64_t to, double rate);
void rsd_pairing_close(struct rsd_pairing *pairing);
/* Apply the present record of a stream: ALLOC, FREE or LARGE. */
void rsd_pairing_apply(struct rsd_pairing *pairing, const struct rsd_stream *stream);
/* Recording of blocks begins here, again or for the first time: what was outstanding may have been freed meanwhile. */
void rsd_pairing_forget(struct rsd_pairing *pairing, uint64_t time);
/* The end of the window has come: what is outstanding stays. */
void rsd_pairing_end(struct rsd_pairing *pairing);
/* Count the ranges in use into live_blocks of the mapping sites: splitting makes it useless to keep that up. */
void rsd_pairing_count_ranges(struct rsd_pairing *pairing);
uint64_t rsd_pairing_anomalies(const struct rsd_pairing *pairing);

#endif
