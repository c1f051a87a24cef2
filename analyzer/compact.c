/*
 * Compaction: most records of a long trace are of blocks that died long ago. What they did is added up by call site, and the
 * records are left out.
 *
 *     before             ALLOC p ... FREE p ......... | moment | ....... end
 *     after              COUNTS (calls, bytes) ...... | moment | ....... end
 *
 * Two passes. The first pairs frees with allocations as the analysis does, up to the moment, and marks both records of each
 * pair: a bit a record, by its number in its stream. What pairs with nothing stays, so that it is still seen to be odd. The
 * second writes each stream anew without what is marked, and adds the marked allocations to the counts of their
 * nodes, which COUNTS records then carry from the moment on: "cumulative for what died".
 *
 * From the moment on nothing has changed: what is outstanding, allocated and called by call site, at each instant. Before it
 * the blocks that died are missing in the curves. What was allocated before the start of the window is counted
 * at the start and not at the moment, for the window's own figures are differences. A COMPACTED record says what was done.
 *
 * Mappings are few and stay. The blocks of a sampled trace are counted with their weights; their share in the standard errors
 * of what was allocated is lost.
 */
#include "compact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "write.h"

/* ---- What is dead ------------------------------------------------------------------------------------------------- */

struct bits {
    uint8_t *list;
    uint64_t count; /* records seen */
    size_t room;    /* bytes */
};

struct work {
    struct rsd_analysis *a;
    uint64_t start, before;
    struct bits (*dead)[RESIDUE_KINDS]; /* by place of the writer */
    struct rsd_intern keys;             /* (writer's number, node) */
    struct rsd_died *died;
    size_t died_count, died_capacity;
    struct rsd_compaction *result;
};

struct rsd_died { /* what died at a node */
    uint32_t writer, node;
    uint64_t calls[2], bytes[2];   /* allocated before the window, and in it */
    struct residue_counts counted; /* by the last COUNTS record that went by */
};

static uint64_t next_record(struct bits *bits) {
    if (bits->count / 8 >= bits->room) {
        size_t room = bits->room ? bits->room * 2 : 4096;
        bits->list = rsd_realloc(bits->list, room);
        memset(bits->list + bits->room, 0, room - bits->room);
        bits->room = room;
    }
    return bits->count++;
}

static void mark(struct bits *bits, uint64_t record) {
    bits->list[record / 8] |= (uint8_t)(1u << record % 8);
}

static bool is_marked(const struct bits *bits, uint64_t record) {
    return record < bits->count && bits->list[record / 8] >> record % 8 & 1;
}

static bool allocates(enum residue_kind kind, uint64_t where) {
    return kind == RESIDUE_ALLOC || (kind == RESIDUE_LARGE && residue_where_api(where) < RESIDUE_API_FREE);
}

/* A block stands in the live set with its record's number for a time, and its stream for a site. */
static void pair(struct work *w, struct rsd_live *live, const struct rsd_stream *stream) {
    enum residue_kind kind = stream->cursor.kind;
    uint64_t where, record = next_record(&w->dead[stream->writer][kind]);
    memcpy(&where, stream->cursor.record + offsetof(struct residue_alloc, where), sizeof where);
    uint64_t address = residue_where_address(where);
    struct rsd_block old;
    if (!address)
        return;
    if (allocates(kind, where)) {
        struct rsd_block block = rsd_block_make(address, 1, record, stream->writer * 2 + (kind == RESIDUE_LARGE));
        rsd_live_add(live, &block, &old);
    } else if (kind == RESIDUE_FREE && rsd_live_remove(live, address, &old)) {
        mark(&w->dead[stream->writer][RESIDUE_FREE], record);
        mark(&w->dead[old.site / 2][old.site % 2 ? RESIDUE_LARGE : RESIDUE_ALLOC], old.time);
    }
}

static void find_dead(struct work *w) {
    struct rsd_live live = {0};
    struct rsd_merge merge;
    rsd_merge_open(&merge, &w->a->trace, &w->a->source, RSD_EVENTS);
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); rsd_merge_next(&merge)) {
        if (stream->cursor.time > w->before)
            break;
        pair(w, &live, stream);
    }
    rsd_merge_close(&merge);
    rsd_live_free(&live);
}

