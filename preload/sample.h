/*
 * Which allocations are recorded: all of them, or samples by bytes. See sample.c.
 */
#ifndef RSD_SAMPLE_H
#define RSD_SAMPLE_H

#include "addresses.h"

/* The calling thread's way to its next sample. */
struct rsd_sampler {
    int64_t left;    /* bytes that it may still allocate before that */
    uint64_t rate;   /* mean distance with which `left` was drawn; 0: not drawn yet */
    uint64_t taken;  /* the same for the sample taken last; 0: there was none */
    uint64_t random; /* the generator's state */
};

extern __thread struct rsd_sampler rsd_sampler __attribute__((tls_model("initial-exec")));
extern _Atomic uint64_t rsd_sample_rate;     /* mean bytes from sample to sample; 0: every allocation is recorded */
extern _Atomic bool rsd_sample_whole_before; /* all was recorded before samples began: set before the rate is */
extern struct rsd_addresses rsd_samples;     /* the blocks that were sampled and live */

struct rsd_thread;

/* Before the first record: RESIDUE_MODE=sample (else 0) and RESIDUE_MAX_SIZE (0: none), in bytes. */
void rsd_sample_init(uint64_t rate, uint64_t max_size);

/* In a child made by fork() (fork.c). */
void rsd_sample_after_fork(void);

/* So many more bytes of the trace are on disk, in its live files or its logs. */
void rsd_sample_note_live(uint64_t bytes);
void rsd_sample_note_log(uint64_t bytes);

/* Whether the trace has more bytes than it may, so that what can be left out should be. */
bool rsd_sample_over_size(void);

bool rsd_sample_reached(size_t size);
bool rsd_sample_begin(struct rsd_thread *self, const void *block);
bool rsd_sample_end(const void *block);

static inline bool rsd_sampling(void) {
    return __builtin_expect(atomic_load_explicit(&rsd_sample_rate, memory_order_acquire) != 0, 0);
}

/* Whether an allocation goes unrecorded: the whole cost of nearly all of them, when samples are taken. */
static inline bool rsd_sample_passes(size_t size) {
    if (!rsd_sampling())
        return false;
    rsd_sampler.left -= (int64_t)(size | !size);
    return __builtin_expect(rsd_sampler.left > 0, 1) || !rsd_sample_reached(size);
}

/* Whether what allocated this block may record it, and its end is then recorded too. After rsd_sample_passes(). */
static inline bool rsd_sample_keeps(struct rsd_thread *self, const void *block) {
    return __builtin_expect(rsd_sampler.taken == 0, 1) || rsd_sample_begin(self, block);
}

/* Whether the end of a block goes unrecorded: for nearly all of them this tells. */
static inline bool rsd_sample_passes_free(const void *block) {
    return rsd_sampling() && !atomic_load_explicit(&rsd_sample_whole_before, memory_order_relaxed) &&
           !rsd_addresses_has(&rsd_samples, block);
}

/* The same where it is not that simple. If not, the end must be recorded now. */
static inline bool rsd_sample_passes_end(const void *block) {
    return rsd_sampling() && !rsd_sample_end(block);
}

/* What the last call said about this block was premature: it lives. */
static inline void rsd_sample_revive(const void *block) {
    if (rsd_sampling())
        rsd_addresses_add(&rsd_samples, block);
}

#endif
