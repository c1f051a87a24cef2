/*
 * The memory limit that the process lives under. See cgroup.c.
 */
#ifndef RSD_CGROUP_H
#define RSD_CGROUP_H

#include <stdint.h>

/* Bytes; 0: there is none, or it cannot be read. */
uint64_t rsd_cgroup_memory_limit(void);

#endif
