/*
 * The canonical trie.
 *
 * Each writer numbers its own nodes, by addresses of one run of one process. Here they become nodes of one trie whose
 * key is (parent, kind, owner, offset): the binary instead of the module's load, the address in the file instead of the
 * pc, the function of the trace instead of the writer's number for it. So the same stack in different threads, or in a
 * library that was loaded twice, is one node.
 *
 * The parent of a node has a smaller id and stands in the trie already when the node is read; one pass per writer is
 * enough. Lost segments leave gaps in the ids: ids are kept as runs, so a gap costs nothing, however large a damaged
 * header claims it to be. A node whose parent is lost becomes an outermost frame with the end RSD_END_LOST.
 *
 * An origin node stands for the stack that queued what its thread does. Below it comes a seam, and then that stack, of
 * whichever writer. A writer whose next origin is not known yet waits there until the others have been read further; when all
 * wait what they wait for is lost, and the thread's own stack stands alone.
 *
 * The end node of a stack is not a frame. It becomes the `end` of the outermost frame, which is part of the key: two
 * stacks that differ only in how they end stay two.
 */
#include "stacks.h"

#include <string.h>

#include "memory.h"

/* ---- The trie ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const struct rsd_stack_node *n) {
    uint64_t low = (uint64_t)n->parent << 32 | n->owner;
    uint64_t rest = (uint64_t)n->kind << 16 | (uint64_t)n->end << 8 | (uint64_t)n->interrupted << 1 | n->has_binary;
    return rsd_mix(rsd_mix(low) ^ n->offset * 0x9e3779b97f4a7c15u ^ rest);
}

static bool same(const struct rsd_stack_node *a, const struct rsd_stack_node *b) {
    return a->offset == b->offset && a->parent == b->parent && a->owner == b->owner && a->kind == b->kind &&
           a->end == b->end && a->interrupted == b->interrupted && a->has_binary == b->has_binary;
}

static void place(struct rsd_stacks *stacks, uint32_t number) {
    size_t slot = hash_of(&stacks->nodes[number]) & (stacks->slot_count - 1);
    while (stacks->slots[slot])
        slot = (slot + 1) & (stacks->slot_count - 1);
    stacks->slots[slot] = number;
}

static void grow(struct rsd_stacks *stacks) {
    stacks->slot_count = stacks->slot_count ? stacks->slot_count * 2 : 1024;
    free(stacks->slots);
    stacks->slots = rsd_zalloc(stacks->slot_count, sizeof *stacks->slots);
    for (size_t i = 1; i < stacks->count; i++)
        place(stacks, (uint32_t)i);
}

static uint32_t intern(struct rsd_stacks *stacks, const struct rsd_stack_node *node) {
    if (stacks->count * 2 >= stacks->slot_count)
        grow(stacks);
    for (size_t slot = hash_of(node) & (stacks->slot_count - 1); stacks->slots[slot];
         slot = (slot + 1) & (stacks->slot_count - 1)) {
        struct rsd_stack_node *known = &stacks->nodes[stacks->slots[slot]];
        if (!same(known, node))
            continue;
        if (node->source == RESIDUE_SOURCE_SCAN) /* once a guess, always shown as one */
            known->source = RESIDUE_SOURCE_SCAN;
        return stacks->slots[slot];
    }
    RSD_ROOM(stacks->nodes, stacks->count, stacks->capacity);
    stacks->nodes[stacks->count] = *node;
    place(stacks, (uint32_t)stacks->count);
    return (uint32_t)stacks->count++;
}

/* ---- A writer's nodes -------------------------------------------------------------------------------------------- */

/* An end node has no number in the trie: it is kept as this bit and the reason. */
#define IS_END 0x80000000u

/* Frames of a stack, origins included. The recorder's have at most 1,024 each, of which each may stand for 16 more that were
 * inlined; a chain that a damaged trace makes up must not cost the square of its length. */
