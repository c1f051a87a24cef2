/*
 * The nursery: a thread's youngest blocks, which may die without leaving a record. See nursery.c.
 */
#ifndef RSD_NURSERY_H
#define RSD_NURSERY_H

#include <stdbool.h>
#include <stdint.h>

#include "late.h"
#include "log.h"

#define RSD_NURSERY_FIRST 1024u /* young entries at first, and at most */
#define RSD_NURSERY_MOST 65536u
#define RSD_NURSERY_ELDERS_FIRST 1024u /* the same of the elders, whose room is there from the start */
#define RSD_NURSERY_ELDERS 8192u
#define RSD_NURSERY_SOURCES 3u

/* What died here, by call site: cumulative. */
struct rsd_tally {
    uint64_t calls;
    uint64_t bytes;
    uint64_t written; /* calls, other threads' with them, when they were last written to the log */
    uint32_t node;
};

struct rsd_foreign;

struct rsd_ring {
    struct residue_alloc *entry; /* `capacity` of them, in the live file */
    _Atomic uint64_t *head;      /* entries ever written; in the live header */
    _Atomic uint32_t capacity;   /* a power of two */
    _Atomic uint16_t *newest;    /* by hash of the address: place of the newest entry with that hash */
    _Atomic uint16_t *before;    /* by place: that of the one before it with the same hash */
};

struct rsd_nursery {
    char *memory; /* of the places and tallies; NULL: there is no nursery */
    struct rsd_ring young, elders;
    uint32_t survivors;                   /* of the present lap of the young: what went to the log meanwhile */
    uint32_t retired;                     /* the same of the present lap of the elders */
    uint16_t number;                      /* of the writer */
    uint16_t source[RSD_NURSERY_SOURCES]; /* writers whose blocks the thread freed, the last one first; then 0 */
    bool follows;                         /* what the thread freed last was another's */
    bool stuck;                           /* the young ones' ring could not grow */
    uint32_t next;                        /* the place behind it, */
    struct rsd_ring *ring;                /* in this ring of source[0] */
    struct residue_alloc *held;           /* by a realloc that is under way; or NULL */
    _Atomic uint64_t *moved;              /* time of the youngest elder; in the live header */
    struct rsd_late late;                 /* of what the thread freed */
    uint32_t *tally_of;                   /* by node: the number of its tally, from 1; 0: it has none yet */
    struct rsd_tally *tally;              /* by number */
    _Atomic uint32_t tallies;             /* the last number */
    struct rsd_foreign *_Atomic foreign;  /* what died by other threads; NULL: nothing did */
};

/* The program is a large one: what it will surely fill is there before it does. */
void rsd_nursery_prepare(void);

/* Give a writer its nursery; false when there is no memory for it. */
bool rsd_nursery_init(struct rsd_nursery *nursery, struct rsd_writer *writer);

/* Give its memory back. */
void rsd_nursery_release(struct rsd_nursery *nursery);

/* In a child made by fork() (fork.c). */
void rsd_nursery_after_fork(void);

/* A block was allocated: what an ALLOC record says of it (in registers: to read it back from memory in other pieces than it was
 * written stalls the processor). What must make room for it goes to the log. */
void rsd_nursery_add(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t time, uint64_t where,
                     uint32_t size, uint32_t node);

/* This address will be added soon. */
void rsd_nursery_expect(const struct rsd_nursery *nursery, uint64_t address);

/* realloc: a block of the thread's own nursery that could die now is held for it, and nobody else can kill it. False: it
 * must be freed by a record. */
bool rsd_nursery_hold(struct rsd_nursery *nursery, uint64_t address);
/* The held block lives on; or it dies, unless it must be freed by a record. */
void rsd_nursery_let_go(struct rsd_nursery *nursery, uint64_t address);
bool rsd_nursery_kill_held(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address);

/* A block that did not die in the calling thread's nursery is freed at `now`: entries that other threads still have for
 * its address are void. Before the real free. */
void rsd_nursery_disown(uint64_t address, uint64_t now);

/* Let the block at this address die, in whose nursery ever it is; before the real free, while the address is still the
 * caller's. False: it was not found, or may not die without a record. */
bool rsd_nursery_kill(struct rsd_nursery *nursery, struct rsd_writer *writer, uint64_t address);

/* Write out what is in the nursery: it is not used any more. */
void rsd_nursery_flush(struct rsd_nursery *nursery, struct rsd_writer *writer);

/* Raise the barrier: between these two nothing at all dies without a record; after them nothing that was alive at `time`,
 * an instant that the caller took in between. False: another barrier is being raised and does not end (it is this
 * thread's own, below a signal handler); then there is nothing to end. */
bool rsd_nursery_barrier_begin(void);
void rsd_nursery_barrier_end(uint64_t time);

/* The same for a sample of memory: sums by call site are enough for what was alive at `time`. In place of
 * rsd_nursery_barrier_end. */
void rsd_nursery_sample_end(uint64_t time);
uint64_t rsd_nursery_last_sample(void);

/* Write the tallies of a writer that changed since they were last written, to the process's log. By one thread at a
 * time. */
void rsd_nursery_write_tallies(struct rsd_nursery *nursery, const struct rsd_writer *writer);

#endif
