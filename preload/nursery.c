/*
 * The nursery.
 *
 * Most blocks die within microseconds and can never be the answer. So an allocation is first written into a ring of the
 * thread's youngest blocks, in the live file. A free that finds its block there annihilates both: nothing is logged, only
 * the call site's tally moves. A block that the ring must make room for goes to a second one, of the elders: of what leaves
 * the first ring most dies within a second, and the second, into which only one block of ten or twenty comes, holds it that
 * long in few entries. What leaves the second is a survivor and is logged with its own time. Blocks move on in the order in
 * which they came, so the log stays sorted.
 *
 * Blocks are freed by other threads too: V8 frees Buffers on its workers, nine of ten that a busy program makes. So a free
 * looks into its own thread's ring, then into the ring of the thread that allocated last in that neighbourhood of
 * addresses (`owner`, a hint), and then of those whose blocks it freed lately (`source`). V8's workers free Buffers in the
 * order in which they were made: a thread that has found a block in another's ring looks at the place behind it first
 * (`next`), and finds it there 99 times of 100, without the index, in a line of the cache that it has. Who kills an entry,
 * and who sees it off, agree by its `where`:
 *
 *     live --kill--> 0                                    compare-and-swap, by who frees the block
 *     live --the ring needs the place--> leaving --> 0    compare-and-swap, by the ring's thread; logged in between,
 *                                                         or leaving --> live among the elders
 *
 * An entry that leaves cannot be killed any more: its free is logged. A kill while it leaves is impossible for the same
 * reason, and a process that is killed meanwhile leaves an entry that still counts or is in the log already, by its time.
 * One that moves stands in both rings for a moment, leaving in either. Which of the two counts is settled by one store:
 *
 *     moved = time of the youngest elder        an entry e counts among the young  <=>  time(e) > moved
 *                                               and among the elders               <=>  time(e) <= moved
 *
 * Two rules make outstanding exact; either left out, it is wrong.
 *
 * Stale entries. A allocates p; B frees p; B's malloc returns p; A frees p. A must not annihilate its old entry. So a free
 * that does not kill its block stores its time at hash(p) in a table that all threads share, before the real free, and an
 * entry counts only if it is younger than that word:
 *
 *     an entry e may be annihilated  =>  no free of address(e) since time(e) but this one
 *
 * realloc frees p before it says so. A young block is held meanwhile, as one that leaves: else a thread that gets p from
 * malloc and frees it could kill the old entry. What is held and may not die in the end just leaves.
 *
 * Barriers. A block that is alive at an instant T and dies in the ring later would be missing at T. Who needs T exact raises
 * the barrier to it; an entry older than the barrier is freed by records. While a barrier is being raised it stands
 * at infinity, and T is taken meanwhile: a thread that read the word before that has freed before T, and one that reads
 * it after logs. Barriers are raised one at a time (`raising`, a spin lock held for one record).
 *
 * A sample of memory, one a second, is a soft barrier: for blocks that were alive then, sums by call site are enough. A block
 * that is older than the last sample, but not than the one before, may die in the ring if it finds a place in the sums
 * (late.c).
 *
 * Places. An entry's place is its number modulo the capacity. `newest` has the place of the newest entry by the hash of its
 * address, `before` that of the one before it, for CHAIN steps; a chain goes on as long as its entries get older, and what
 * it leads to is compared. It may forget: a block that is not found is freed by records, which is never wrong.
 *
 * Capacity. When more than a SHARE of a lap of the young went to the log meanwhile, their capacity doubles, up to
 * RSD_NURSERY_MOST: Buffers wait for a collection while tens of thousands of blocks are made, and the elders have no
 * room for all of them. That of the elders doubles, within the room that they have, when as large a part of their lap
 * went to the log, or when more than an ELDERS_SHARE of them are alive at its end: most of libvips's threads live for
 * a second, and an eighth of that room is enough for them. Either doubles where an odd lap ends, for there every
 * entry keeps its place:
 *
 *     head = capacity (mod 2 * capacity)  =>  n mod capacity = n mod 2 * capacity, for the entries n in the ring
 *
 * Tallies. Blocks die at few of a thread's nodes: so that these share lines and pages, tallies are numbered as they are
 * needed, and `tally_of` has their numbers by node. What dies by other threads is added up by node (`foreign`), with a bit for
 * each page of it that was touched: who writes tallies looks at no other.
 *
 * Threads: a nursery is its thread's own, but for where entries die and for `foreign`. The tables and the barrier are
 * everybody's. Tallies are written by their thread (`foreign` by all others) and read by whoever writes them to the log:
 * counters may be a call behind, never torn.
 */