#define DEEPEST UINT16_MAX

static uint32_t look_up(const struct rsd_runs *runs, uint32_t id) {
    size_t low = 0, high = runs->count; /* the first run that begins behind the id */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (runs->list[middle].first <= id)
            low = middle + 1;
        else
            high = middle;
    }
    const struct rsd_run *run = low ? &runs->list[low - 1] : NULL;
    return run && id - run->first < run->count ? run->node[id - run->first] : RSD_NO_STACK;
}

struct rsd_reading {
    struct rsd_trace *trace;
    const struct rsd_history *history;
    struct rsd_source *source;
    bool waiting; /* an origin was not known */
};

/* "JIT: code id (section 5, tag 11)". A function of JavaScript is shown as one, at the line where it begins, whatever code it ran in;
 * V8's own code keeps its kind, by which it is known to come and go. */
static void set_code(struct rsd_stack_node *node, const struct rsd_history *history, const struct rsd_code *code) {
    const struct rsd_js_name *name = &history->js_names[code->function];
    node->has_binary = true;
    node->owner = code->function;
    node->offset = (uint64_t)name->line << 32 | name->column;
    if (!name->builtin)
        node->kind = RESIDUE_NODE_JS;
}

/* 4.4: "owner: NATIVE: module id (section 5, tag 2); JS: function id (tag 10)". */
static void set_owner(struct rsd_stack_node *node, const struct residue_node *n, uint32_t writer,
                      const struct rsd_history *history) {
    if (n->kind == RESIDUE_NODE_NATIVE) {
        const struct rsd_module *module = rsd_history_module(history, n->owner);
        node->has_binary = module != NULL;
        if (module) {
            node->owner = module->binary;
            node->offset = n->pc - module->bias;
        }
    } else if (n->kind == RESIDUE_NODE_JS) {
        const struct rsd_js_function *function = rsd_history_js(history, writer, n->owner);
        node->has_binary = function != NULL;
        node->owner = function ? function->function : 0;
    } else if (n->kind == RESIDUE_NODE_JIT) {
        const struct rsd_code *code = rsd_history_code(history, n->owner);
        if (code)
            set_code(node, history, code);
    }
}

/* 4.4: "origin: writer << 32 | node". RSD_NO_STACK: not read yet, or lost. */
static uint32_t find_origin(const struct rsd_stacks *stacks, const struct rsd_trace *trace, uint64_t origin) {
    size_t place = rsd_trace_place(trace, (uint32_t)(origin >> 32));
    return place < trace->writer_count ? look_up(&stacks->runs[place], (uint32_t)origin) : RSD_NO_STACK;
}

/* What stands in the place of an origin node: the seam, or the end node if the origin is lost. */
static uint32_t add_origin(struct rsd_stacks *stacks, const struct rsd_runs *runs, const struct residue_node *n,
                           struct rsd_reading *reading) {
    uint32_t origin = find_origin(stacks, reading->trace, n->pc);
    reading->waiting |= origin == RSD_NO_STACK;
    if (origin == RSD_NO_STACK || origin & IS_END || stacks->nodes[origin].depth == DEEPEST)
        return look_up(runs, n->parent);
    struct rsd_stack_node seam = {
        .parent = origin, .owner = n->owner, .kind = RESIDUE_NODE_ORIGIN, .depth = stacks->nodes[origin].depth + 1};
    return intern(stacks, &seam);
}

