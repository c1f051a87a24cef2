/*
 * Interning stacks.
 *
 * The trie of a writer is a hash table from (parent node, pc) to node; a node is written to the log once, when it is
 * made, and ids count from 1 in that order. The unwinder keeps the nodes of the frames that it kept from the stack
 * before, so only new frames are looked up here.
 *
 *     node(frame i) = child(node(frame i - 1), pc of frame i)        node(frame -1) = the end node for why it ends
 *
 * An entry has 64 bits of hash in the place of parent and pc.
 *
 * Of a thread that does work for another stack (origin.c), node(frame -1) is a child of the end node for that stack.
 *
 * A table that is three quarters full is replaced by one of twice the size, a few entries with each new node: to move a
 * hundred thousand at once took 9 ms, which an event loop feels. While it is being moved both are looked at.
 *
 * A server that makes and drops code for days makes stacks without end. So a table grows to MOST_ROOM, as long as all tables
 * together stay within TABLES_SIZE (a small one is everybody's right). One that is full is emptied, and nodes that are
 * met again are written again: the reader takes nodes with the same way to the root for one.
 *
 * An address means a function only as long as the code is mapped. When code goes away a global epoch is raised; a
 * thread that notices empties its table and makes new nodes, whose modules are looked up again.
 *
 * A frame of V8's code is named from V8's own objects (js/), and becomes one node per JavaScript function that it stands
 * for: more than one where functions were inlined. A name depends on words of the frame that unwinding does not look
 * at. A kept frame whose words have changed by more than another closure of the same function, or that met a collection, is
 * named anew:
 *
 *     kept = min(frames kept by the unwinder, first frame that is another node for it, and that frame itself)
 *
 * Entered by the thread that has the slot; the epoch is read and raised by any.
 */
#include "stacks.h"

#include "init.h"
#include "js/codemap.h"
#include "js/copy.h"
#include "modules.h"
#include "sys.h"
#include "thread.h"
#include "unwind/met.h"

#define FIRST_ROOM 4096u
#define SMALL_ROOM 16384u   /* 192 KiB */
#define AT_ONCE_ROOM 32768u /* 384 KiB: its pages come with it, in 0.2 ms; those of a larger one when they are used */
#define MOST_ROOM 262144u   /* 3 MiB; emptying it takes a millisecond */
#define TABLES_SIZE (UINT64_C(24) << 20)
#define MOVED_AT_ONCE 8u

static _Atomic uint32_t code_epoch;
static _Atomic uint64_t tables_size; /* bytes of all writers' tables */

void rsd_stacks_new_epoch(void) {
    atomic_fetch_add(&code_epoch, 1);
}

static size_t size_of(uint32_t room) {
    return room * sizeof(struct rsd_trie_entry);
}

static bool make_table(struct rsd_table *table, uint32_t room) {
    *table = (struct rsd_table){rsd_sys_memory(size_of(room)), room - 1};
    if (table->entry)
        atomic_fetch_add_explicit(&tables_size, size_of(room), memory_order_relaxed);
    return table->entry != NULL;
}

static void free_table(struct rsd_table *table) {
    if (!table->entry)
        return;
    rsd_sys_unmap(table->entry, size_of(table->mask + 1));
    atomic_fetch_sub_explicit(&tables_size, size_of(table->mask + 1), memory_order_relaxed);
    table->entry = NULL;
}

static bool may_make(uint32_t room) {
    return room <= SMALL_ROOM ||
           (room <= MOST_ROOM &&
            atomic_load_explicit(&tables_size, memory_order_relaxed) + size_of(room) <= TABLES_SIZE);
}

bool rsd_trie_init(struct rsd_trie *trie) {
    return make_table(&trie->now, FIRST_ROOM);
}

void rsd_trie_release(struct rsd_trie *trie) {
    free_table(&trie->now);
    free_table(&trie->before);
}