#include "nursery.h"

#include <string.h>

#include "arch/cpu.h"
#include "process.h"
#include "sys.h"

#define STALE_WORDS 65536u
#define OWNER_WORDS 16384u
#define NEIGHBOURS_BITS 8u /* addresses that share an owner: 256 bytes */
#define WRITERS 65536u
#define CHAIN 8u
#define SHARE 16u
#define ELDERS_SHARE 2u
#define LOOKAHEAD 4u
#define TRIES 10000u
#define YOUNG_PLACES (RSD_NURSERY_MOST * sizeof(uint16_t))
#define ELDERS_PLACES (RSD_NURSERY_ELDERS * sizeof(uint16_t))
#define PLACES_SIZE (2 * (YOUNG_PLACES + ELDERS_PLACES))
#define TALLIES (1u << 20) /* nodes from here on share that of node 0 */
#define TALLY_OF_SIZE (TALLIES * sizeof(uint32_t))
#define TALLIES_SIZE ((TALLIES + 1) * sizeof(struct rsd_tally))
#define MEMORY_SIZE (PLACES_SIZE + TALLY_OF_SIZE + TALLIES_SIZE)
#define FOREIGN_GROUP 128u /* tallies that share a bit: 3 KiB of them */
#define LEAVING RESIDUE_WHERE_LEAVING

/* What of a nursery died by other threads, by node: cumulative. */
struct rsd_foreign {
    _Atomic uint64_t touched[TALLIES / FOREIGN_GROUP / 64]; /* a bit a group */
    struct rsd_foreign_tally {
        _Atomic uint64_t calls;
        _Atomic uint64_t bytes;
        uint64_t written; /* calls, when they were last written to the log; of a node that has no tally of its own */
    } of[TALLIES];
};

static _Atomic uint64_t stale[STALE_WORDS];
static _Atomic uint16_t owner[OWNER_WORDS]; /* number of the writer that allocated last, by hash of the neighbourhood */
static struct rsd_nursery *_Atomic nursery_of[WRITERS];
static _Atomic uint64_t barrier;
static uint64_t hard;           /* what it is when none is being raised */
static _Atomic uint64_t looked; /* the barrier, or the last sample if that is later */
static _Atomic uint64_t sample,
    sample_before; /* times of the last two; a thread that sees one sees the one before it */
static atomic_flag raising = ATOMIC_FLAG_INIT;

/* Addresses next to one another have numbers next to one another, 1 << `bits` of them, so that what is kept by number shares a
 * line of the cache. Which is which in there differs from line to line: blocks tend to lie at even distances. */
static inline uint32_t hash(uint64_t address, unsigned bits) {
    uint64_t line = (address >> (4 + bits)) * 0x9e3779b97f4a7c15u >> 32;
    return (uint32_t)((line >> 8 << bits) | (((address >> 4) ^ line) & ((1u << bits) - 1)));
}

static inline _Atomic uint64_t *stale_word(uint64_t address) {
    return &stale[hash(address, 3) % STALE_WORDS];
}

static _Atomic uint16_t *owner_word(uint64_t address) {
    return &owner[(address >> NEIGHBOURS_BITS) * 0x9e3779b97f4a7c15u >> 50];
}

static _Atomic uint64_t *where_of(struct residue_alloc *entry) {
    return (_Atomic uint64_t *)&entry->where;
}

static uint32_t capacity_of(const struct rsd_ring *ring) {
    return atomic_load_explicit(&ring->capacity, memory_order_relaxed);
}

static void make_ring(struct rsd_ring *ring, struct rsd_writer *writer, struct residue_ring *shown, char *places,
                      size_t size) {
    *ring = (struct rsd_ring){
        .entry = (struct residue_alloc *)((char *)writer->live + shown->offset),
        .head = (_Atomic uint64_t *)&shown->head,
        .capacity = shown->capacity,
        .newest = (_Atomic uint16_t *)places,
        .before = (_Atomic uint16_t *)(places + size),
    };
}

void rsd_nursery_prepare(void) {
    rsd_sys_populate((void *)stale, sizeof stale);
}