/* ---- What the dead did -------------------------------------------------------------------------------------------- */

static struct rsd_died *died_of(struct work *w, uint32_t writer, uint32_t node) {
    uint32_t key[2] = {writer, node};
    uint32_t number = rsd_intern(&w->keys, key, sizeof key);
    if (number == w->died_count) {
        RSD_ROOM(w->died, w->died_count, w->died_capacity);
        w->died[w->died_count++] = (struct rsd_died){.writer = writer, .node = node};
    }
    return &w->died[number];
}

static void count_dead(struct work *w, const struct rsd_writer *writer, uint64_t where, uint64_t time, uint64_t size,
                       uint32_t node) {
    const struct rsd_sampling *sampling = &w->a->history.sampling;
    struct rsd_block block = rsd_block_make(residue_where_address(where), size, time, 0);
    block.rate = rsd_sampling_rate(sampling, writer->number, time) & (RSD_RATES - 1);
    struct rsd_weight weight = rsd_weigh(sampling, &block);
    struct rsd_died *died = died_of(w, writer->number, node);
    int part = time > w->start;
    died->calls[part] += weight.blocks;
    died->bytes[part] += weight.bytes;
}

static void count_record(struct work *w, const struct rsd_cursor *cursor) {
    if (cursor->kind == RESIDUE_ALLOC) {
        struct residue_alloc r;
        memcpy(&r, cursor->record, sizeof r);
        count_dead(w, cursor->writer, r.where, r.time, r.size, r.node);
    } else if (cursor->kind == RESIDUE_LARGE) {
        struct residue_large r;
        memcpy(&r, cursor->record, sizeof r);
        count_dead(w, cursor->writer, r.where, r.time, r.size, r.node);
    }
}

/* ---- Writing ------------------------------------------------------------------------------------------------------ */

/* Visit all records of one kind of one writer. */
static void each_record(struct work *w, struct rsd_writer *writer, enum residue_kind kind,
                        void (*visit)(void *context, const struct rsd_cursor *cursor, size_t size), void *context) {
    struct rsd_cursor cursor;
    bool more = rsd_cursor_open(&cursor, writer, kind, &w->a->source);
    while (more) {
        if (!rsd_cursor_load(&cursor)) {
            more = cursor.time != UINT64_MAX;
            continue;
        }
        visit(context, &cursor, rsd_record_at(kind, cursor.record, cursor.end));
        more = rsd_cursor_next(&cursor);
    }
    rsd_cursor_close(&cursor);
}

struct stream {
    struct work *w;
    struct rsd_output *output;
    const struct bits *dead;
    uint64_t record;
};

static void keep_or_count(void *context, const struct rsd_cursor *cursor, size_t size) {
    struct stream *stream = context;
    bool dead = is_marked(stream->dead, stream->record++);
    stream->w->result->records++;
    stream->w->result->dropped += dead;
    if (dead)
        count_record(stream->w, cursor);
    else
        rsd_output_put(stream->output, cursor->record, size);
}

static void write_events(struct work *w, size_t place, struct rsd_output *output) {
    static const enum residue_kind kinds[] = {RESIDUE_ALLOC, RESIDUE_FREE, RESIDUE_LARGE};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct stream stream = {.w = w, .output = output, .dead = &w->dead[place][kinds[i]]};
        rsd_output_begin(output, kinds[i]);
        each_record(w, &w->a->trace.writers[place], kinds[i], keep_or_count, &stream);
        rsd_output_end(output);
    }
}

/* The process's records, with the counts as they are now. */
struct process {
    struct work *w;
    struct rsd_output *output;
    int done; /* 0: before the start of the window; 1: in it; 2: behind the moment */
};

static void put_counts(struct process *p, struct residue_counts record, const struct rsd_died *died) {
    for (int part = 0; part < p->done; part++) {
        record.calls += died->calls[part];
        record.bytes += died->bytes[part];
    }
    rsd_output_put(p->output, &record, sizeof record);
}