static uint32_t add_node(struct rsd_stacks *stacks, const struct rsd_runs *runs, const struct residue_node *n,
                         uint32_t writer, struct rsd_reading *reading) {
    const struct rsd_history *history = reading->history;
    if (n->kind == RESIDUE_NODE_END)
        return IS_END | (n->pc <= RESIDUE_END_TRACER ? (uint32_t)n->pc : RESIDUE_END_NO_RULE);
    if (n->kind == RESIDUE_NODE_ORIGIN)
        return add_origin(stacks, runs, n, reading);
    struct rsd_stack_node node = {.offset = n->pc,
                                  .kind = n->kind <= RESIDUE_NODE_UNKNOWN ? n->kind : RESIDUE_NODE_UNKNOWN,
                                  .source = n->source <= RESIDUE_SOURCE_LIBUNWIND ? n->source : RESIDUE_SOURCE_SCAN,
                                  .interrupted = n->flags & RESIDUE_NODE_INTERRUPTED};
    uint32_t parent = look_up(runs, n->parent);
    if (parent & IS_END)
        node.end = (uint8_t)(parent & 0xff);
    else if (parent == RSD_NO_STACK || stacks->nodes[parent].depth == DEEPEST)
        node.end = RSD_END_LOST;
    else
        node.parent = parent;
    node.depth = stacks->nodes[node.parent].depth + 1;
    set_owner(&node, n, writer, history);
    return intern(stacks, &node);
}

static struct rsd_run *begin_run(struct rsd_runs *runs, uint32_t first, size_t count) {
    RSD_ROOM(runs->list, runs->count, runs->capacity);
    struct rsd_run *run = &runs->list[runs->count++];
    *run = (struct rsd_run){.first = first, .node = rsd_alloc(count * sizeof *run->node)};
    return run;
}

/* How far the nodes of a writer have been read. */
struct rsd_nodes {
    struct rsd_cursor cursor;
    bool fresh; /* the cursor stands before a block of which nothing has been read */
    bool ended;
};

/* The id with which a block begins. The live file does not say it: it goes on where the log ends, also where the log's last
 * frame could not be read. */
static uint64_t first_id(const struct rsd_cursor *cursor, uint64_t next) {
    const struct rsd_frames *frames = &cursor->writer->frames[RESIDUE_NODE];
    uint64_t behind_log = frames->count ? frames->list[frames->count - 1].last + 1 : 1;
    if (cursor->frame)
        return cursor->frame->first;
    return behind_log > next ? behind_log : next;
}

/* "Ids count from 1 in the order of a writer's NODE records; frame headers carry the ids." A block goes on with the run
 * before it when the ids do, else it opens a new one. */
static bool begin_block(struct rsd_runs *runs, const struct rsd_cursor *cursor) {
    size_t count = (size_t)(cursor->end - cursor->record) / sizeof(struct residue_node);
    struct rsd_run *run = runs->count ? &runs->list[runs->count - 1] : NULL;
    uint64_t next = run ? (uint64_t)run->first + run->count : 1, first = first_id(cursor, next);
    const char *file = cursor->frame ? cursor->writer->log_name : cursor->writer->live_name;
    if (first < next || first >= IS_END || count > IS_END - first) {
        rsd_problem(cursor->source->problems, file, cursor->frame ? cursor->frame->offset : RSD_NO_OFFSET,
                    "node ids from %llu behind node %llu: dropped", (unsigned long long)first,
                    (unsigned long long)next - 1);
        return false;
    }
    if (run && first == next)
        run->node = rsd_realloc(run->node, (run->count + count) * sizeof *run->node);
    else
        begin_run(runs, (uint32_t)first, count);
    return true;
}

/* Have the next node in memory. False: there is none. */
static bool find_node(struct rsd_runs *runs, struct rsd_nodes *nodes) {
    while (!nodes->ended) {
        if (!rsd_cursor_load(&nodes->cursor)) {
            nodes->ended = nodes->cursor.time == UINT64_MAX;
            continue;
        }
        if (!nodes->fresh || begin_block(runs, &nodes->cursor))
            break;
        nodes->ended = !rsd_cursor_next_block(&nodes->cursor);
    }
    nodes->fresh = false;
    return !nodes->ended;
}

