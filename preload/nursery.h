/*
 * The nursery: a thread's youngest blocks, which may die without leaving a record. See nursery.c.
 */
#ifndef RSD_NURSERY_H
#define RSD_NURSERY_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

#define RSD_NURSERY_ENTRIES 1024u
#define RSD_NURSERY_INDEX 4096u

/* What died here, by call site: cumulative. */
struct rsd_tally {
    uint64_t calls;
    uint64_t bytes;
    uint64_t written; /* calls, when they were last written to the log */
};

struct rsd_nursery {
    struct residue_alloc *entry; /* RSD_NURSERY_ENTRIES of them, in the live file; NULL: there is no nursery */
    _Atomic uint64_t *head;      /* entries ever written; in the live header */
    uint16_t *index;             /* by hash of the address: place of the newest entry with that hash */
    struct rsd_tally *tally;     /* by node */
};

/* Give a writer its nursery; false when there is no memory for it. */
bool rsd_nursery_init(struct rsd_nursery *nursery, struct rsd_writer *writer);

/* Give its memory back. */
void rsd_nursery_release(struct rsd_nursery *nursery);

/* In a child made by fork() (fork.c). */
void rsd_nursery_after_fork(void);

/* A block of less than RESIDUE_LARGE_SIZE was allocated. What must make room for it goes to the log. */
void rsd_nursery_add(struct rsd_nursery *nursery, struct rsd_writer *writer, const struct residue_alloc *block);

/* Whether the block at this address could die in the nursery now. */
bool rsd_nursery_has(const struct rsd_nursery *nursery, uint64_t address);

/* A block that did not die in the calling thread's nursery is freed at `now`: entries that other threads still have for
 * its address are void. Before the real free. */
void rsd_nursery_disown(uint64_t address, uint64_t now);

/* Let the block at this address die. False: it must be freed by a record. */
bool rsd_nursery_kill(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address);

/* Raise the barrier: between these two nothing at all dies without a record; after them nothing that was alive at `time`,
 * an instant that the caller took in between. False: another barrier is being raised and does not end (it is this
 * thread's own, below a signal handler); then there is nothing to end. */
bool rsd_nursery_barrier_begin(void);
void rsd_nursery_barrier_end(uint64_t time);

/* Write the tallies of a writer that changed since they were last written, to the process's log. By one thread at a
 * time. */
void rsd_nursery_write_tallies(struct rsd_nursery *nursery, const struct rsd_writer *writer);

#endif
