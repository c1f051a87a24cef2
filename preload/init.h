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
    struct rsd_parent {
        int pid; /* 0: this process was not forked from a recorded one */
        uint64_t id;
        char directory[RSD_PATH_SIZE - 64]; /* empty: it had not made a trace yet */
    } parent;
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

/* From the handler in a child made by fork(), which has forgotten the parent's trace: record there, or not. */
void rsd_forked(bool blocks);

/* The child's first call that is recorded: make its trace. False: it is not recorded. True at all times in a process that
 * was not forked. */
bool rsd_begin_in_child(void);

/* Whether we are in a copy of the recorded process that knows nothing of it: a child by raw clone or _Fork. */
bool rsd_is_other_process(void);

/* Recording ends here, the program goes on. `error` is a negative errno or 0. Says it once, on stderr and in the
 * trace. */
void rsd_stop(long error, const char *what);

#endif