/* The finalizer of MurmurHash3: every bit of the result hangs on every bit of h. */
static inline uint64_t mix(uint64_t h) {
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 33;
}

/* What stands for (parent, key). Two of them with one mark would be one node: in a table of 200,000 the odds are one in a billion. */
static inline uint64_t mark_of(uint64_t key, uint32_t parent) {
    return mix(mix(key) + parent * 0x9e3779b97f4a7c15u);
}

static inline uint64_t mark(const struct rsd_trie_entry *entry) {
    return (uint64_t)entry->mark[1] << 32 | entry->mark[0];
}

static inline struct rsd_trie_entry make_entry(uint64_t of, uint32_t node) {
    return (struct rsd_trie_entry){{(uint32_t)of, (uint32_t)(of >> 32)}, node};
}

/* The entry of this mark, or the empty one where it belongs. */
static struct rsd_trie_entry *find_in(const struct rsd_table *table, uint64_t of) {
    uint32_t at = (uint32_t)of & table->mask;
    struct rsd_trie_entry *entry = &table->entry[at];
    while (entry->node && mark(entry) != of) {
        at = (at + 1) & table->mask;
        entry = &table->entry[at];
    }
    return entry;
}

/* The same over both tables. An empty entry is always one of the present table. */
static struct rsd_trie_entry *find_in_tables(const struct rsd_trie *trie, uint64_t of) {
    struct rsd_trie_entry *entry = find_in(&trie->now, of);
    if (entry->node || !trie->before.entry)
        return entry;
    struct rsd_trie_entry *older = find_in(&trie->before, of);
    return older->node ? older : entry;
}

/* The same for (parent, key), what was found last first. Of a small table the lines in use are no more than there are here. */
static struct rsd_trie_entry *find(struct rsd_trie *trie, uint64_t key, uint32_t parent) {
    uint64_t of = mark_of(key, parent);
    if (trie->now.mask < AT_ONCE_ROOM)
        return find_in_tables(trie, of);
    struct rsd_trie_entry *recent = &trie->recent[(of >> 32) % RSD_TRIE_RECENT];
    if (__builtin_expect(recent->node && mark(recent) == of, 1))
        return recent;
    struct rsd_trie_entry *entry = find_in_tables(trie, of);
    if (entry->node)
        *recent = *entry;
    return entry;
}

/* Copy the next few entries of the old table; it stays whole until the last is copied. */
static void move_some(struct rsd_trie *trie) {
    for (uint32_t i = 0; i < MOVED_AT_ONCE && trie->moved <= trie->before.mask; i++, trie->moved++) {
        const struct rsd_trie_entry *entry = &trie->before.entry[trie->moved];
        if (entry->node)
            *find_in(&trie->now, mark(entry)) = *entry;
    }
    if (trie->moved > trie->before.mask)
        free_table(&trie->before);
}

/* A table that cannot grow is emptied before the next stack. */
static void grow(struct rsd_trie *trie) {
    struct rsd_table bigger;
    uint32_t room = (trie->now.mask + 1) * 2;
    trie->full = !may_make(room) || !make_table(&bigger, room);
    if (trie->full)
        return;
    if (room <= AT_ONCE_ROOM)
        rsd_sys_populate(bigger.entry, size_of(room));
    trie->before = trie->now;
    trie->now = bigger;
    trie->moved = 0;
}

/* Write the node; its id, or 0 when recording has stopped. */
static uint32_t write_node(struct rsd_thread *thread, const struct residue_node *node) {
    struct rsd_writer *writer = &thread->writer;
    struct residue_node *room = rsd_writer_reserve(writer, RESIDUE_NODE, sizeof *node);
    if (!room)
        return 0;
    *room = *node;
    writer->last_node++;
    rsd_writer_commit(writer, RESIDUE_NODE, sizeof *node);
    writer->counter[RESIDUE_COUNTER_NODES]++;
    return (uint32_t)writer->last_node;
}

