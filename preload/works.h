/*
 * What is remembered of work between the moment it is queued and the moment it is done. See works.c.
 */
#ifndef RSD_WORKS_H
#define RSD_WORKS_H

#include <stdbool.h>

#include "origin.h"

typedef void rsd_execute_t(void *env, void *data);
typedef void rsd_complete_t(void *env, int status, void *data);
typedef void rsd_uv_work_t(void *request);
typedef void rsd_uv_after_t(void *request, int status);
typedef void *rsd_thread_entry_t(void *argument);

struct rsd_work {
    const void *handle; /* napi_async_work, uv_work_t, or for whom else the record is */
    union {
        rsd_execute_t *execute;
        rsd_uv_work_t *uv_work;
        rsd_thread_entry_t *entry;
    };
    union {
        rsd_complete_t *complete;
        rsd_uv_after_t *uv_after;
    };
    void *data;
    struct rsd_origin origin;
    uint32_t next; /* in its chain, or of the free ones; place + 1, 0: none */
};

/* Make the table. Once, before any other thread. */
bool rsd_works_start(void);

/* In a child made by fork(): whose work it is was the parent's to know. */
void rsd_works_after_fork(void);

/* A record, or NULL when all are in use; and back. */
struct rsd_work *rsd_work_take(void);
void rsd_work_give_back(struct rsd_work *work);

/* Let the record be found by its handle; find it; find it and let it be found no more. NULL: not one of ours. */
void rsd_work_publish(struct rsd_work *work, const void *handle);
struct rsd_work *rsd_work_find(const void *handle);
struct rsd_work *rsd_work_retract(const void *handle);

/* Is this a record, and not something of the program's? */
bool rsd_work_is_one(const void *pointer);

#endif
