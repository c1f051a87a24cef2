/*
 * preload/log.c and preload/nursery.c on their own, with what they need of the rest of the recorder.
 *
 * In a file of its own because the recorder and the analyzer give some structs the same names: they never meet in one
 * translation unit.
 */
#include "recorder_side.h"

#include <stdio.h>
#include <sys/resource.h>

#include "init.h"
#include "log.h"
#include "nursery.h"
#include "process.h"
#include "sample.h"
#include "sealer.h"

struct rsd_trace rsd_trace;
static char stopped[256];

void rsd_stop(long error, const char *what) {
    snprintf(stopped, sizeof stopped, "%s (%ld)", what, error);
}

static struct residue_late late_record; /* the last one */
static struct residue_counts counts_record[16];
static uint32_t counts_records;
static uint32_t lates;
static bool lates_sorted = true;

static void note_late(const struct residue_late *record) {
    bool first = record->head.time == 0; /* of a table */
    lates++;
    lates_sorted &= first || late_record.writer < record->writer ||
                    (late_record.writer == record->writer && late_record.node < record->node);
    late_record = *record;
}

bool rsd_process_tagged(struct residue_tagged *head, size_t head_size, const void *text, size_t text_size) {
    (void)text, (void)text_size;
    if (head->tag == RESIDUE_TAG_LATE && head_size == sizeof late_record)
        note_late((const struct residue_late *)head);
    if (head->tag == RESIDUE_TAG_COUNTS && counts_records < 16)
        memcpy(&counts_record[counts_records++], head, sizeof *counts_record);
    return true;
}

void rsd_sample_note_live(uint64_t bytes) {
    (void)bytes;
}

void rsd_sample_note_log(uint64_t bytes) {
    (void)bytes;
}

static void (*at_seal)(void);

void rsd_process_sample_if_due(uint64_t ticks) {
    (void)ticks;
    if (at_seal)
        at_seal();
}

bool rsd_is_other_process(void) {
    return false;
}

static bool sealer_sleeps;

bool rsd_sealer_take(struct rsd_writer *writer) {
    (void)writer;
    return sealer_sleeps;
}

static void put_node(struct rsd_writer *writer) {
    struct residue_node *room = rsd_writer_reserve(writer, RESIDUE_NODE, sizeof *room);
    *room = (struct residue_node){.kind = RESIDUE_NODE_END};
    writer->last_node++;
    rsd_writer_commit(writer, RESIDUE_NODE, sizeof *room);
}

/* The node is noise, so that a log grows by a few bytes a block on every machine, however evenly its clock ticks. */
static bool put_block(struct rsd_writer *writer, uint32_t i) {
    struct residue_alloc *room = rsd_writer_reserve(writer, RESIDUE_ALLOC, sizeof *room);
    if (!room)
        return false;
    uint64_t where = residue_where((uint64_t)i * 0x1000, RESIDUE_API_MALLOC);
    uint32_t noise = i * 2654435761u;
    *room = (struct residue_alloc){rsd_writer_tick(writer), where, i, noise ^ noise >> 13};
    rsd_writer_commit(writer, RESIDUE_ALLOC, sizeof *room);
    return true;
}

static bool put_free(struct rsd_writer *writer, uint32_t i) {
    struct residue_free *room = rsd_writer_reserve(writer, RESIDUE_FREE, sizeof *room);
    if (!room)
        return false;
    *room = (struct residue_free){rsd_writer_tick(writer), residue_where((uint64_t)i * 0x1000, RESIDUE_API_FREE)};
    rsd_writer_commit(writer, RESIDUE_FREE, sizeof *room);
    return true;
}

static void begin(const char *directory) {
    snprintf(rsd_trace.directory, sizeof rsd_trace.directory, "%s", directory);
    rsd_trace.id = 42;
    rsd_trace.pid = 4711;
    rsd_clock_init();
    rsd_log_init();
}