/* Fill the empty entry that find() gave for (parent, key). */
static uint32_t remember(struct rsd_trie *trie, struct rsd_trie_entry *entry, uint64_t key, uint32_t parent,
                         uint32_t node) {
    if (trie->used < trie->now.mask) { /* one stays empty, for searches to end at */
        *entry = make_entry(mark_of(key, parent), node);
        trie->used++;
    }
    if (trie->before.entry)
        move_some(trie);
    else if (trie->used > trie->now.mask / 4 * 3)
        grow(trie);
    return node;
}

__attribute__((cold, noinline)) static uint32_t make_node(struct rsd_thread *thread, struct rsd_trie_entry *entry,
                                                          uint64_t key, const struct residue_node *node) {
    uint32_t id = write_node(thread, node);
    return id ? remember(&thread->trie, entry, key, node->parent, id) : 0;
}

static uint32_t end_node(struct rsd_thread *thread, uint8_t end) {
    uint64_t key = end;
    struct rsd_trie_entry *entry = find(&thread->trie, key, 0);
    struct residue_node node = {.pc = end, .kind = RESIDUE_NODE_END};
    return entry->node ? entry->node : make_node(thread, entry, key, &node);
}

/* A frame whose code V8's map names is known by that code's id, for its address comes again (js/codemap.c). Bits 61 and 62
 * tell these keys from addresses, and from origins, whose writers have smaller numbers. */
static uint64_t key_of_frame(const struct rsd_frame *frame, uint32_t code) {
    if (code)
        return UINT64_C(3) << 61 | (uint64_t)(frame->flags & 1) << 60 | (uint64_t)code << 32 | (uint32_t)frame->pc;
    return (frame->pc & RESIDUE_ADDRESS_MASK) | (uint64_t)frame->flags << 60;
}

/* Code is a module's, or V8 has copied it from one, or it is generated. */
static void find_module(struct rsd_thread *thread, struct residue_node *node) {
    uintptr_t original = 0;
    node->owner = rsd_module_at(thread, node->pc);
    if (!node->owner && (original = rsd_js_original(node->pc)) && (node->owner = rsd_module_at(thread, original)))
        node->pc = original;
    if (node->owner)
        node->kind = RESIDUE_NODE_NATIVE;
}

static uint32_t frame_node(struct rsd_thread *thread, const struct rsd_frame *frame, uint32_t parent) {
    uint32_t code = rsd_codemap_at(frame->pc);
    uint64_t key = key_of_frame(frame, code);
    struct rsd_trie_entry *entry = find(&thread->trie, key, parent);
    if (__builtin_expect(entry->node != 0, 1))
        return entry->node;
    if (rsd_module_is_ours(frame->pc)) /* a hook that the real function called the program through */
        return remember(&thread->trie, entry, key, parent, parent);
    struct residue_node node = {.pc = frame->pc & RESIDUE_ADDRESS_MASK,
                                .parent = parent,
                                .owner = code,
                                .kind = RESIDUE_NODE_JIT,
                                .source = frame->source,
                                .flags = frame->flags};
    if (!code)
        find_module(thread, &node);
    return make_node(thread, entry, key, &node);
}

static void forget_names(struct rsd_names *names) {
    for (uint32_t i = 0; i < RSD_STACKS; i++)
        names->of[i].count = names->of[i].taken = 0;
}

/* A new table is put in the place of the old one before that is given back: there is always one. */
static void empty(struct rsd_trie *trie) {
    struct rsd_table first, old = trie->now;
    free_table(&trie->before);
    if (old.mask >= FIRST_ROOM && make_table(&first, FIRST_ROOM)) {
        trie->now = first;
        free_table(&old);
    } else
        __builtin_memset(old.entry, 0, size_of(old.mask + 1));
    __builtin_memset(trie->recent, 0, sizeof trie->recent);
    trie->used = 0;
    trie->full = false;
}

