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
 * Each thread has a table, for what it frees. It is the thread's own but for the moment at which whoever takes a sample
 * writes it out: `taken` is held for a few instructions by the one, for some records by the other. Neither waits in a
 * hook: a table that is taken is no place.
 */
#include "late.h"

#include "log.h"
#include "process.h"
#include "sys.h"

#define PROBES 8u
#define TRIES 10000u

bool rsd_late_init(struct rsd_late *late) {
    *late = (struct rsd_late){.taken = ATOMIC_FLAG_INIT, .sum = rsd_sys_memory(RSD_LATE_PLACES * sizeof *late->sum)};
    return late->sum != NULL;
}

void rsd_late_release(struct rsd_late *late) {
    rsd_sys_unmap(late->sum, RSD_LATE_PLACES * sizeof *late->sum);
}

static struct rsd_late_sum *place_of(struct rsd_late *late, uint32_t writer, uint32_t node) {
    uint64_t hash = ((uint64_t)writer << 32 | node) * 0x9e3779b97f4a7c15u >> 40;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct rsd_late_sum *sum = &late->sum[(hash + i) % RSD_LATE_PLACES];
        if (sum->writer == 0 || (sum->writer == writer && sum->node == node))
            return sum;
    }
    return NULL;
}

static void release(struct rsd_late *late) {
    atomic_flag_clear_explicit(&late->taken, memory_order_release);
}

struct rsd_late_sum *rsd_late_begin(struct rsd_late *late, uint64_t time, uint32_t writer, uint32_t node) {
    if (atomic_flag_test_and_set_explicit(&late->taken, memory_order_acquire))
        return NULL;
    struct rsd_late_sum *sum = late->time == time ? place_of(late, writer, node) : NULL;
    if (!sum) {
        release(late);
        return NULL;
    }
    late->used += sum->writer == 0;
    sum->writer = writer;
    sum->node = node;
    return sum;
}

void rsd_late_end(struct rsd_late *late, struct rsd_late_sum *sum, bool died, uint64_t bytes) {
    if (died) {
        sum->blocks++;
        sum->bytes += bytes;
    }
    release(late);
}

static void write_out(struct rsd_late *late) {
    uint64_t time = 0;
    for (uint32_t i = 0; i < RSD_LATE_PLACES && late->used; i++) {
        struct rsd_late_sum *sum = &late->sum[i];
        if (sum->writer == 0)
            continue;
        struct residue_late record = {.head = {.tag = RESIDUE_TAG_LATE, .time = time},
                                      .when = late->time,
                                      .node = sum->node,
                                      .writer = sum->writer,
                                      .blocks = sum->blocks,
                                      .bytes = sum->bytes};
        if (sum->blocks && rsd_process_tagged(&record.head, sizeof record, "", 0))
            time = RSD_SAME_TIME;
        *sum = (struct rsd_late_sum){0};
        late->used--;
    }
}

void rsd_late_turn(struct rsd_late *late, uint64_t time) {
    for (unsigned i = 0; atomic_flag_test_and_set_explicit(&late->taken, memory_order_acquire); i++) {
        if (i == TRIES)
            return;
        rsd_sys_yield();
    }
    write_out(late);
    late->time = time;
    release(late);
}
