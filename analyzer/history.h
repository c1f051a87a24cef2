/* What the tagged records tell: modules, threads, barriers, memory samples, clocks, how it ended. */
#ifndef RSD_HISTORY_H
#define RSD_HISTORY_H

#include "intern.h"
#include "sampling.h"
#include "tagged.h"
#include "trace.h"

/* A file that was loaded: the same one at two addresses, or twice in a row, is one binary. */
struct rsd_binary {
    const char *path; /* terminated; in `binary_keys` */
    const uint8_t *build_id;
    size_t build_id_size;
};

struct rsd_module { /* one MODULE record */
    uint32_t id;
    uint32_t binary; /* number in `binaries` */
    uint64_t bias;
};

struct rsd_barrier {
    uint64_t time;
    enum residue_barrier_reason reason;
    char *name;
};

struct rsd_sample { /* MEMORY */
    uint64_t time;
    uint64_t virtual_bytes, rss_bytes, shared_bytes;
    uint64_t cpu_ns; /* 0: not known */
};

struct rsd_thread {
    uint64_t time;
    uint32_t writer, tid, serial;
    char name[17];
};

struct rsd_js_name {
    const char *name, *file; /* terminated; in `js_keys` */
    uint32_t line, column;
    bool builtin;
};

struct rsd_js_function { /* a writer's number for a function */
    uint64_t key;        /* writer << 32 | id */
    uint32_t function;   /* number in `js_names` */
};

struct rsd_code { /* one CODE record */
    uint32_t id;
    uint32_t function; /* number in `js_names` */
};

struct rsd_history {
    struct rsd_module *modules; /* by id */
    size_t module_count, module_capacity;
    struct rsd_binary *binaries;
    size_t binary_count, binary_capacity;
    struct rsd_intern binary_keys;
    struct rsd_barrier *barriers; /* by time */
    size_t barrier_count, barrier_capacity;
    struct rsd_sample *samples; /* by time */
    size_t sample_count, sample_capacity;
    struct rsd_thread *threads;
    size_t thread_count, thread_capacity;
    struct rsd_js_function *js; /* by key */
    size_t js_count, js_capacity;
    struct rsd_js_name *js_names;
    size_t js_name_count, js_name_capacity;
    struct rsd_intern js_keys;
    struct rsd_code *codes; /* by id */
    size_t code_count, code_capacity;
    char *javascript;             /* how far it is named: a sentence; NULL when it is not node */
    char *node;                   /* its version, "v20.20.2"; NULL when it is not node */
    bool counts;                  /* there are COUNTS records */
    struct rsd_sampling sampling; /* not every allocation is recorded, if it has any rates */
    bool late;                    /* there are LATE records */
    bool temporaries;             /* it is known which blocks were */
    uint64_t compacted;           /* time before which blocks that died are in no record; 0: none is left out */
    bool ended;                   /* there is an END record */
    uint64_t end_time;            /* its time */
    char *stop;                   /* why the recorder stopped before the program did, or NULL */
    uint64_t stop_time;
    uint64_t first, last; /* times of the first and last record of any kind */
    uint64_t origin;      /* time of 0.0 s */
    double rate;          /* ticks per second, by the best clocks there are */
};

void rsd_history_read(struct rsd_history *history, struct rsd_trace *trace, struct rsd_source *source);
void rsd_history_free(struct rsd_history *history);

/* Seconds since the start of the trace, and back. */
double rsd_history_seconds(const struct rsd_history *history, uint64_t time);
uint64_t rsd_history_time(const struct rsd_history *history, double seconds);

/* Is it node itself, in its executable or its library? False for a number that is no binary's. */
bool rsd_is_node(const struct rsd_history *history, uint32_t binary);
/* So many parts of `whole` of a span of time: whatever the span is, nothing overflows. */
static inline uint64_t rsd_history_part(uint64_t span, uint64_t part, uint64_t whole) {
    return span / whole * part + span % whole * part / whole;
}

/* NULL when no record names it. */
const struct rsd_module *rsd_history_module(const struct rsd_history *history, uint32_t id);
const struct rsd_js_function *rsd_history_js(const struct rsd_history *history, uint32_t writer, uint32_t id);
const struct rsd_code *rsd_history_code(const struct rsd_history *history, uint32_t id);
const struct rsd_barrier *rsd_history_barrier(const struct rsd_history *history, enum residue_barrier_reason reason);
/* Is it a mark by which somebody counts work? Those that the recorder sets itself, when memory runs short, are not. */
bool rsd_barrier_counts_work(const struct rsd_barrier *barrier);
/* Does it switch the recording of blocks on or off? */
bool rsd_barrier_switches(const struct rsd_barrier *barrier);
/* The last barrier that switched the recording of blocks on or off, up to a time; NULL: it has been on from the start. */
const struct rsd_barrier *rsd_history_switch(const struct rsd_history *history, uint64_t time);
/* Was the recording of blocks on at any time from the one to the other? */
bool rsd_history_recorded(const struct rsd_history *history, uint64_t from, uint64_t to);

#endif