static void forget_all(struct rsd_thread *thread, uint32_t epoch) {
    struct rsd_trie *trie = &thread->trie;
    if (trie->full)
        thread->writer.counter[RESIDUE_COUNTER_TRIE_EMPTIED]++;
    empty(trie);
    trie->epoch = epoch;
    forget_names(&thread->names);
    rsd_unwinder_init(thread->unwinder, rsd_trace.depth);
}

/* ---- JavaScript ---- */

static size_t to_line(size_t size) {
    return (size + 63) & ~(size_t)63;
}

static size_t names_room(uint32_t frames) {
    return frames * (sizeof(struct rsd_js_proof) + RSD_JS_PROOF_WORDS * sizeof(struct rsd_word));
}

size_t rsd_names_size(uint32_t depth) {
    return to_line(rsd_js_size()) + names_room(depth) +
           RSD_STACK_BEFORE * (names_room(RSD_STACKS_ROOM_FIRST) + names_room(RSD_STACKS_ROOM));
}

/* Names for so many frames. */
static void give_room(struct rsd_names *names, struct rsd_named_frames *of, uint32_t frames) {
    struct rsd_js_proof *named = (struct rsd_js_proof *)names->rest;
    names->rest += names_room(frames);
    *of = (struct rsd_named_frames){.named = named, .word = (struct rsd_word *)(named + frames), .room = frames};
}

static bool write_function(void *context, const struct rsd_js_function *function) {
    struct rsd_thread *thread = context;
    struct residue_js_function record = {.head.tag = RESIDUE_TAG_JS_FUNCTION,
                                         .id = function->id,
                                         .line = function->line,
                                         .column = function->column,
                                         .flags = function->builtin,
                                         .name_size = function->name_size,
                                         .file_size = function->file_size};
    return rsd_writer_tagged(&thread->writer, &record.head, sizeof record, function->name, function->name_size,
                             function->file, function->file_size);
}

void rsd_names_init(struct rsd_thread *thread, void *memory) {
    struct rsd_names *names = &thread->names;
    names->rest = (char *)memory + to_line(rsd_js_size());
    give_room(names, &names->of[RSD_STACK_BEFORE], rsd_trace.depth);
    names->js = memory;
    rsd_js_init(names->js, write_function, thread);
}

void rsd_names_hand_over(struct rsd_thread *thread) {
    forget_names(&thread->names);
    if (thread->names.js)
        rsd_js_hand_over(thread->names.js);
}

/* The words of the frame lie on the stack, as the unwinder found them: below the frame of its caller. */
static bool may_be_named(const struct rsd_names *names, const struct rsd_stack *stack, uint32_t i) {
    const struct rsd_frame *frame = &stack->frame[i];
    return names->js && i > 0 && rsd_js_may_be(frame->pc) && !frame->flags && frame->fp >= frame->sp &&
           frame->fp < frame[-1].sp;
}

/* Bit 63 tells these keys from addresses. Two places with the same hash would be one node: at a million places the odds are
 * one in ten million. */
static uint64_t key_of_place(const struct rsd_js_place *place) {
    uint64_t h = (uint64_t)place->function * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ place->line) * 0xbf58476d1ce4e5b9u;
    h = (h ^ h >> 32 ^ place->column) * 0x94d049bb133111ebu;
    return (h ^ h >> 31) | (uint64_t)1 << 63;
}

static uint32_t place_node(struct rsd_thread *thread, const struct rsd_js_place *place, uint8_t source,
                           uint32_t parent) {
    uint64_t key = key_of_place(place);
    struct rsd_trie_entry *entry = find(&thread->trie, key, parent);
    struct residue_node node = {.pc = (uint64_t)place->line << 32 | place->column,
                                .parent = parent,
                                .owner = place->function,
                                .kind = RESIDUE_NODE_JS,
                                .source = source};
    return entry->node ? entry->node : make_node(thread, entry, key, &node);
}

