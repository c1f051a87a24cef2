/*
 * Whose work a thread does: the stack that made it. See origin.c.
 */
#ifndef RSD_ORIGIN_H
#define RSD_ORIGIN_H

#include <stdint.h>

#include "residue/format.h"
#include "unwind/unwind.h"

/* A stack of any writer. */
struct rsd_origin {
    uint32_t writer;
    uint32_t node; /* 0: none */
    enum residue_origin_kind kind;
};

/* The calling thread's stack; node 0 if it is not recorded. */
struct rsd_origin rsd_origin_at(const struct rsd_registers *from, enum residue_origin_kind kind);

/* From here on the calling thread works for `origin`. Returns for whom it did before. */
struct rsd_origin rsd_origin_begin(const struct rsd_origin *origin);

/* The thread that the calling thread is about to make, by `entry` and `argument`: NULL, or what to make it by instead,
 * rsd_origin_born and the result. If no thread was made, it is to be unmade. */
void *rsd_origin_thread(void *(*entry)(void *), void *argument, const struct rsd_registers *from);
void *rsd_origin_born(void *made);
void rsd_origin_unmake(void *made);

/* Of which thread the calling one is, before it has a slot. */
extern __thread struct rsd_origin rsd_born __attribute__((tls_model("initial-exec")));

/* In a child made by fork() (fork.c). */
void rsd_origin_after_fork(void);

#endif
