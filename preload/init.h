/*
 * The recorder's state and its beginning and end. The states and their transitions are drawn in init.c.
 */
#ifndef RSD_INIT_H
#define RSD_INIT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "config.h"
#include "log.h"

/* What is settled before the first record and does not change. */
struct rsd_trace {
    char directory[RSD_PATH_SIZE - 64]; /* absolute */
    uint64_t id;
    int pid;
    uint32_t depth;
    bool nursery; /* RESIDUE_MODE=survivors */
    enum rsd_javascript javascript;
    bool started; /* RESIDUE_START=on */
    struct rsd_instant start;
};
extern struct rsd_trace rsd_trace;
extern size_t rsd_page_size;

/* Are V8's frames to be named from its objects? */
static inline bool rsd_names_from_frames(void) {
    return rsd_trace.javascript == RSD_JAVASCRIPT_AUTO || rsd_trace.javascript == RSD_JAVASCRIPT_FRAMES;
}

/* The gate of every hook: words in a page that fork wipes. 0: not this, and not in this process. */
struct rsd_gate {
    _Atomic uint32_t blocks; /* the malloc family is recorded */
    _Atomic uint32_t alive;  /* so is everything else: mappings, code, threads, barriers */
};
extern struct rsd_gate *rsd_gate;

static inline bool rsd_recording(void) {
    return __builtin_expect(atomic_load_explicit(&rsd_gate->blocks, memory_order_relaxed) != 0, 1);
}

/* True also while the recording of blocks is switched off. */
static inline bool rsd_alive(void) {
    return __builtin_expect(atomic_load_explicit(&rsd_gate->alive, memory_order_relaxed) != 0, 1);
}

/* Switch the recording of blocks on or off; nothing happens once recording has ended. */
void rsd_gate_blocks(bool open);

/* Resolve the real functions and begin to record; the first call does it, from the first hook or the constructor. */
void rsd_start(void);

/* Recording ends here, the program goes on. `error` is a negative errno or 0. Says it once, on stderr and in the
 * trace. */
void rsd_stop(long error, const char *what);

#endif