/* The node of a frame that may be JavaScript; `named` is filled. */
static uint32_t named_node(struct rsd_thread *thread, const struct rsd_stack *stack, uint32_t i, uint32_t parent,
                           struct rsd_js_proof *named) {
    const struct rsd_frame *frame = &stack->frame[i];
    struct rsd_js_answer answer;
    rsd_js_frame(thread->names.js, &(struct rsd_registers){frame->pc, frame->sp, frame->fp}, &answer);
    *named = answer.proof;
    named->frame = (uint16_t)i;
    if (answer.count == 0)
        return frame_node(thread, frame, parent);
    for (uint32_t k = 0; k < answer.count; k++)
        parent = place_node(thread, &answer.place[k], frame->source, parent);
    return parent;
}

/* The names of the kept frames follow these to another place. */
static void move_names(struct rsd_names *names, uint32_t from, uint32_t to, uint32_t kept) {
    const struct rsd_named_frames *source = &names->of[from];
    struct rsd_named_frames *target = &names->of[to];
    uint32_t count = 0;
    for (; count < source->count && source->named[count].frame < kept; count++)
        target->named[count] = source->named[count];
    target->count = count;
    target->taken = 0;
}

/* Kept frames whose words have changed are named anew. As long as that leads to the same node, as with a function that is
 * made anew for each call, all further in stays right. Returns how many frames have their nodes. */
static uint32_t names_that_hold(struct rsd_thread *thread, const struct rsd_stack *stack, uint32_t kept) {
    struct rsd_names *names = &thread->names;
    struct rsd_named_frames *of = &names->of[stack->place];
    uint32_t i = 0;
    for (; i < of->count && of->named[i].frame < kept; i++) {
        struct rsd_js_proof *named = &of->named[i];
        if (__builtin_expect(rsd_js_holds(named) || rsd_js_renew(names->js, named), 1))
            continue;
        struct rsd_frame *frame = &stack->frame[named->frame];
        uint32_t parent = named->frame ? frame[-1].node : 0;
        uint32_t node = named_node(thread, stack, named->frame, parent, named);
        if (node == frame->node)
            continue;
        for (uint32_t inner = named->frame; inner < kept; inner++)
            stack->frame[inner].node = 0;
        frame->node = node;
        kept = named->frame + 1;
    }
    of->count = i;
    return kept;
}

/* The outermost node: why the stack ends, and the origin of what the thread does, if it has one. */
static uint32_t root_node(struct rsd_thread *thread, uint8_t end) {
    const struct rsd_origin *origin = &thread->origin;
    uint32_t parent = end_node(thread, end);
    if (__builtin_expect(origin->node == 0, 1))
        return parent;
    struct residue_node node = {.pc = (uint64_t)origin->writer << 32 | origin->node,
                                .parent = parent,
                                .owner = origin->kind,
                                .kind = RESIDUE_NODE_ORIGIN};
    uint64_t key = node.pc ^ (uint64_t)1 << 62; /* addresses and places have other upper bits */
    struct rsd_trie_entry *entry = find(&thread->trie, key, parent);
    return entry->node ? entry->node : make_node(thread, entry, key, &node);
}

static inline bool same_origin(const struct rsd_origin *a, const struct rsd_origin *b) {
    return a->node == b->node && a->writer == b->writer;
}

/* The nodes that were kept lead to another origin, or an address in them means other code by now. */
__attribute__((cold, noinline)) static void forget_kept(struct rsd_thread *thread, uint32_t reused) {
    thread->trie.origin = thread->origin;
    thread->trie.reused = reused;
    forget_names(&thread->names);
    rsd_unwinder_forget(thread->unwinder);
}