/* Up to the end or the first node whose origin has not been read, `anyway` behind the one that it stands at. Was there any? */
static bool read_nodes(struct rsd_stacks *stacks, size_t index, struct rsd_nodes *nodes, struct rsd_reading *reading,
                       bool anyway) {
    struct rsd_runs *runs = &stacks->runs[index];
    const struct rsd_cursor *cursor = &nodes->cursor;
    bool any = false;
    while (find_node(runs, nodes)) {
        struct residue_node n;
        memcpy(&n, cursor->record, sizeof n);
        reading->waiting = false;
        uint32_t node = add_node(stacks, runs, &n, cursor->writer->number, reading);
        if (reading->waiting && !(anyway && !any))
            return any;
        struct rsd_run *run = &runs->list[runs->count - 1];
        run->node[run->count++] = node;
        stacks->read++;
        any = true;
        nodes->fresh = cursor->record + cursor->size >= cursor->end;
        nodes->ended = !rsd_cursor_next(&nodes->cursor);
    }
    return any;
}

/* In rounds: two writers may be each other's origin, at different times. When nobody gets any further what is waited for is
 * lost. */
static void read_writers(struct rsd_stacks *stacks, struct rsd_reading *reading) {
    size_t count = reading->trace->writer_count, left = count;
    struct rsd_nodes *nodes = rsd_zalloc(count, sizeof *nodes);
    for (size_t i = 0; i < count; i++) {
        nodes[i].fresh = true;
        nodes[i].ended = !rsd_cursor_open(&nodes[i].cursor, &reading->trace->writers[i], RESIDUE_NODE, reading->source);
    }
    for (bool any = true; left;) {
        bool anyway = !any;
        any = false;
        left = 0;
        for (size_t i = 0; i < count; i++) {
            any |= read_nodes(stacks, i, &nodes[i], reading, anyway);
            left += !nodes[i].ended;
        }
    }
    for (size_t i = 0; i < count; i++)
        rsd_cursor_close(&nodes[i].cursor);
    free(nodes);
}

void rsd_stacks_read(struct rsd_stacks *stacks, struct rsd_trace *trace, const struct rsd_history *history,
                     struct rsd_source *source) {
    *stacks = (struct rsd_stacks){.writer_count = trace->writer_count};
    RSD_ROOM(stacks->nodes, stacks->count, stacks->capacity);
    stacks->nodes[stacks->count++] = (struct rsd_stack_node){.end = RSD_END_LOST};
    RSD_ROOM(stacks->nodes, stacks->count, stacks->capacity);
    stacks->nodes[stacks->count++] = (struct rsd_stack_node){.end = RESIDUE_END_TRACER};
    stacks->runs = rsd_zalloc(trace->writer_count, sizeof *stacks->runs);
    struct rsd_reading reading = {.trace = trace, .history = history, .source = source};
    read_writers(stacks, &reading);
}

static void forget_runs(struct rsd_runs *runs) {
    for (size_t i = 0; i < runs->count; i++)
        free(runs->list[i].node);
    free(runs->list);
    *runs = (struct rsd_runs){0};
}

void rsd_stacks_free(struct rsd_stacks *stacks) {
    for (size_t i = 0; i < stacks->writer_count; i++)
        forget_runs(&stacks->runs[i]);
    free(stacks->runs);
    free(stacks->nodes);
    free(stacks->slots);
    *stacks = (struct rsd_stacks){0};
}

uint32_t rsd_stacks_find(const struct rsd_stacks *stacks, size_t writer, uint32_t id) {
    uint32_t node = look_up(&stacks->runs[writer], id);
    if (node & IS_END) /* a stack of no frames */
        return (node & 0xff) == RESIDUE_END_TRACER ? RSD_TRACER_STACK : RSD_NO_STACK;
    return node;
}

unsigned rsd_stacks_end(const struct rsd_stacks *stacks, uint32_t node) {
    while (stacks->nodes[node].parent)
        node = stacks->nodes[node].parent;
    return stacks->nodes[node].end;
}