bool rsd_nursery_init(struct rsd_nursery *nursery, struct rsd_writer *writer) {
    struct residue_live_header *live = writer->live;
    char *memory = rsd_sys_memory(MEMORY_SIZE);
    struct rsd_late late;
    if (!memory || !rsd_late_init(&late))
        return false;
    *nursery = (struct rsd_nursery){
        .number = (uint16_t)writer->number,
        .moved = (_Atomic uint64_t *)&live->elders.moved,
        .late = late,
        .memory = memory,
        .tally_of = (uint32_t *)(memory + PLACES_SIZE),
        .tally = (struct rsd_tally *)(memory + PLACES_SIZE + TALLY_OF_SIZE),
    };
    make_ring(&nursery->young, writer, &live->ring, memory, YOUNG_PLACES);
    make_ring(&nursery->elders, writer, &live->elders, memory + 2 * YOUNG_PLACES, ELDERS_PLACES);
    atomic_store_explicit(&nursery_of[nursery->number], nursery, memory_order_release);
    return true;
}

void rsd_nursery_release(struct rsd_nursery *nursery) {
    struct rsd_foreign *foreign = atomic_load(&nursery->foreign);
    if (!nursery->memory)
        return;
    atomic_store(&nursery_of[nursery->number], NULL);
    rsd_sys_unmap(nursery->memory, MEMORY_SIZE);
    if (foreign)
        rsd_sys_unmap(foreign, sizeof *foreign);
    rsd_late_release(&nursery->late);
}

/* The barrier may stand at infinity for a thread that is not there. What stands in the table is older than all entries of
 * the child. */
void rsd_nursery_after_fork(void) {
    atomic_store(&barrier, 0);
    atomic_store(&looked, 0);
    atomic_store(&sample, 0);
    atomic_store(&sample_before, 0);
    hard = 0;
    memset((void *)owner, 0, sizeof owner);
    atomic_flag_clear(&raising);
}

/* ---- in ---- */

static inline _Atomic uint16_t *newest_of(const struct rsd_ring *ring, uint64_t address) {
    return &ring->newest[hash(address, 5) & (capacity_of(ring) - 1)];
}

static inline void link_place(struct rsd_ring *ring, uint32_t at, uint64_t address) {
    _Atomic uint16_t *newest = newest_of(ring, address);
    atomic_store_explicit(&ring->before[at], atomic_load_explicit(newest, memory_order_relaxed), memory_order_relaxed);
    atomic_store_explicit(newest, (uint16_t)at, memory_order_relaxed);
}

/* An odd lap has ended. Another thread that looks for a block meanwhile may miss it. */
static void make_twice_as_large(struct rsd_ring *ring, uint64_t head) {
    uint32_t capacity = capacity_of(ring);
    atomic_store_explicit(&ring->capacity, capacity * 2, memory_order_release);
    for (uint64_t n = head - capacity; n < head; n++) {
        uint32_t at = n & (capacity * 2 - 1);
        uint64_t where = atomic_load_explicit(where_of(&ring->entry[at]), memory_order_relaxed);
        if (where)
            link_place(ring, at, residue_where_address(where));
    }
}

__attribute__((cold, noinline)) static void grow(struct rsd_nursery *nursery, struct rsd_writer *writer,
                                                 uint64_t head) {
    nursery->stuck = !rsd_writer_grow_ring(writer, capacity_of(&nursery->young) * 2);
    if (!nursery->stuck)
        make_twice_as_large(&nursery->young, head);
}

static uint32_t count_alive(const struct rsd_ring *ring) {
    uint32_t alive = 0;
    for (uint32_t at = 0; at < capacity_of(ring); at++)
        alive += atomic_load_explicit(where_of(&ring->entry[at]), memory_order_relaxed) != 0;
    return alive;
}

/* The first to leave would be the elder whose place comes next. */
__attribute__((cold, noinline)) static void end_elders_lap(struct rsd_nursery *nursery, struct rsd_writer *writer,
                                                           uint64_t head) {
    struct rsd_ring *elders = &nursery->elders;
    uint32_t capacity = capacity_of(elders);
    bool crowded = nursery->retired > capacity / SHARE || count_alive(elders) > capacity / ELDERS_SHARE;
    nursery->retired = 0;
    if (!crowded || !(head / capacity & 1) || capacity == RSD_NURSERY_ELDERS)
        return;
    atomic_store_explicit((_Atomic uint32_t *)&writer->live->elders.capacity, capacity * 2, memory_order_release);
    make_twice_as_large(elders, head);
}

