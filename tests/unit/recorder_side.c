/*
 * preload/log.c on its own, with the four things that it needs of the rest of the recorder.
 *
 * In a file of its own because the recorder and the analyzer give some structs the same names: they never meet in one
 * translation unit.
 */
#include "recorder_side.h"

#include <stdio.h>
#include <sys/resource.h>

#include "init.h"
#include "log.h"
#include "process.h"

struct rsd_trace rsd_trace;
static char stopped[256];

void rsd_stop(long error, const char *what) {
    snprintf(stopped, sizeof stopped, "%s (%ld)", what, error);
}

void rsd_process_sample_if_due(uint64_t ticks) {
    (void)ticks;
}

bool rsd_is_other_process(void) {
    return false;
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

static bool write_blocks(const char *directory, uint32_t blocks) {
    static struct rsd_writer writer;
    snprintf(rsd_trace.directory, sizeof rsd_trace.directory, "%s", directory);
    rsd_trace.id = 42;
    rsd_trace.pid = 4711;
    rsd_clock_init();
    rsd_log_init();
    if (!rsd_writer_open(&writer, 1))
        return false;
    put_node(&writer);
    for (uint32_t i = 1; i <= blocks; i++)
        if (!put_block(&writer, i) || (i % 2 == 0 && !put_free(&writer, i)))
            return false;
    return true;
}

bool recorder_write(const char *directory, uint32_t blocks) {
    return write_blocks(directory, blocks);
}

const char *recorder_write_until_full(const char *directory, uint32_t blocks) {
    struct rlimit before, small = {1u << 20, RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    stopped[0] = '\0';
    write_blocks(directory, blocks);
    setrlimit(RLIMIT_FSIZE, &before);
    return stopped;
}
