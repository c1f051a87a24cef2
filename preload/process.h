/*
 * The process's own writer: what belongs to no thread. See process.c.
 */
#ifndef RSD_PROCESS_H
#define RSD_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

/* Open process.log and process.live. */
bool rsd_process_open(void);

/* In a child made by fork() (fork.c). */
void rsd_process_after_fork(void);
void rsd_process_isolate(void);

/* Append a record. Waits for another thread that is writing, but not for ever: false when it could not be written. */
bool rsd_process_tagged(struct residue_tagged *head, size_t head_size, const void *text, size_t text_size);

/* The time on all clocks and the process's memory, as CLOCK and MEMORY records. Cheap: one file of /proc. */
void rsd_process_sample(void);

/* The same, if the last was more than a second before `ticks`: for programs that have no helper thread. */
void rsd_process_sample_if_due(uint64_t ticks);

/* Every resident mapping, as MAPPING records. Its cost grows with the number of mappings; returned in nanoseconds. */
uint64_t rsd_process_sample_mappings(void);

/* Which runtime this is, as a RUNTIME record, once it is up. */
void rsd_process_name_runtime(void);

/* How far JavaScript is named, as a RUNTIME record: it may change while the program runs. */
void rsd_process_say_javascript(void);

/* Private live parts go to disk. */
void rsd_process_save_private(void);

#endif
