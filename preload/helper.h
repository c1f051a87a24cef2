/*
 * The helper thread, which samples the process's memory. See helper.c.
 */
#ifndef RSD_HELPER_H
#define RSD_HELPER_H

#include <stdbool.h>

/* The program has more than one thread now: start the helper and the sealer, once. */
void rsd_helper_start(void);

/* Whether it is at work. */
bool rsd_helper_runs(void);

/* In a child made by fork() (fork.c): it has none. */
void rsd_helper_after_fork(void);

/* On the calling thread, now: sample RSS, and write what died in the nurseries, by call site. */
void rsd_helper_sample_memory(void);

/* The same, and all mappings, unless these are known to take long. */
void rsd_helper_sample_all(void);

#endif