void recorder_clock_rates(uint32_t times, double *least, double *most) {
    *least = *most = 0;
    for (uint32_t i = 0; i < times; i++) {
        rsd_clock_init();
        *least = i && *least < rsd_clock_rate ? *least : rsd_clock_rate;
        *most = *most > rsd_clock_rate ? *most : rsd_clock_rate;
    }
}

static bool write_blocks(const char *directory, uint32_t blocks) {
    static struct rsd_writer writer;
    begin(directory);
    if (!rsd_writer_open(&writer, 1))
        return false;
    put_node(&writer);
    for (uint32_t i = 1; i <= blocks; i++)
        if (!put_block(&writer, i) || (i % 2 == 0 && !put_free(&writer, i)))
            return false;
    return true;
}

/* ---- nurseries ---- */

static struct side {
    struct rsd_writer writer;
    struct rsd_nursery nursery;
} sides[2];

bool recorder_nurseries(const char *directory) {
    rsd_trace.nursery = true;
    begin(directory);
    for (uint32_t i = 0; i < 2; i++)
        if (!rsd_writer_open(&sides[i].writer, i + 1) || !rsd_nursery_init(&sides[i].nursery, &sides[i].writer))
            return false;
    return true;
}

void recorder_young_of(int side, uint32_t node, uint64_t address, uint32_t size) {
    struct side *s = &sides[side];
    rsd_nursery_add(&s->nursery, &s->writer, rsd_writer_tick(&s->writer), residue_where(address, RESIDUE_API_MALLOC),
                    size, node);
}

void recorder_young(int side, uint64_t address, uint32_t size) {
    recorder_young_of(side, 1, address, size);
}

uint32_t recorder_counts(int side, struct residue_counts *counts) {
    counts_records = 0;
    rsd_nursery_write_tallies(&sides[side].nursery, &sides[side].writer);
    memcpy(counts, counts_record, sizeof counts_record);
    return counts_records;
}

bool recorder_kill(int side, uint64_t address) {
    struct side *s = &sides[side];
    return rsd_nursery_kill(&s->nursery, &s->writer, address);
}

bool recorder_hold(int side, uint64_t address) {
    return rsd_nursery_hold(&sides[side].nursery, address);
}

void recorder_let_go(int side, uint64_t address) {
    rsd_nursery_let_go(&sides[side].nursery, address);
}

bool recorder_kill_held(int side, uint64_t address) {
    return rsd_nursery_kill_held(&sides[side].nursery, &sides[side].writer, address);
}

void recorder_disown(uint64_t address) {
    rsd_nursery_disown(address, rsd_clock_ticks());
}

void recorder_at_seal(void (*happen)(void)) {
    at_seal = happen;
}

void recorder_barrier(void) {
    if (rsd_nursery_barrier_begin())
        rsd_nursery_barrier_end(rsd_clock_ticks());
}

void recorder_look(void) {
    if (rsd_nursery_barrier_begin())
        rsd_nursery_sample_end(rsd_clock_ticks());
    for (int i = 0; i < 2; i++)
        rsd_late_turn(&sides[i].nursery.late, rsd_nursery_last_sample());
}

bool recorder_late(struct residue_late *record) {
    *record = late_record;
    return late_record.blocks != 0;
}

uint32_t recorder_lates(bool *sorted) {
    *sorted = lates_sorted;
    return lates;
}

uint32_t recorder_capacity(int side) {
    return sides[side].nursery.young.capacity;
}

bool recorder_write(const char *directory, uint32_t blocks) {
    return write_blocks(directory, blocks);
}

bool recorder_write_unsealed(const char *directory, uint32_t blocks) {
    sealer_sleeps = true;
    bool written = write_blocks(directory, blocks);
    sealer_sleeps = false;
    return written;
}

const char *recorder_write_until_full(const char *directory, uint32_t blocks) {
    struct rlimit before, small = {800u << 10, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    stopped[0] = '\0';
    write_blocks(directory, blocks);
    setrlimit(RLIMIT_FSIZE, &before);
    return stopped;
}
