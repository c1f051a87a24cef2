/*
 * The nursery.
 *
 * Most blocks die within microseconds and can never be the answer. So an allocation is first written into a ring of the
 * thread's youngest blocks, in the live file. A free that finds its block there annihilates both: nothing is logged, only
 * the call site's tally moves. A block that the ring must make room for is a survivor and is logged with its own time;
 * survivors leave in the order in which they came, so the log stays sorted.
 *
 * Two rules make outstanding exact; either left out, it is wrong.
 *
 * Stale entries. A allocates p; B frees p; B's malloc returns p; A frees p. A must not annihilate its old entry. So a free
 * that does not find its block in its own ring stores its time at hash(p) in a table that all threads share, before the
 * real free, and an entry counts only if it is younger than that word:
 *
 *     A may annihilate e  =>  no foreign free of address(e) since time(e)
 *
 * Barriers. A block that is alive at an instant T and dies in the ring later would be missing at T. Who needs T exact raises
 * the barrier to it; an entry older than the barrier is freed by records. While a barrier is being raised it stands
 * at infinity, and T is taken meanwhile: a thread that read the word before that has freed before T, and one that reads
 * it after logs. Barriers are raised one at a time (`raising`, a spin lock held for one record).
 *
 * The index is direct-mapped and forgets: a block that is not found is freed by records, which is never wrong.
 *
 * Entries are overwritten with `where` cleared first and set last: an entry that a kill leaves half written is a dead one.
 *
 * Threads: a nursery is its thread's own. The table and the barrier are everybody's. The tallies are written by their
 * thread and read by whoever writes them to the log: counters may be a call behind, never torn.
 */
#include "nursery.h"

#include "process.h"
#include "sys.h"

#define STALE_WORDS 65536u
#define TRIES 10000u
#define INDEX_SIZE (RSD_NURSERY_INDEX * sizeof(uint16_t))
#define TALLIES (1u << 20) /* nodes from here on share the last one */

static _Atomic uint64_t stale[STALE_WORDS];
static _Atomic uint64_t barrier;
static atomic_flag raising = ATOMIC_FLAG_INIT;

static uint32_t hash(uint64_t address) {
    return (uint32_t)((address >> 4) * 0x9e3779b97f4a7c15u >> 40);
}

static _Atomic uint64_t *stale_word(uint64_t address) {
    return &stale[hash(address) % STALE_WORDS];
}

static uint16_t *index_of(const struct rsd_nursery *nursery, uint64_t address) {
    return &nursery->index[hash(address) % RSD_NURSERY_INDEX];
}

bool rsd_nursery_init(struct rsd_nursery *nursery, struct rsd_writer *writer) {
    struct residue_ring *ring = &writer->live->ring;
    char *memory = rsd_sys_memory(INDEX_SIZE + TALLIES * sizeof *nursery->tally);
    if (!memory)
        return false;
    *nursery = (struct rsd_nursery){
        .entry = (struct residue_alloc *)((char *)writer->live + ring->offset),
        .head = (_Atomic uint64_t *)&ring->head,
        .index = (uint16_t *)memory,
        .tally = (struct rsd_tally *)(memory + INDEX_SIZE),
    };
    return true;
}

void rsd_nursery_release(struct rsd_nursery *nursery) {
    if (nursery->entry)
        rsd_sys_unmap(nursery->index, INDEX_SIZE + TALLIES * sizeof *nursery->tally);
}

/* The barrier may stand at infinity for a thread that is not there. What stands in the table is older than all entries of
 * the child. */
void rsd_nursery_after_fork(void) {
    atomic_store(&barrier, 0);
    atomic_flag_clear(&raising);
}

/* ---- in ---- */

void rsd_nursery_add(struct rsd_nursery *nursery, struct rsd_writer *writer, const struct residue_alloc *block) {
    uint64_t head = atomic_load_explicit(nursery->head, memory_order_relaxed);
    uint32_t at = head % RSD_NURSERY_ENTRIES;
    struct residue_alloc *entry = &nursery->entry[at];
    if (entry->where)
        rsd_writer_put_alloc(writer, entry);
    _Atomic uint64_t *where = (_Atomic uint64_t *)&entry->where;
    atomic_store_explicit(where, 0, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    entry->time = block->time;
    entry->size = block->size;
    entry->node = block->node;
    atomic_store_explicit(where, block->where, memory_order_release);
    atomic_store_explicit(nursery->head, head + 1, memory_order_release);
    *index_of(nursery, residue_where_address(block->where)) = (uint16_t)at;
}

/* ---- out ---- */

static struct residue_alloc *find(const struct rsd_nursery *nursery, uint64_t address) {
    struct residue_alloc *entry = &nursery->entry[*index_of(nursery, address)];
    bool found = entry->where && residue_where_address(entry->where) == address &&
                 entry->time > atomic_load_explicit(&barrier, memory_order_acquire) &&
                 entry->time > atomic_load_explicit(stale_word(address), memory_order_acquire);
    return found ? entry : NULL;
}

bool rsd_nursery_has(const struct rsd_nursery *nursery, uint64_t address) {
    return find(nursery, address) != NULL;
}

void rsd_nursery_disown(uint64_t address, uint64_t now) {
    _Atomic uint64_t *word = stale_word(address);
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed);
    while (before < now &&
           !atomic_compare_exchange_weak_explicit(word, &before, now, memory_order_release, memory_order_relaxed))
        continue;
}

bool rsd_nursery_kill(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address) {
    struct residue_alloc *entry = find(nursery, address);
    if (!entry)
        return false;
    atomic_store_explicit((_Atomic uint64_t *)&entry->where, 0, memory_order_release);
    struct rsd_tally *tally = &nursery->tally[entry->node < TALLIES ? entry->node : 0];
    tally->calls++;
    tally->bytes += entry->size;
    writer->counter[RESIDUE_COUNTER_ANNIHILATED]++;
    return true;
}

bool rsd_nursery_barrier_begin(void) {
    for (unsigned i = 0; atomic_flag_test_and_set_explicit(&raising, memory_order_acquire); i++) {
        if (i == TRIES)
            return false;
        rsd_sys_yield();
    }
    atomic_store(&barrier, UINT64_MAX);
    return true;
}

void rsd_nursery_barrier_end(uint64_t time) {
    atomic_store(&barrier, time);
    atomic_flag_clear_explicit(&raising, memory_order_release);
}

/* ---- the tallies ---- */

void rsd_nursery_write_tallies(struct rsd_nursery *nursery, const struct rsd_writer *writer) {
    uint64_t nodes = writer->last_node < TALLIES ? writer->last_node + 1 : TALLIES;
    for (uint64_t node = 0; nursery->entry && node < nodes; node++) {
        struct rsd_tally *tally = &nursery->tally[node];
        if (tally->calls == tally->written)
            continue;
        tally->written = tally->calls;
        struct residue_counts record = {.head.tag = RESIDUE_TAG_COUNTS,
                                        .node = (uint32_t)node,
                                        .writer = writer->number,
                                        .calls = tally->written,
                                        .bytes = tally->bytes,
                                        .temporaries = tally->written};
        rsd_process_tagged(&record.head, sizeof record, "", 0);
    }
}
