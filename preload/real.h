/*
 * The functions that we stand in front of, as the next object in the search order defines them.
 */
#ifndef RSD_REAL_H
#define RSD_REAL_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

struct rsd_real {
#define ALLOCATION(name, api, parameters, arguments, bytes) void *(*name)parameters;
#define RELEASE(name, api, parameters, arguments) void(*name) parameters;
#define SPECIAL(result, name, parameters, arguments) result(*name) parameters;
#include "hooks.def"
#undef ALLOCATION
#undef RELEASE
#undef SPECIAL
};

/* Every member can be called at any time: until the first call has resolved them, each leads to rsd_start(). */
extern struct rsd_real rsd_real;

/* Look them all up. From rsd_start() only. */
void rsd_real_resolve(void);

/* The message of a failed dlsym would be the program's next dlerror(): have it returned, and then freed. */
void rsd_forget_loader_error(void);

/* Blocks handed out while the functions were being looked up: never given to the real free. */
extern unsigned char rsd_boot_memory[];
#define RSD_BOOT_SIZE 65536u

static inline bool rsd_is_boot_block(const void *block) {
    return (uintptr_t)block - (uintptr_t)rsd_boot_memory < RSD_BOOT_SIZE;
}

#endif
