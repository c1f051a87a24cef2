/*
 * Unpacking ahead.
 *
 * Pairing is one stream of events and stays in one thread, but a quarter of its time goes into unpacking frames, each of
 * which is independent of all others. So whoever stands at a frame orders the one behind it, and finds it unpacked when it
 * comes there. At most ORDERS_PER_JOB orders for each thread are open at a time: that bounds the memory, and with more
 * streams than that the one that comes first gets its turn.
 *
 * An order belongs to the thread that made it until it is ordered, and again after it was taken. Between the two its state
 * changes under the lock only:
 *
 *     ordered -> WAITING -> AT_WORK -> DONE -> taken
 *                      \___ before anybody began ___/
 */
#include "ahead.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "memory.h"

#define MOST_JOBS 64u
#define USUAL_JOBS 4u
#define ORDERS_PER_JOB 4u

struct rsd_ahead {
    pthread_mutex_t lock;
    pthread_cond_t ordered, done;
    struct rsd_order *first, *last; /* waiting */
    unsigned open;                  /* orders that were not taken yet */
    bool ending;
    unsigned jobs; /* threads below */
    pthread_t thread[MOST_JOBS];
};

unsigned rsd_ahead_jobs(void) {
    const char *text = getenv("RESIDUE_JOBS");
    unsigned long wanted = text ? strtoul(text, NULL, 10) : 0;
    cpu_set_t set;
    if (wanted)
        return wanted < MOST_JOBS ? (unsigned)wanted : MOST_JOBS;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    return (unsigned)CPU_COUNT(&set) < USUAL_JOBS ? (unsigned)CPU_COUNT(&set) : USUAL_JOBS;
}

/* The next order, or NULL when there will be none. The lock is held. */
static struct rsd_order *next_order(struct rsd_ahead *ahead) {
    while (!ahead->first && !ahead->ending)
        pthread_cond_wait(&ahead->ordered, &ahead->lock);
    struct rsd_order *order = ahead->first;
    if (!order)
        return NULL;
    ahead->first = order->next;
    order->state = RSD_AT_WORK;
    return order;
}

static void *work(void *argument) {
    struct rsd_ahead *ahead = argument;
    struct rsd_unpacker *unpacker = rsd_unpacker_new();
    pthread_mutex_lock(&ahead->lock);
    for (struct rsd_order *order; (order = next_order(ahead));) {
        pthread_mutex_unlock(&ahead->lock);
        order->good = rsd_frame_fetch(unpacker, order->log, &order->frame, order->rows, &order->why);
        pthread_mutex_lock(&ahead->lock);
        order->state = RSD_DONE;
        pthread_cond_broadcast(&ahead->done);
    }
    pthread_mutex_unlock(&ahead->lock);
    rsd_unpacker_free(unpacker);
    return NULL;
}

struct rsd_ahead *rsd_ahead_new(unsigned jobs) {
    if (jobs < 2)
        return NULL;
    struct rsd_ahead *ahead = rsd_zalloc(1, sizeof *ahead);
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->ordered, NULL);
    pthread_cond_init(&ahead->done, NULL);
    while (ahead->jobs + 1 < jobs && pthread_create(&ahead->thread[ahead->jobs], NULL, work, ahead) == 0)
        ahead->jobs++;
    if (ahead->jobs)
        return ahead;
    rsd_ahead_free(ahead);
    return NULL;
}

void rsd_ahead_free(struct rsd_ahead *ahead) {
    if (!ahead)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->ending = true;
    pthread_cond_broadcast(&ahead->ordered);
    pthread_mutex_unlock(&ahead->lock);
    for (unsigned i = 0; i < ahead->jobs; i++)
        pthread_join(ahead->thread[i], NULL);
    pthread_mutex_destroy(&ahead->lock);
    pthread_cond_destroy(&ahead->ordered);
    pthread_cond_destroy(&ahead->done);
    free(ahead);
}

bool rsd_ahead_order(struct rsd_ahead *ahead, struct rsd_order *order) {
    pthread_mutex_lock(&ahead->lock);
    bool room = ahead->open < ahead->jobs * ORDERS_PER_JOB;
    if (room) {
        ahead->open++;
        order->state = RSD_WAITING;
        order->next = NULL;
        if (ahead->first)
            ahead->last->next = order;
        else
            ahead->first = order;
        ahead->last = order;
        pthread_cond_signal(&ahead->ordered);
    }
    pthread_mutex_unlock(&ahead->lock);
    order->ordered = room;
    return room;
}

/* The lock is held. */
static void leave_queue(struct rsd_ahead *ahead, const struct rsd_order *order) {
    struct rsd_order *before = NULL;
    for (struct rsd_order *at = ahead->first; at != order; at = at->next)
        before = at;
    if (before)
        before->next = order->next;
    else
        ahead->first = order->next;
    if (ahead->last == order)
        ahead->last = before;
}

bool rsd_ahead_take(struct rsd_ahead *ahead, struct rsd_order *order) {
    pthread_mutex_lock(&ahead->lock);
    bool begun = order->state != RSD_WAITING;
    if (!begun)
        leave_queue(ahead, order);
    while (order->state == RSD_AT_WORK)
        pthread_cond_wait(&ahead->done, &ahead->lock);
    ahead->open--;
    pthread_mutex_unlock(&ahead->lock);
    order->ordered = false;
    return begun;
}
