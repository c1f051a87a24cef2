/*
 * The thread that seals full segments. See sealer.c.
 */
#ifndef RSD_SEALER_H
#define RSD_SEALER_H

#include <stdbool.h>

#include "log.h"

/* The thread's own function. */
void *rsd_sealer_run(void *unused);

/* A segment of the writer's is full: the thread sees to it soon. False: it does not run. */
bool rsd_sealer_take(struct rsd_writer *writer);

/* Recording has ended, and so does the thread. */
void rsd_sealer_end(void);

/* In a child made by fork() (fork.c): it has none. */
void rsd_sealer_after_fork(void);

#endif
