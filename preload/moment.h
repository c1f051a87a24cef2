/*
 * The moment of analysis: when node begins to free what it holds. See moment.c.
 */
#ifndef RSD_MOMENT_H
#define RSD_MOMENT_H

#include <stdbool.h>

#include "unwind/unwind.h"

/* Find node's functions; from the constructor. In a program that is not node nothing is found and nothing is checked. */
void rsd_moment_init(void);

/* Is the program node? */
bool rsd_moment_is_node(void);

/* The calling thread is in a call that node's teardown also makes: look whether this is it. */
void rsd_moment_check(const struct rsd_registers *from);

/* In a child made by fork() (fork.c). */
void rsd_moment_after_fork(void);

/* Has that moment been recorded? */
bool rsd_moment_begun(void);

#endif
