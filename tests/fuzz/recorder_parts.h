/*
 * The recorder without hooks, loader and stacks: record.c, nursery.c and log.c as they are, with the rest played here. A
 * "thread" is a slot that whoever runs may take on, so that one real thread can play several in any order.
 */
#ifndef RECORDER_PARTS_H
#define RECORDER_PARTS_H

#include <stdbool.h>

#include "record.h"
#include "thread.h"

#define PARTS_SITES 8u

/* Begin a trace in `directory` with writer 0; the clock is settled by the first call. */
void parts_begin(const char *directory);
/* Close what parts_begin opened. */
void parts_end(void);

/* A slot with its own writer `number` (from 1) and nursery, in which the nodes of PARTS_SITES call sites stand. Made anew
 * in the same memory each time: `thread` is zero at first. */
void parts_open(struct rsd_thread *thread, uint32_t number);
void parts_close(struct rsd_thread *thread);

/* Who calls, and from which of the call sites. */
void parts_be(struct rsd_thread *thread, unsigned site);

#endif
