/*
 * Sums by call site of the blocks that were outstanding when memory was sampled last, and died in a nursery since.
 *
 * Without records such a block would be missing in the curve at that sample; with records, a worker that allocates and frees
 * ten thousand Buffers between two collections would write all that wait at each sample, once a second. So their bytes
 * are added up here by call site, and written as LATE records when the next sample is taken:
 *
 *     outstanding at a sample T = what records say  +  LATE records of T
 *
 * A sum is of one sample. A block that was outstanding at two is freed by a record, and so is one that finds no place here,
 * which is never wrong. Blocks that must be known one by one, at a mark or when node begins to free, never come here
 * (nursery.c: barriers). A kill loses the sums of the last sample: its level is then too low by what was young.
 *
 * Each thread has a table, for what it frees. It grows up to MOST_PLACES: work of libvips has two thousand blocks at a time, most
 * of them with a stack of their own. A table that was written out goes back to the system, and the next one begins with the room
 * that this one needed.
 *
 * It is the thread's own but for the moment at which whoever takes a sample puts another in its place: `taken` is held for a
 * few instructions by either, seldom for a system call. Neither waits in a hook: a table that is taken is no place. The old
 * one is sorted and written out when nobody else sees it: records of nodes that are neighbours pack best.
 */
#include "late.h"

#include "log.h"
#include "process.h"
#include "sys.h"

#define FIRST_PLACES 1024u
#define MOST_PLACES 16384u
#define TRIES 10000u

static size_t size_of(uint32_t places) {
    return places * sizeof(struct rsd_late_sum);
}

bool rsd_late_init(struct rsd_late *late) {
    *late = (struct rsd_late){
        .taken = ATOMIC_FLAG_INIT, .places = FIRST_PLACES, .sum = rsd_sys_memory(size_of(FIRST_PLACES))};
    return late->sum != NULL;
}

void rsd_late_release(struct rsd_late *late) {
    rsd_sys_unmap(late->sum, size_of(late->places));
}

/* The sum of this node, or the empty place where it belongs: half of all are empty. */
static struct rsd_late_sum *find(struct rsd_late_sum *table, uint32_t places, uint32_t writer, uint32_t node) {
    uint64_t at = ((uint64_t)writer << 32 | node) * 0x9e3779b97f4a7c15u >> 40;
    struct rsd_late_sum *sum;
    while ((sum = &table[at++ % places])->writer && (sum->writer != writer || sum->node != node))
        continue;
    return sum;
}

static void release(struct rsd_late *late) {
    atomic_flag_clear_explicit(&late->taken, memory_order_release);
}

static bool grow(struct rsd_late *late) {
    uint32_t places = late->places * 2;
    struct rsd_late_sum *bigger = places <= MOST_PLACES ? rsd_sys_memory(size_of(places)) : NULL;
    if (!bigger)
        return false;
    for (uint32_t i = 0; i < late->places; i++)
        if (late->sum[i].writer)
            *find(bigger, places, late->sum[i].writer, late->sum[i].node) = late->sum[i];
    rsd_sys_unmap(late->sum, size_of(late->places));
    late->sum = bigger;
    late->places = places;
    return true;
}

/* NULL: there is no room for another node. */
static struct rsd_late_sum *place_of(struct rsd_late *late, uint32_t writer, uint32_t node) {
    struct rsd_late_sum *sum = find(late->sum, late->places, writer, node);
    if (sum->writer)
        return sum;
    if (late->used == late->places / 2) {
        if (!grow(late))
            return NULL;
        sum = find(late->sum, late->places, writer, node);
    }
    late->used++;
    sum->writer = writer;
    sum->node = node;
    return sum;
}

struct rsd_late_sum *rsd_late_begin(struct rsd_late *late, uint64_t time, uint32_t writer, uint32_t node) {
    if (atomic_flag_test_and_set_explicit(&late->taken, memory_order_acquire))
        return NULL;
    struct rsd_late_sum *sum = late->time == time ? place_of(late, writer, node) : NULL;
    if (!sum)
        release(late);
    return sum;
}

void rsd_late_end(struct rsd_late *late, struct rsd_late_sum *sum, bool died, uint64_t bytes) {
    if (died) {
        sum->blocks++;
        sum->bytes += bytes;
    }
    release(late);
}

static bool is_before(const struct rsd_late_sum *a, const struct rsd_late_sum *b) {
    return a->writer != b->writer ? a->writer < b->writer : a->node < b->node;
}

/* Shell's method, by halves: a few thousand sums in a millisecond. */
static void sort(struct rsd_late_sum *sum, uint32_t count) {
    for (uint32_t gap = count / 2; gap; gap /= 2)
        for (uint32_t i = gap; i < count; i++) {
            struct rsd_late_sum it = sum[i];
            uint32_t at = i;
            for (; at >= gap && is_before(&it, &sum[at - gap]); at -= gap)
                sum[at] = sum[at - gap];
            sum[at] = it;
        }
}

static void write_out(struct rsd_late_sum *sum, uint32_t places, uint64_t when) {
    uint64_t time = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < places; i++)
        if (sum[i].blocks)
            sum[count++] = sum[i];
    sort(sum, count);
    for (uint32_t i = 0; i < count; i++) {
        struct residue_late record = {.head = {.tag = RESIDUE_TAG_LATE, .time = time},
                                      .when = when,
                                      .node = sum[i].node,
                                      .writer = sum[i].writer,
                                      .blocks = sum[i].blocks,
                                      .bytes = sum[i].bytes};
        if (rsd_process_tagged(&record.head, sizeof record, "", 0))
            time = RSD_SAME_TIME;
    }
}

static uint32_t room_for(uint32_t used) {
    uint32_t places = FIRST_PLACES;
    while (places < MOST_PLACES && places / 2 < used)
        places *= 2;
    return places;
}

void rsd_late_turn(struct rsd_late *late, uint64_t time) {
    for (unsigned i = 0; atomic_flag_test_and_set_explicit(&late->taken, memory_order_acquire); i++) {
        if (i == TRIES)
            return;
        rsd_sys_yield();
    }
    struct rsd_late old = {.sum = late->sum, .places = late->places, .time = late->time};
    uint32_t places = room_for(late->used);
    struct rsd_late_sum *empty = late->used ? rsd_sys_memory(size_of(places)) : NULL;
    if (empty || late->used == 0) {
        late->time = time;
        late->used = 0;
    }
    if (empty) {
        late->sum = empty;
        late->places = places;
    }
    release(late);
    if (empty) {
        write_out(old.sum, old.places, old.time);
        rsd_late_release(&old);
    }
}
