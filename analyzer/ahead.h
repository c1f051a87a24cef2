/* Frames that are unpacked before they are wanted, by threads of their own. */
#ifndef RSD_AHEAD_H
#define RSD_AHEAD_H

#include "frame.h"

/* One frame, by whoever wants it next. `rows` has room for it. */
struct rsd_order {
    int log;
    struct rsd_frame frame;
    uint8_t *rows;
    const char *why; /* as rsd_frame_fetch says it, with `good` */
    size_t good;
    bool ordered; /* and not taken yet: this is for the one who orders, what follows for the threads */
    enum { RSD_WAITING, RSD_AT_WORK, RSD_DONE } state;
    struct rsd_order *next; /* in the queue */
};

struct rsd_ahead;

/* How many threads may work on one trace: RESIDUE_JOBS, else as many as this process may run on, at most 4. */
unsigned rsd_ahead_jobs(void);
/* `jobs` threads, the caller's included; NULL for one. */
struct rsd_ahead *rsd_ahead_new(unsigned jobs);
void rsd_ahead_free(struct rsd_ahead *ahead);

/* Have it unpacked. False: there is enough to do. */
bool rsd_ahead_order(struct rsd_ahead *ahead, struct rsd_order *order);
/* Wait for it. False: nobody has begun, and nobody will. Either way it is the caller's again. */
bool rsd_ahead_take(struct rsd_ahead *ahead, struct rsd_order *order);

#endif