static void pass(struct process *p, uint64_t time) {
    struct work *w = p->w;
    const uint64_t at[2] = {w->start, w->before};
    while (p->done < 2 && time > at[p->done]) {
        int part = p->done++;
        for (size_t i = 0; i < w->died_count; i++) {
            struct residue_counts record = w->died[i].counted;
            record.head = (struct residue_tagged){.tag = RESIDUE_TAG_COUNTS, .size = sizeof record, .time = at[part]};
            record.node = w->died[i].node;
            record.writer = w->died[i].writer;
            if (w->died[i].calls[part])
                put_counts(p, record, &w->died[i]);
        }
    }
}

static void put_compacted(struct process *p) {
    struct residue_compacted record = {.head = {.tag = RESIDUE_TAG_COMPACTED, .size = sizeof record},
                                       .before = p->w->before,
                                       .records = p->w->result->dropped};
    record.head.time = p->w->a->history.last > p->w->before ? p->w->a->history.last : p->w->before;
    rsd_output_put(p->output, &record, sizeof record);
}

static void put_process_record(void *context, const struct rsd_cursor *cursor, size_t size) {
    struct process *p = context;
    struct rsd_tagged r;
    pass(p, cursor->time);
    if (rsd_tagged_parse(&r, cursor->record, size) != RSD_TAGGED_OK || r.tag != RESIDUE_TAG_COUNTS) {
        rsd_output_put(p->output, cursor->record, size);
        return;
    }
    struct rsd_died *died = died_of(p->w, r.counts.writer, r.counts.node);
    died->counted = r.counts;
    put_counts(p, r.counts, died);
}

static void write_process(struct work *w, struct rsd_writer *writer, struct rsd_output *output) {
    struct process process = {.w = w, .output = output};
    rsd_output_begin(output, RESIDUE_OTHER);
    each_record(w, writer, RESIDUE_OTHER, put_process_record, &process);
    pass(&process, UINT64_MAX);
    put_compacted(&process);
    rsd_output_end(output);
}

static bool write_writer(struct work *w, size_t place, const char *to, char **why) {
    struct rsd_output output;
    struct rsd_writer *writer = &w->a->trace.writers[place];
    rsd_output_open(&output, to, &w->a->trace, writer);
    rsd_output_copy(&output, RESIDUE_NODE);
    write_events(w, place, &output);
    if (writer->number == RESIDUE_PROCESS_WRITER)
        write_process(w, writer, &output);
    else
        rsd_output_copy(&output, RESIDUE_OTHER);
    int error = rsd_output_close(&output, to, &w->a->trace);
    w->result->bytes += output.bytes;
    if (error)
        *why = rsd_format("%s/%s: %s", to, writer->log_name, strerror(error));
    return error == 0;
}

/* The process's own writer comes last: it has the counts of all. */
static bool write_all(struct work *w, const char *to, char **why) {
    const struct rsd_trace *trace = &w->a->trace;
    bool process = trace->writer_count && trace->writers[0].number == RESIDUE_PROCESS_WRITER;
    if (!process) {
        *why = rsd_format("%s has no process.log: there is no place for the counts", trace->path);
        return false;
    }
    for (size_t i = 1; i < trace->writer_count; i++)
        if (!write_writer(w, i, to, why))
            return false;
    return write_writer(w, 0, to, why);
}

bool rsd_compact(struct rsd_analysis *outline, uint64_t start, uint64_t before, const char *to,
                 struct rsd_compaction *result, char **why) {
    size_t writers = outline->trace.writer_count;
    struct work w = {.a = outline, .start = start < before ? start : before, .before = before, .result = result};
    w.dead = rsd_zalloc(writers, sizeof *w.dead);
    *result = (struct rsd_compaction){0};
    find_dead(&w);
    bool written = write_all(&w, to, why);
    for (size_t i = 0; i < writers; i++)
        for (int kind = 0; kind < RESIDUE_KINDS; kind++)
            free(w.dead[i][kind].list);
    free(w.dead);
    free(w.died);
    rsd_intern_free(&w.keys);
    return written;
}
