/*
 * What code lies where. See modules.c.
 */
#ifndef RSD_MODULES_H
#define RSD_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rsd_thread;

/* The id of the module that lies at `pc`, or 0. A module that was not known is recorded in the thread's log first. */
uint32_t rsd_module_at(struct rsd_thread *thread, uintptr_t pc);

/* Whether `pc` lies in the recorder itself. */
bool rsd_module_is_ours(uintptr_t pc);

/* dlclose has returned: record which modules are gone and forget their code. */
void rsd_modules_swept(struct rsd_thread *thread);

/* In a child made by fork() (fork.c). */
void rsd_modules_after_fork(void);

/* Memory became executable, by mmap or mprotect; memory was unmapped, whatever it was. */
void rsd_code_mapped(uintptr_t start, size_t size);
void rsd_code_unmapped(uintptr_t start, size_t size);

#endif
