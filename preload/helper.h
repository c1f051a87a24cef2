/*
 * The helper thread, which samples the process's memory. See helper.c.
 */
#ifndef RSD_HELPER_H
#define RSD_HELPER_H

/* The program has more than one thread now: start the helper, once. */
void rsd_helper_start(void);

/* Sample memory and mappings now, on the calling thread, unless the mappings are known to take long. */
void rsd_helper_sample_now(void);

/* Write what died in the nurseries, by call site. */
void rsd_helper_write_tallies(void);

#endif