static void end_lap(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t head) {
    uint32_t capacity = capacity_of(&nursery->young);
    bool crowded = nursery->survivors > capacity / SHARE;
    nursery->survivors = 0;
    if (crowded && (head / capacity & 1) && capacity < RSD_NURSERY_MOST && !nursery->stuck)
        grow(nursery, writer, head);
}

/* An entry that nobody can kill any more. False: it is dead. */
static inline bool leaves(struct residue_alloc *entry, uint64_t where) {
    return where != 0 && atomic_compare_exchange_strong_explicit(where_of(entry), &where, where | LEAVING,
                                                                 memory_order_acq_rel, memory_order_relaxed);
}

/* What lives at a place is written to the log. */
__attribute__((noinline)) static void see_off(struct rsd_nursery *nursery, struct rsd_writer *writer,
                                              struct residue_alloc *entry) {
    uint64_t where = atomic_load_explicit(where_of(entry), memory_order_relaxed);
    if (leaves(entry, where)) {
        const struct residue_alloc survivor = {entry->time, where & ~LEAVING, entry->size, entry->node};
        rsd_writer_put_alloc(writer, &survivor);
        nursery->survivors++;
        nursery->retired++;
    }
    atomic_store_explicit(where_of(entry), 0, memory_order_release);
}

