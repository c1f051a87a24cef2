/*
 * Interning stacks.
 *
 * The trie of a writer is a hash table from (parent node, pc) to node; a node is written to the log once, when it is
 * made, and ids count from 1 in that order. The unwinder keeps the nodes of the frames that it kept from the stack
 * before, so only new frames are looked up here.
 *
 *     node(frame i) = child(node(frame i - 1), pc of frame i)        node(frame -1) = the end node for why it ends
 *
 * The entries stand one behind the other as they are made, so that those of one stack share lines of the cache, and a program
 * that begins, most of whose frames are new, fills one page after the other. The table has their numbers, by hash, with bits of
 * the hash that the place does not tell: what is not there is not looked for among the entries.
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
 * Of a stack that is met again whole, the words that its names hang on are put down together (put_down), and hold by a look at
 * their sums. In a server one or two of them change with each request, whose closures are new: these names are left out
 * (`changing`), and looked at by themselves.
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
#define SMALL_ROOM 16384u   /* 256 KiB, the entries with it */
#define RECENT_ROOM 32768u  /* from here on what was found last is kept apart */
#define AT_ONCE_ROOM 65536u /* its pages come at once, in 0.1 ms; those of a larger one when they are used */
#define MOST_ROOM 262144u   /* 4 MiB; emptying it takes a millisecond */
#define NUMBER_MASK (MOST_ROOM - 1)
#define ENTRIES_SIZE (MOST_ROOM * sizeof(struct rsd_trie_entry))
#define TABLES_SIZE (UINT64_C(32) << 20)
#define MOVED_AT_ONCE 8u
#define FIRST_NAMES 8u /* frames */

static _Atomic uint32_t code_epoch;
static _Atomic uint64_t tables_size; /* bytes of all writers' tables */

void rsd_stacks_new_epoch(void) {
    atomic_fetch_add(&code_epoch, 1);
}

/* With the entries for three quarters of the places. */
static size_t size_of(uint32_t room) {
    return room * (sizeof(uint32_t) + sizeof(struct rsd_trie_entry) / 4 * 3);
}

static size_t places_size(uint32_t room) {
    return room * sizeof(uint32_t);
}

static bool make_table(struct rsd_table *table, uint32_t room) {
    *table = (struct rsd_table){rsd_sys_memory(places_size(room)), room - 1};
    if (table->place)
        atomic_fetch_add_explicit(&tables_size, size_of(room), memory_order_relaxed);
    return table->place != NULL;
}

static void free_table(struct rsd_table *table) {
    if (!table->place)
        return;
    rsd_sys_unmap(table->place, places_size(table->mask + 1));
    atomic_fetch_sub_explicit(&tables_size, size_of(table->mask + 1), memory_order_relaxed);
    table->place = NULL;
}

static bool may_make(uint32_t room) {
    return room <= SMALL_ROOM ||
           (room <= MOST_ROOM &&
            atomic_load_explicit(&tables_size, memory_order_relaxed) + size_of(room) <= TABLES_SIZE);
}

bool rsd_trie_init(struct rsd_trie *trie) {
    trie->entry = rsd_sys_memory(ENTRIES_SIZE);
    if (trie->entry)
        rsd_sys_small_pages(trie->entry, ENTRIES_SIZE);
    return trie->entry && make_table(&trie->now, FIRST_ROOM);
}

void rsd_trie_release(struct rsd_trie *trie) {
    free_table(&trie->now);
    free_table(&trie->before);
    if (trie->entry)
        rsd_sys_unmap(trie->entry, ENTRIES_SIZE);
    trie->entry = NULL;
}

/* Multiply and fold; the odd constant is 2^64 divided by the golden ratio (Knuth, The Art of Computer Programming 3,
 * 6.4). */
static uint32_t hash(uint64_t key, uint32_t parent) {
    uint64_t h = (key ^ (uint64_t)parent << 29) * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32 ^ h >> 15);
}

static inline bool is(const struct rsd_trie_entry *entry, uint64_t key, uint32_t parent) {
    return entry->key == key && entry->parent == parent;
}