/* The node of a stack, of which nothing or the names alone may have changed; what stands in the way of the short way. */
static uint32_t node_of(struct rsd_thread *thread, struct rsd_stack *stack) {
    struct rsd_names *names = &thread->names;
    struct rsd_named_frames *of = &names->of[stack->place];
    *stack->node = of->taken = 0; /* a signal handler may jump out of here */
    if (stack->copied != RSD_STACK_BEFORE) {
        uint32_t room = thread->unwinder->again[stack->copied].room;
        if (names->js && names->of[stack->copied].room < room)
            give_room(names, &names->of[stack->copied], room);
        move_names(names, RSD_STACK_BEFORE, stack->copied, RSD_STACKS_ROOM);
    }
    if (stack->from != stack->place)
        move_names(names, stack->from, stack->place, stack->kept);
    uint32_t kept = stack->kept;
    if (kept && stack->frame[kept - 1].node == 0) /* one did the last time */
        kept = of->count = 0;
    if (names->js)
        rsd_js_begin(names->js);
    kept = names_that_hold(thread, stack, kept);
    uint32_t node = kept ? stack->frame[kept - 1].node : root_node(thread, stack->end);
    for (uint32_t i = kept; i < stack->depth; i++) {
        node = may_be_named(names, stack, i) ? named_node(thread, stack, i, node, &of->named[of->count++])
                                             : frame_node(thread, &stack->frame[i], node);
        stack->frame[i].node = node;
    }
    return *stack->node = node;
}

static void line_up(struct rsd_named_frames *of, uint32_t taken) {
    of->words = 0;
    for (uint32_t i = 0; i < of->count; i++)
        of->words += rsd_js_proof_words(&of->named[i], &of->word[of->words]);
    of->taken = taken;
}

__attribute__((noinline)) static bool names_hold_or_renew(struct rsd_names *names, struct rsd_named_frames *of,
                                                          uint32_t taken) {
    of->taken = 0;
    if (of->count > 0)
        rsd_js_begin(names->js);
    for (uint32_t i = 0; i < of->count; i++)
        if (!rsd_js_holds(&of->named[i]) && !rsd_js_renew(names->js, &of->named[i]))
            return false;
    line_up(of, taken);
    return true;
}

/* Do the names of the whole stack hold? This runs for each stack that is met again. */
static inline bool names_hold(struct rsd_names *names, uint32_t place) {
    struct rsd_named_frames *of = &names->of[place];
    uint32_t taken = atomic_load_explicit(&rsd_js_pages_taken, memory_order_acquire);
    return __builtin_expect(of->taken == taken && !rsd_again_last_failure(of->word, of->words), 1) ||
           names_hold_or_renew(names, of, taken);
}

/* What changes seldom and concerns every node. */
__attribute__((cold, noinline)) static void catch_up(struct rsd_thread *thread, uint32_t epoch, uint32_t reused) {
    if (epoch != thread->trie.epoch || thread->trie.full)
        forget_all(thread, epoch);
    if (reused != thread->trie.reused || !same_origin(&thread->origin, &thread->trie.origin))
        forget_kept(thread, reused);
}

uint32_t rsd_stack_node(struct rsd_thread *thread, const struct rsd_registers *from) {
    uint32_t epoch = atomic_load_explicit(&code_epoch, memory_order_relaxed);
    uint32_t reused = atomic_load_explicit(&rsd_codemap.reused, memory_order_relaxed);
    if (__builtin_expect(epoch != thread->trie.epoch || reused != thread->trie.reused || thread->trie.full ||
                             !same_origin(&thread->origin, &thread->trie.origin),
                         0))
        catch_up(thread, epoch, reused);
    if (__builtin_expect(thread->ours, 0))
        return end_node(thread, RESIDUE_END_TRACER);
    uint64_t *counter = thread->writer.counter;
    const struct rsd_again *met = rsd_unwind_met(thread->unwinder, from);
    if (!met)
        return node_of(thread, rsd_unwind_new(thread->unwinder, from, counter));
    if (!met->node || !names_hold(&thread->names, thread->unwinder->before))
        return node_of(thread, rsd_unwind_same(thread->unwinder, met, counter));
    rsd_unwind_count_met(met, counter);
    return met->node;
}
