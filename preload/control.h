/*
 * What somebody asks of a running program, through its trace directory. See control.c.
 */
#ifndef RSD_CONTROL_H
#define RSD_CONTROL_H

#include "residue/format.h"

/* Do what has been asked for since the last call; from the helper. */
void rsd_control_poll(void);

/* Sample memory and write a mark of that name. */
void rsd_control_mark(const char *name);

/* Write a barrier to the process's log; START and STOP switch the recording of blocks at the very instant. */
void rsd_control_barrier(enum residue_barrier_reason reason, const char *name);

#endif