/* The entry for (parent, key), or NULL; `*empty` is the place where its number belongs. */
static const struct rsd_trie_entry *find_in(const struct rsd_trie *trie, const struct rsd_table *table, uint64_t key,
                                            uint32_t parent, uint32_t **empty) {
    uint32_t h = hash(key, parent), at = h & table->mask, place;
    for (; (place = table->place[at]) != 0; at = (at + 1) & table->mask) {
        const struct rsd_trie_entry *entry = &trie->entry[place & NUMBER_MASK];
        if (((place ^ h) & ~NUMBER_MASK) == 0 && is(entry, key, parent))
            return entry;
    }
    *empty = &table->place[at];
    return NULL;
}

/* The same over both tables. An empty place is always one of the present table. */
static const struct rsd_trie_entry *find_in_tables(const struct rsd_trie *trie, uint64_t key, uint32_t parent,
                                                   uint32_t **empty) {
    const struct rsd_trie_entry *entry = find_in(trie, &trie->now, key, parent, empty);
    uint32_t *unused;
    return entry || !trie->before.place ? entry : find_in(trie, &trie->before, key, parent, &unused);
}

/* The node for (parent, key), what was found last first; 0: there is none, and `*empty` is where it belongs. Of a small table
 * the lines in use are no more than there are here. */
static uint32_t find(struct rsd_trie *trie, uint64_t key, uint32_t parent, uint32_t **empty) {
    const struct rsd_trie_entry *entry;
    if (trie->now.mask < RECENT_ROOM)
        return (entry = find_in_tables(trie, key, parent, empty)) ? entry->node : 0;
    struct rsd_trie_entry *recent = &trie->recent[hash(key, parent) % RSD_TRIE_RECENT];
    if (__builtin_expect(recent->node && is(recent, key, parent), 1))
        return recent->node;
    if (!(entry = find_in_tables(trie, key, parent, empty)))
        return 0;
    *recent = *entry;
    return entry->node;
}

static void put_number(const struct rsd_trie *trie, uint32_t number, uint32_t *place) {
    const struct rsd_trie_entry *entry = &trie->entry[number];
    *place = (hash(entry->key, entry->parent) & ~NUMBER_MASK) | number;
}

