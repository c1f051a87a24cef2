/*
 * The memory cgroup's limit, at start (residue/cgroup.h), by the recorder's own way of reading files.
 */
#include "cgroup.h"

#include "residue/cgroup.h"
#include "sys.h"

uint64_t rsd_cgroup_memory_limit(void) {
    return residue_cgroup_memory_limit(rsd_sys_slurp);
}
