/*
 * Children made by fork(). See fork.c.
 */
#ifndef RSD_FORK_H
#define RSD_FORK_H

/* Be told of every fork(); from the constructor. */
void rsd_fork_start(void);

#endif