/* Move the next few numbers of the old table; it stays whole until the last is moved. */
static void move_some(struct rsd_trie *trie) {
    for (uint32_t i = 0; i < MOVED_AT_ONCE && trie->moved < trie->to_move; i++) {
        const struct rsd_trie_entry *entry = &trie->entry[++trie->moved];
        uint32_t *empty;
        if (!find_in(trie, &trie->now, entry->key, entry->parent, &empty))
            put_number(trie, trie->moved, empty);
    }
    if (trie->moved == trie->to_move)
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
        rsd_sys_populate(bigger.place, places_size(room));
    trie->before = trie->now;
    trie->now = bigger;
    trie->moved = 0;
    trie->to_move = trie->used;
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

/* The node for (parent, key), which belongs at the empty place that find() gave. */
static uint32_t remember(struct rsd_trie *trie, uint32_t *empty, uint64_t key, uint32_t parent, uint32_t node) {
    if (trie->used < trie->now.mask) { /* one stays empty, for searches to end at */
        trie->entry[trie->used + 1] = (struct rsd_trie_entry){key, parent, node};
        put_number(trie, ++trie->used, empty);
    }
    if (trie->before.place)
        move_some(trie);
    else if (trie->used > trie->now.mask / 4 * 3)
        grow(trie);
    return node;
}

__attribute__((cold, noinline)) static uint32_t make_node(struct rsd_thread *thread, uint32_t *empty, uint64_t key,
                                                          const struct residue_node *node) {
    uint32_t id = write_node(thread, node);
    return id ? remember(&thread->trie, empty, key, node->parent, id) : 0;
}

static uint32_t end_node(struct rsd_thread *thread, uint8_t end) {
    uint64_t key = end;
    uint32_t *empty, known = find(&thread->trie, key, 0, &empty);
    struct residue_node node = {.pc = end, .kind = RESIDUE_NODE_END};
    return known ? known : make_node(thread, empty, key, &node);
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
    uint32_t *empty, known = find(&thread->trie, key, parent, &empty);
    if (__builtin_expect(known != 0, 1))
        return known;
    if (rsd_module_is_ours(frame->pc)) /* a hook that the real function called the program through */
        return remember(&thread->trie, empty, key, parent, parent);
    struct residue_node node = {.pc = frame->pc & RESIDUE_ADDRESS_MASK,
                                .parent = parent,
                                .owner = code,
                                .kind = RESIDUE_NODE_JIT,
                                .source = frame->source,
                                .flags = frame->flags};
    if (!code)
        find_module(thread, &node);
    return make_node(thread, empty, key, &node);
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
        __builtin_memset(old.place, 0, places_size(old.mask + 1));
    rsd_sys_discard(trie->entry, (trie->used + 1) * sizeof *trie->entry);
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
    return to_line(frames * (sizeof(struct rsd_js_proof) + sizeof(struct rsd_word)));
}

size_t rsd_names_size(uint32_t depth) {
    return to_line(rsd_js_size()) + names_room(depth) + RSD_STACK_BEFORE * names_room(2 * RSD_STACKS_ROOM);
}

/* Names for so many frames; those that there are go with it. */
static void give_room(struct rsd_names *names, struct rsd_named_frames *of, uint32_t frames) {
    struct rsd_js_proof *named = (struct rsd_js_proof *)names->rest;
    names->rest += names_room(frames);
    for (uint32_t i = 0; i < of->count; i++)
        named[i] = of->named[i];
    of->named = named;
    of->in_heap = (struct rsd_word *)(named + frames);
    of->room = frames;
    of->taken = 0;
}

/* Places have room for a power of two: one after the other, as many as a stack there needs. */
static void want_room(struct rsd_names *names, struct rsd_named_frames *of, uint32_t frames) {
    uint32_t room = FIRST_NAMES;
    while (room < frames)
        room *= 2;
    if (names->js && of->room < frames)
        give_room(names, of, room);
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
    uint32_t *empty, known = find(&thread->trie, key, parent, &empty);
    struct residue_node node = {.pc = (uint64_t)place->line << 32 | place->column,
                                .parent = parent,
                                .owner = place->function,
                                .kind = RESIDUE_NODE_JS,
                                .source = source};
    return known ? known : make_node(thread, empty, key, &node);
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
    thread->unwinder->missed_of = RSD_MISSED_OF_JS;
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
    target->taken = target->changings = 0;
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
    uint32_t *empty, known = find(&thread->trie, key, parent, &empty);
    return known ? known : make_node(thread, empty, key, &node);
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

/* In a program that begins most frames are new, and so are all frames further in: the node of frame i will be the next one that
 * is made, and where its child belongs is on the way while it is. */
static inline void expect_next(const struct rsd_thread *thread, const struct rsd_stack *stack, uint32_t i) {
    const struct rsd_table *table = &thread->trie.now;
    if (i + 1 == stack->depth)
        return;
    const struct rsd_frame *next = &stack->frame[i + 1];
    uint32_t h = hash(key_of_frame(next, 0), (uint32_t)thread->writer.last_node + 1);
    __builtin_prefetch(&table->place[h & table->mask], 1);
}

/* The node of a stack, of which nothing or the names alone may have changed; what stands in the way of the short way. */
static uint32_t node_of(struct rsd_thread *thread, struct rsd_stack *stack) {
    struct rsd_names *names = &thread->names;
    struct rsd_named_frames *of = &names->of[stack->place];
    *stack->node = of->taken = of->changings = 0; /* a signal handler may jump out of here */
    if (stack->copied != RSD_STACK_BEFORE) {
        names->of[stack->copied].count = 0;
        want_room(names, &names->of[stack->copied], names->of[RSD_STACK_BEFORE].count);
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
    want_room(names, of, of->count + stack->depth - kept);
    uint32_t node = kept ? stack->frame[kept - 1].node : root_node(thread, stack->end);
    for (uint32_t i = kept; i < stack->depth; i++) {
        expect_next(thread, stack, i);
        node = may_be_named(names, stack, i) ? named_node(thread, stack, i, node, &of->named[of->count++])
                                             : frame_node(thread, &stack->frame[i], node);
        stack->frame[i].node = node;
    }
    return *stack->node = node;
}

static bool keeps_changing(const struct rsd_named_frames *of, uint32_t i) {
    for (uint32_t k = 0; k < of->changings; k++)
        if (of->changing[k] == i)
            return true;
    return false;
}

/* Most often one or two keep changing. One that does not, but was moved by a collection, makes room for the next. */
static void note_change(struct rsd_named_frames *of, uint32_t i) {
    if (keeps_changing(of, i))
        return;
    of->changing[of->next_changing++ % RSD_NAMES_CHANGING] = (uint8_t)i;
    if (of->changings < RSD_NAMES_CHANGING)
        of->changings++;
}

/* A stack that has more words than there is room for is named by one proof after the other. */
static void put_down(struct rsd_named_frames *of, uintptr_t base, uint32_t taken) {
    struct rsd_word on_stack[RSD_STACKS_ROOM * RSD_JS_WORDS];
    uint32_t words = 0;
    of->heap_words = 0;
    for (uint32_t i = 0; i < of->count; i++) {
        if (keeps_changing(of, i))
            continue;
        words += rsd_js_words_on_stack(&of->named[i], &on_stack[words]);
        of->heap_words += rsd_js_words_in_heap(&of->named[i], &of->in_heap[of->heap_words]);
    }
    of->dozens = rsd_summed_needed(words);
    if (of->dozens <= RSD_NAMES_DOZENS && rsd_sum_up(of->on_stack, on_stack, words, base))
        of->taken = taken;
}

static bool renews(struct rsd_names *names, struct rsd_js_proof *named) {
    rsd_js_begin(names->js);
    return rsd_js_renew(names->js, named);
}

/* One after the other. */
__attribute__((noinline)) static bool all_hold_or_renew(struct rsd_names *names, struct rsd_named_frames *of,
                                                        uintptr_t base, uint32_t taken) {
    of->taken = 0;
    for (uint32_t i = 0; i < of->count; i++) {
        if (rsd_js_holds(&of->named[i]))
            continue;
        if (!renews(names, &of->named[i]))
            return false;
        note_change(of, i);
    }
    put_down(of, base, taken);
    return true;
}

static inline bool heap_holds(const struct rsd_named_frames *of) {
    uintptr_t difference = 0;
    for (const struct rsd_word *word = of->in_heap, *end = word + of->heap_words; word < end; word++)
        difference |= *(const volatile uintptr_t *)word->address ^ word->value;
    return difference == 0;
}

static inline bool words_hold(const struct rsd_named_frames *of, uintptr_t base) {
    if (!rsd_sums_hold(of->on_stack, of->dozens, base))
        return false;
    atomic_thread_fence(memory_order_acquire); /* a word of V8's heap may be on a page that is gone unless these held */
    return heap_holds(of);
}

static inline bool changing_hold(struct rsd_names *names, const struct rsd_named_frames *of) {
    for (uint32_t k = 0; k < of->changings; k++) {
        struct rsd_js_proof *named = &of->named[of->changing[k]];
        if (!rsd_js_holds(named) && !renews(names, named))
            return false;
    }
    return true;
}

/* Do the names of the whole stack hold? This runs for each stack that is met again. */
static inline bool names_hold(struct rsd_names *names, uint32_t place, uintptr_t base) {
    struct rsd_named_frames *of = &names->of[place];
    uint32_t taken = atomic_load_explicit(&rsd_js_pages_taken, memory_order_acquire);
    if (__builtin_expect(of->taken == taken && words_hold(of, base), 1))
        return changing_hold(names, of);
    return all_hold_or_renew(names, of, base, taken);
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
    if (!met->node || !names_hold(&thread->names, thread->unwinder->before, from->sp))
        return node_of(thread, rsd_unwind_same(thread->unwinder, met, counter));
    rsd_unwind_count_met(met, counter);
    const struct rsd_named_frames *next = &thread->names.of[rsd_unwind_expect(thread->unwinder)];
    __builtin_prefetch(next);
    __builtin_prefetch(next->on_stack);
    return met->node;
}
