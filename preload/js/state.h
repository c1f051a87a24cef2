/*
 * One writer's state: what the rooms of this folder remember for a thread.
 */
#ifndef RSD_JS_STATE_H
#define RSD_JS_STATE_H

#include "js/js.h"
#include "js/layout.h"

#define RSD_JS_CACHE_SLOTS 4096u
#define RSD_JS_MISSES 64u
#define RSD_JS_SOURCES 256u
#define RSD_JS_MARKS 127u
#define RSD_JS_ANSWERS 64u
#define RSD_JS_CHUNK 4096u

#define RSD_JS_KNOWN_PLACES 8u

/* In the middle of a collection, or while another thread changes the rights of a page, a table may be out of reach without
 * that showing. What lacks something is believed only when it did so as often as this. */
#define RSD_JS_DOUBTS 16u
#define RSD_JS_SEARCHES 4u

/* known.c: a frame that was named before. */
struct rsd_js_known {
    uintptr_t pc, shared, offset; /* the key; offset: the bytecode offset's word for a pc in builtins, else 0 */
    uintptr_t name, script;       /* the words by which the SharedFunctionInfo led to its name */
    uintptr_t code, positions;    /* of generated code: the Code object, and the word that leads to its positions */
    uint32_t doubts;              /* how often it was found without a line; 0: with one, or it needs none */
    uint32_t count;
    struct rsd_js_place place[RSD_JS_KNOWN_PLACES];
};

/* intern.c: a function that has an id. */
struct rsd_js_interned {
    uint64_t hash;
    uint32_t line;
    uint32_t id; /* 0: empty */
};

/* lines.c: where the lines of a source text begin, sparsely. */
struct rsd_js_source {
    uintptr_t text;
    uint32_t size, marks; /* marks made so far */
    uint64_t sample;
    struct {
        uint32_t lines;    /* line ends before the mark */
        uint32_t last_end; /* the position after the last of them */
    } mark[RSD_JS_MARKS + 1];
    struct {
        uint32_t position; /* 0: empty; the first position needs no counting */
        uint32_t lines, last_end;
    } answer[RSD_JS_ANSWERS]; /* positions that were asked for, by hash */
};

struct rsd_js {
    rsd_js_write *write;
    void *context;
    uint32_t forwarded;            /* objects that this stack led to and that were being moved */
    bool used;                     /* since it was made or handed over */
    struct rsd_js_source *sampled; /* whose text was looked at last, since the stack began; NULL: none */
    uintptr_t stream_map;          /* code.c: the map of all machine code objects of this isolate; 0: not seen yet */
    struct rsd_js_interned *interned;
    uint32_t interned_mask, interned_used, functions;
    uint32_t next_miss;
    struct {
        uintptr_t pc, function;
        uint32_t times;
    } miss[RSD_JS_MISSES];                 /* frames.c: generated code that belongs to no Code object */
    uint16_t known_at[RSD_JS_CACHE_SLOTS]; /* by hash: which of `known`; 0: none */
    uint16_t known_used;
    struct rsd_js_known
        known[RSD_JS_CACHE_SLOTS + 1]; /* in the order in which they came: few pages; the first is none */
    struct rsd_js_source source[RSD_JS_SOURCES];
    unsigned char chunk[RSD_JS_CHUNK]; /* of a text or table, where it cannot be read in place */
    char name[RSD_JS_NAME_SIZE];
    char file[RSD_JS_FILE_SIZE];
};

#endif