/* The place is free. */
static inline void put(struct rsd_ring *ring, uint32_t at, const struct residue_alloc *made, uint64_t head) {
    struct residue_alloc *entry = &ring->entry[at];
    atomic_store_explicit(where_of(entry), 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    __atomic_store_n(&entry->time, made->time, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->size, made->size, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->node, made->node, __ATOMIC_RELAXED);
    atomic_store_explicit(where_of(entry), made->where, memory_order_release);
    atomic_store_explicit(ring->head, head + 1, memory_order_release);
    link_place(ring, at, residue_where_address(made->where));
}

/* What lives at a place among the young goes to the elders: it can be killed there once it is not here any more. */
__attribute__((noinline)) static void promote(struct rsd_nursery *nursery, struct rsd_writer *writer,
                                              struct residue_alloc *entry, uint64_t where) {
    struct rsd_ring *elders = &nursery->elders;
    uint64_t head = atomic_load_explicit(elders->head, memory_order_relaxed);
    uint32_t at = head & (capacity_of(elders) - 1);
    if (at == 0) {
        end_elders_lap(nursery, writer, head);
        at = head & (capacity_of(elders) - 1);
    }
    if (atomic_load_explicit(where_of(&elders->entry[at]), memory_order_relaxed))
        see_off(nursery, writer, &elders->entry[at]);
    if (!leaves(entry, where))
        return;
    const struct residue_alloc elder = {entry->time, where | LEAVING, entry->size, entry->node};
    put(elders, at, &elder, head);
    atomic_store_explicit(nursery->moved, elder.time, memory_order_release);
    atomic_store_explicit(where_of(entry), 0, memory_order_release);
    atomic_store_explicit(where_of(&elders->entry[at]), where, memory_order_release); /* a realloc's stays held */
}

void rsd_nursery_expect(const struct rsd_nursery *nursery, uint64_t address) {
    const struct rsd_ring *young = &nursery->young;
    if (!nursery->memory)
        return;
    uint64_t head = atomic_load_explicit(young->head, memory_order_relaxed);
    rsd_cpu_prefetch_to_write(&young->entry[head & (capacity_of(young) - 1)]);
    rsd_cpu_prefetch_to_write((void *)newest_of(young, address));
    __builtin_prefetch((void *)owner_word(address));
}

void rsd_nursery_add(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t time, uint64_t where,
                     uint32_t size, uint32_t node) {
    struct rsd_ring *young = &nursery->young;
    uint64_t head = atomic_load_explicit(young->head, memory_order_relaxed);
    uint64_t address = residue_where_address(where);
    uint32_t at = head & (capacity_of(young) - 1);
    if (__builtin_expect(at == 0, 0)) {
        end_lap(nursery, writer, head);
        at = head & (capacity_of(young) - 1);
    }
    uint64_t before = atomic_load_explicit(where_of(&young->entry[at]), memory_order_relaxed);
    if (__builtin_expect(before != 0, 0))
        promote(nursery, writer, &young->entry[at], before);
    put(young, at, &(struct residue_alloc){time, where, size, node}, head);
    if (atomic_load_explicit(owner_word(address), memory_order_relaxed) != nursery->number)
        atomic_store_explicit(owner_word(address), nursery->number, memory_order_relaxed);
}

/* The oldest first. */
static void flush(struct rsd_nursery *nursery, struct rsd_writer *writer, struct rsd_ring *ring) {
    uint64_t head = atomic_load_explicit(ring->head, memory_order_relaxed);
    uint32_t capacity = capacity_of(ring);
    for (uint32_t i = 0; i < capacity; i++)
        see_off(nursery, writer, &ring->entry[(head + i) & (capacity - 1)]);
}

void rsd_nursery_flush(struct rsd_nursery *nursery, struct rsd_writer *writer) {
    flush(nursery, writer, &nursery->elders);
    flush(nursery, writer, &nursery->young);
}

/* ---- out ---- */

struct found {
    struct residue_alloc *entry; /* NULL: none */
    struct rsd_ring *ring;       /* that it stands in */
    uint64_t where, time;        /* where 0: there is nothing of that address */
    uint32_t node, size;
};

/* The newest entry by hash, if it is of this address, counts, and nobody looked since it was made: nearly always. */
static inline struct residue_alloc *youngest(const struct rsd_nursery *nursery, uint64_t address) {
    const struct rsd_ring *young = &nursery->young;
    struct residue_alloc *entry = &young->entry[atomic_load_explicit(newest_of(young, address), memory_order_relaxed)];
    uint64_t where = atomic_load_explicit(where_of(entry), memory_order_relaxed);
    bool is = ((where ^ address) & (RESIDUE_ADDRESS_MASK | LEAVING)) == 0 &&
              entry->time > atomic_load_explicit(&looked, memory_order_acquire) &&
              entry->time > atomic_load_explicit(stale_word(address), memory_order_acquire);
    return is ? entry : NULL;
}

/* What an entry of this address says; it counts if it may be annihilated. */
static inline struct found read_entry(struct rsd_ring *ring, struct residue_alloc *entry, uint64_t where,
                                      uint64_t address) {
    uint64_t time = __atomic_load_n(&entry->time, __ATOMIC_RELAXED);
    bool counts = !(where & LEAVING) && time > atomic_load_explicit(&barrier, memory_order_acquire) &&
                  time > atomic_load_explicit(stale_word(address), memory_order_acquire);
    return (struct found){counts ? entry : NULL,
                          ring,
                          where,
                          time,
                          __atomic_load_n(&entry->node, __ATOMIC_RELAXED),
                          __atomic_load_n(&entry->size, __ATOMIC_RELAXED)};
}

static struct found find_in(struct rsd_ring *ring, uint64_t address) {
    uint32_t mask = capacity_of(ring) - 1;
    uint32_t last = (uint32_t)atomic_load_explicit(ring->head, memory_order_acquire) - 1;
    uint32_t at = atomic_load_explicit(newest_of(ring, address), memory_order_relaxed);
    for (uint32_t i = 0; i < CHAIN; i++) {
        struct residue_alloc *entry = &ring->entry[at & mask];
        uint64_t where = atomic_load_explicit(where_of(entry), memory_order_acquire);
        if (where && residue_where_address(where) == address)
            return read_entry(ring, entry, where, address);
        uint32_t older = atomic_load_explicit(&ring->before[at & mask], memory_order_relaxed);
        if (((last - older) & mask) <= ((last - at) & mask))
            break;
        at = older;
    }
    return (struct found){.entry = NULL};
}

/* The entry that may be annihilated, and what it said when it was found. When even the youngest elder is older than the
 * barrier, as they all are while a program ends, none of them may. */
__attribute__((noinline)) static struct found find(struct rsd_nursery *nursery, uint64_t address) {
    struct found found = find_in(&nursery->young, address);
    bool elders_count = atomic_load_explicit(nursery->moved, memory_order_acquire) >
                        atomic_load_explicit(&barrier, memory_order_acquire);
    return found.where || !elders_count ? found : find_in(&nursery->elders, address);
}

bool rsd_nursery_hold(struct rsd_nursery *nursery, uint64_t address) {
    struct found found = find(nursery, address);
    nursery->held = NULL;
    if (!found.entry || found.time <= atomic_load_explicit(&looked, memory_order_acquire))
        return false;
    if (atomic_compare_exchange_strong_explicit(where_of(found.entry), &found.where, found.where | LEAVING,
                                                memory_order_acq_rel, memory_order_relaxed))
        nursery->held = found.entry;
    return nursery->held != NULL;
}

/* What is held for this address, and is not any more. A signal handler may have held something else, or filled the ring. */
static struct residue_alloc *take_held(struct rsd_nursery *nursery, uint64_t address) {
    struct residue_alloc *entry = nursery->held;
    nursery->held = NULL;
    uint64_t where = entry ? atomic_load_explicit(where_of(entry), memory_order_relaxed) : 0;
    return where & LEAVING && residue_where_address(where) == address ? entry : NULL;
}

void rsd_nursery_let_go(struct rsd_nursery *nursery, uint64_t address) {
    struct residue_alloc *entry = take_held(nursery, address);
    if (entry)
        atomic_fetch_and_explicit(where_of(entry), ~LEAVING, memory_order_release);
}

void rsd_nursery_disown(uint64_t address, uint64_t now) {
    _Atomic uint64_t *word = stale_word(address);
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    while (before < now &&
           !atomic_compare_exchange_weak_explicit(word, &before, now, memory_order_release, memory_order_relaxed))
        continue;
}

static uint32_t tallied(uint32_t node) {
    return node < TALLIES ? node : 0;
}

/* Whoever writes tallies reads one only after its number is known. */
__attribute__((cold, noinline)) static uint32_t make_tally(struct rsd_nursery *nursery, uint32_t node) {
    uint32_t number = atomic_load_explicit(&nursery->tallies, memory_order_relaxed) + 1;
    nursery->tally[number].node = node;
    __atomic_store_n(&nursery->tally_of[node], number, __ATOMIC_RELAXED);
    atomic_store_explicit(&nursery->tallies, number, memory_order_release);
    return number;
}

/* Whether nobody needs to know that the block was alive at a sample; else its place among the sums, or `found` is void. */
static struct rsd_late_sum *late_sum(struct rsd_late *late, struct found *found, uint16_t writer) {
    uint64_t last = atomic_load_explicit(&sample, memory_order_acquire);
    if (!found->entry || __builtin_expect(found->time > last, 1))
        return NULL;
    struct rsd_late_sum *sum = NULL;
    if (found->time > atomic_load_explicit(&sample_before, memory_order_relaxed))
        sum = rsd_late_begin(late, last, writer, found->node);
    if (!sum)
        found->entry = NULL;
    return sum;
}

static inline void annihilate(struct rsd_nursery *nursery, struct rsd_writer *writer, struct residue_alloc *entry) {
    atomic_store_explicit(where_of(entry), 0, memory_order_release);
    uint32_t node = tallied(entry->node), number = nursery->tally_of[node];
    struct rsd_tally *tally = &nursery->tally[__builtin_expect(number != 0, 1) ? number : make_tally(nursery, node)];
    tally->calls++;
    tally->bytes += entry->size;
    writer->counter[RESIDUE_COUNTER_ANNIHILATED]++;
}

/* In the thread's own ring. */
static bool kill_own(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address) {
    struct found found = find(nursery, address);
    struct rsd_late_sum *late = late_sum(&nursery->late, &found, nursery->number);
    if (!found.entry)
        return false;
    annihilate(nursery, writer, found.entry);
    if (late)
        rsd_late_end(&nursery->late, late, true, found.size);
    return true;
}

bool rsd_nursery_kill_held(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address) {
    struct residue_alloc *entry = take_held(nursery, address);
    if (!entry || entry->time <= atomic_load_explicit(&looked, memory_order_acquire))
        return false;
    annihilate(nursery, writer, entry);
    return true;
}

/* Made when the first block of the nursery dies by another thread; two may make it at the same time. */
static struct rsd_foreign *foreign_tallies(struct rsd_nursery *nursery) {
    struct rsd_foreign *tallies = atomic_load_explicit(&nursery->foreign, memory_order_acquire), *none = NULL;
    if (tallies || !(tallies = rsd_sys_memory(sizeof *tallies)))
        return tallies;
    if (atomic_compare_exchange_strong_explicit(&nursery->foreign, &none, tallies, memory_order_acq_rel,
                                                memory_order_acquire))
        return tallies;
    rsd_sys_unmap(tallies, sizeof *tallies);
    return none;
}

static bool is_touched(const struct rsd_foreign *foreign, uint32_t node) {
    uint32_t group = node / FOREIGN_GROUP;
    return atomic_load_explicit(&foreign->touched[group / 64], memory_order_acquire) >> group % 64 & 1;
}

static void count_foreign(struct rsd_foreign *foreign, uint32_t node, uint64_t bytes) {
    if (__builtin_expect(!is_touched(foreign, node), 0))
        atomic_fetch_or(&foreign->touched[node / FOREIGN_GROUP / 64], UINT64_C(1) << node / FOREIGN_GROUP % 64);
    struct rsd_foreign_tally *tally = &foreign->of[node];
    atomic_fetch_add_explicit(&tally->bytes, bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->calls, 1, memory_order_release);
}

/* Let what was found in another thread's ring die. */
static bool kill_found(struct rsd_nursery *mine, struct rsd_nursery *theirs, struct rsd_writer *writer,
                       struct found found) {
    struct rsd_foreign *tallies = found.entry ? foreign_tallies(theirs) : NULL;
    struct rsd_late_sum *late = tallies ? late_sum(&mine->late, &found, theirs->number) : NULL;
    bool died = tallies && found.entry &&
                atomic_compare_exchange_strong_explicit(where_of(found.entry), &found.where, 0, memory_order_acq_rel,
                                                        memory_order_relaxed);
    if (late)
        rsd_late_end(&mine->late, late, died, found.size);
    if (!died)
        return false;
    count_foreign(tallies, tallied(found.node), found.size);
    writer->counter[RESIDUE_COUNTER_ANNIHILATED]++;
    mine->ring = found.ring;
    mine->next = (uint32_t)(found.entry - found.ring->entry) + 1;
    return true;
}

static bool kill_in(struct rsd_nursery *mine, uint16_t number, struct rsd_writer *writer, uint64_t address) {
    struct rsd_nursery *theirs = atomic_load_explicit(&nursery_of[number], memory_order_acquire);
    return kill_found(mine, theirs, writer, find(theirs, address));
}

/* The source at `place` was right: it comes first the next time. */
static void to_front(struct rsd_nursery *mine, uint32_t place, uint16_t number) {
    for (; place > 0; place--)
        mine->source[place] = mine->source[place - 1];
    mine->source[0] = number;
}

/* The block behind the one that died last, as a rule; and the one LOOKAHEAD further on will be next before long. Its line comes
 * from another processor, to be written, and takes longer than the stale word: it is asked for three times as early. */
static bool kill_next(struct rsd_nursery *mine, struct rsd_writer *writer, uint64_t address) {
    struct rsd_nursery *theirs = atomic_load_explicit(&nursery_of[mine->source[0]], memory_order_acquire);
    uint32_t mask = capacity_of(mine->ring) - 1;
    struct residue_alloc *entry = &mine->ring->entry[mine->next & mask];
    struct residue_alloc *later = &mine->ring->entry[(mine->next + LOOKAHEAD) & mask];
    uint64_t where = atomic_load_explicit(where_of(entry), memory_order_acquire);
    rsd_cpu_prefetch_to_write(&mine->ring->entry[(mine->next + 3 * LOOKAHEAD) & mask]);
    __builtin_prefetch(stale_word(residue_where_address(atomic_load_explicit(where_of(later), memory_order_relaxed))));
    return residue_where_address(where) == address &&
           kill_found(mine, theirs, writer, read_entry(mine->ring, entry, where, address));
}

static bool kill_foreign(struct rsd_nursery *mine, struct rsd_writer *writer, uint64_t address) {
    uint16_t hint = atomic_load_explicit(owner_word(address), memory_order_relaxed);
    if (hint != 0 && hint != mine->number && kill_in(mine, hint, writer, address)) {
        uint32_t place = 0;
        while (place < RSD_NURSERY_SOURCES - 1 && mine->source[place] != hint)
            place++;
        to_front(mine, place, hint);
        return true;
    }
    for (uint32_t i = 0; i < RSD_NURSERY_SOURCES && mine->source[i]; i++)
        if (mine->source[i] != hint && kill_in(mine, mine->source[i], writer, address)) {
            to_front(mine, i, mine->source[i]);
            return true;
        }
    return false;
}

bool rsd_nursery_kill(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address) {
    if (nursery->follows && kill_next(nursery, writer, address))
        return true;
    nursery->follows = false;
    struct residue_alloc *entry = youngest(nursery, address);
    if (__builtin_expect(entry != NULL, 1)) {
        annihilate(nursery, writer, entry);
        return true;
    }
    __builtin_prefetch(stale_word(address), 1); /* what is found is compared with it; for what is not, it is written */
    if (kill_own(nursery, writer, address))
        return true;
    return nursery->follows = kill_foreign(nursery, writer, address);
}

/* The times are of different writers: the later one need not be the larger. */
static void look(uint64_t time) {
    uint64_t last = atomic_load(&sample);
    time = time > hard ? time : hard;
    atomic_store(&looked, time > last ? time : last);
}

bool rsd_nursery_barrier_begin(void) {
    for (unsigned i = 0; atomic_flag_test_and_set_explicit(&raising, memory_order_acquire); i++) {
        if (i == TRIES)
            return false;
        rsd_sys_yield();
    }
    atomic_store(&looked, UINT64_MAX);
    atomic_store(&barrier, UINT64_MAX);
    return true;
}

void rsd_nursery_barrier_end(uint64_t time) {
    hard = time;
    atomic_store(&barrier, hard);
    look(time);
    atomic_flag_clear_explicit(&raising, memory_order_release);
}

uint64_t rsd_nursery_last_sample(void) {
    return atomic_load(&sample);
}

void rsd_nursery_sample_end(uint64_t time) {
    atomic_store(&sample_before, atomic_load(&sample));
    atomic_store(&sample, time);
    atomic_store(&barrier, hard);
    look(time);
    atomic_flag_clear_explicit(&raising, memory_order_release);
}

/* ---- the tallies ---- */

/* Calls and bytes of a node whose tally is being written out; `written` is what its calls were the last time. */
struct sum {
    uint64_t calls, bytes;
    uint64_t *written;
};

/* Records that are written in a row have one time. */
static void write_sum(const struct rsd_writer *writer, uint32_t node, const struct sum *sum, uint64_t *time) {
    if (sum->calls == *sum->written)
        return;
    struct residue_counts record = {.head = {.tag = RESIDUE_TAG_COUNTS, .time = *time},
                                    .node = node,
                                    .writer = writer->number,
                                    .calls = sum->calls,
                                    .bytes = sum->bytes,
                                    .temporaries = sum->calls};
    if (!rsd_process_tagged(&record.head, sizeof record, "", 0))
        return;
    *sum->written = sum->calls;
    *time = RSD_SAME_TIME;
}

static void add_foreign(struct sum *sum, const struct rsd_foreign_tally *foreign) {
    sum->calls += atomic_load_explicit(&foreign->calls, memory_order_acquire);
    sum->bytes += atomic_load_explicit(&foreign->bytes, memory_order_relaxed);
}

static void write_own(struct rsd_nursery *nursery, const struct rsd_writer *writer, const struct rsd_foreign *foreign,
                      uint64_t *time) {
    uint32_t last = atomic_load_explicit(&nursery->tallies, memory_order_acquire);
    for (uint32_t number = 1; number <= last; number++) {
        struct rsd_tally *tally = &nursery->tally[number];
        struct sum sum = {tally->calls, tally->bytes, &tally->written};
        if (foreign && is_touched(foreign, tally->node))
            add_foreign(&sum, &foreign->of[tally->node]);
        write_sum(writer, tally->node, &sum, time);
    }
}

/* Of nodes whose blocks died by other threads only. One that gets a tally meanwhile is written with that the next time. */
static void write_foreign(const struct rsd_nursery *nursery, const struct rsd_writer *writer,
                          struct rsd_foreign *foreign, uint64_t *time) {
    for (uint32_t node = 0; node < TALLIES; node++) {
        if (!is_touched(foreign, node)) {
            node |= FOREIGN_GROUP - 1;
            continue;
        }
        struct sum sum = {0, 0, &foreign->of[node].written};
        add_foreign(&sum, &foreign->of[node]);
        if (__atomic_load_n(&nursery->tally_of[node], __ATOMIC_RELAXED) == 0)
            write_sum(writer, node, &sum, time);
    }
}

void rsd_nursery_write_tallies(struct rsd_nursery *nursery, const struct rsd_writer *writer) {
    struct rsd_foreign *foreign = atomic_load_explicit(&nursery->foreign, memory_order_acquire);
    uint64_t time = 0;
    if (!nursery->memory)
        return;
    write_own(nursery, writer, foreign, &time);
    if (foreign)
        write_foreign(nursery, writer, foreign, &time);
}
