/* The recorder's writer, for tests that read with the analyzer what it wrote. */
#ifndef RECORDER_SIDE_H
#define RECORDER_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "residue/format.h"

/* Writer 1 of a new trace in `directory`: allocations of 1, 2, ... `blocks` bytes at 0x1000 times their number, all from
 * one stack, and a free of every second one. False when a file could not be made. */
bool recorder_write(const char *directory, uint32_t blocks);

/* The same, where a full segment is sealed by its thread when it needs the room, and not before. */
bool recorder_write_unsealed(const char *directory, uint32_t blocks);

/* The same as the first, with RLIMIT_FSIZE such that the log cannot take the second segment. Says what rsd_stop was told, or "". */
const char *recorder_write_until_full(const char *directory, uint32_t blocks);

/* The smallest and the largest rate, in ticks per second, that so many starts of the clock come out with. */
void recorder_clock_rates(uint32_t times, double *least, double *most);

/* Two threads' nurseries, writers 1 and 2, in a new trace. Sides are 0 and 1. */
bool recorder_nurseries(const char *directory);
void recorder_young(int side, uint64_t address, uint32_t size);
void recorder_young_of(int side, uint32_t node, uint64_t address, uint32_t size);
/* A free by the thread of this side: did the block die without a record? */
bool recorder_kill(int side, uint64_t address);
/* A free that looked into no ring but its own thread's. */
void recorder_disown(uint64_t address);
/* Something that happens, in another thread, whenever a segment has just been sealed. */
void recorder_at_seal(void (*happen)(void));
/* The two halves of a realloc. */
bool recorder_hold(int side, uint64_t address);
void recorder_let_go(int side, uint64_t address);
bool recorder_kill_held(int side, uint64_t address);
/* A mark. */
void recorder_barrier(void);
/* A sample of memory is taken; and the last sum that was written of what was young at one. */
void recorder_look(void);
bool recorder_late(struct residue_late *record);
/* How many sums were written, and whether those of one table were so by writer and node. */
uint32_t recorder_lates(bool *sorted);
uint32_t recorder_capacity(int side);
/* What died in a side's nursery is written: the records that are new, in their order; at most 16. Returns how many there are. */
uint32_t recorder_counts(int side, struct residue_counts *counts);

#endif
