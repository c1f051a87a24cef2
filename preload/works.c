/*
 * Records of work.
 *
 * A record is 56 bytes in a table of fixed size; work beyond that has no origin. What has a handle is found by it, in
 * chains by hash; what carries its record with it is not put into a chain.
 *
 * The lock is ours alone, and is held for a few instructions; work is not made in signal handlers.
 */
#include "works.h"

#include <stdatomic.h>
#include <stddef.h>

#include "init.h"
#include "sys.h"

#define WORKS 16384u
#define CHAINS 4096u

static struct rsd_work *works; /* WORKS; NULL: there are none */
static uint32_t chain[CHAINS];
static uint32_t unused, used;
static atomic_flag busy = ATOMIC_FLAG_INIT;

/* In a child made by raw clone the lock may be that of a thread that is not there; but there is no other thread either. */
static void lock(void) {
    while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire)) {
        if (rsd_sys_pid() != rsd_trace.pid)
            return;
        rsd_sys_yield();
    }
}

static void unlock(void) {
    atomic_flag_clear_explicit(&busy, memory_order_release);
}

static uint32_t *chain_of(const void *handle) {
    return &chain[((uintptr_t)handle >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}
_Static_assert(CHAINS == 1u << 12, "the hash gives twelve bits");

void rsd_works_after_fork(void) {
    for (uint32_t i = 0; i < used; i++)
        works[i].origin = (struct rsd_origin){0};
    unlock();
}

bool rsd_works_start(void) {
    works = rsd_sys_memory(WORKS * sizeof *works);
    return works != NULL;
}

struct rsd_work *rsd_work_take(void) {
    if (!works)
        return NULL;
    lock();
    uint32_t place = unused;
    if (place)
        unused = works[place - 1].next;
    else if (used < WORKS)
        place = ++used;
    unlock();
    return place ? &works[place - 1] : NULL;
}

void rsd_work_give_back(struct rsd_work *work) {
    lock();
    work->handle = NULL;
    work->next = unused;
    unused = (uint32_t)(work - works) + 1;
    unlock();
}

void rsd_work_publish(struct rsd_work *work, const void *handle) {
    work->handle = handle;
    lock();
    uint32_t *first = chain_of(handle);
    work->next = *first;
    *first = (uint32_t)(work - works) + 1;
    unlock();
}

struct rsd_work *rsd_work_retract(const void *handle) {
    struct rsd_work *found = NULL;
    lock();
    for (uint32_t *link = chain_of(handle); *link; link = &works[*link - 1].next)
        if (works[*link - 1].handle == handle) {
            found = &works[*link - 1];
            *link = found->next;
            break;
        }
    unlock();
    return found;
}

struct rsd_work *rsd_work_find(const void *handle) {
    struct rsd_work *found = NULL;
    lock();
    for (uint32_t at = *chain_of(handle); at && !found; at = works[at - 1].next)
        found = works[at - 1].handle == handle ? &works[at - 1] : NULL;
    unlock();
    return found;
}

bool rsd_work_is_one(const void *pointer) {
    uintptr_t at = (uintptr_t)pointer - (uintptr_t)works;
    return works && at < WORKS * sizeof *works && at % sizeof *works == 0;
}
