/* The recorder's writer, for tests that read with the analyzer what it wrote. */
#ifndef RECORDER_SIDE_H
#define RECORDER_SIDE_H

#include <stdbool.h>
#include <stdint.h>

/* Writer 1 of a new trace in `directory`: allocations of 1, 2, ... `blocks` bytes at 0x1000 times their number, all from
 * one stack, and a free of every second one. False when a file could not be made. */
bool recorder_write(const char *directory, uint32_t blocks);

/* The same, with RLIMIT_FSIZE such that the log cannot take the second segment. Says what rsd_stop was told, or "". */
const char *recorder_write_until_full(const char *directory, uint32_t blocks);

#endif
