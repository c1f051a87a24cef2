/*
 * Origins.
 *
 * An addon allocates on libuv's pool, where no JavaScript is on the stack: it has queued work there, from JavaScript. The
 * stack that made the work is taken when it is made, and becomes the root of all stacks of the thread that does it, for as
 * long as it does:
 *
 *     napi_create_async_work, napi_queue_async_work, uv_queue_work     asyncwork.c
 *     napi_call_threadsafe_function                                    tsfn.c
 *     pthread_create                                                   below
 *
 * Work that is made in the middle of other work has a stack that leads to that one's origin: origins are nodes like
 * others, so nothing more is needed.
 *
 * A thread's creator is a weaker origin. It is right for a thread that does one job, and says little of one that many
 * jobs share: so it is kept for threads only that a library makes for itself (libvips's). node's own and libuv's pool,
 * which would be under whatever happened to need them first, get none. It is of another kind, and shown as such.
 */
#include "origin.h"

#include <dlfcn.h>
#include <errno.h>

#include "addon.h"
#include "guard.h"
#include "init.h"
#include "stacks.h"
#include "works.h"

__thread struct rsd_origin rsd_born __attribute__((tls_model("initial-exec")));

struct rsd_origin rsd_origin_at(const struct rsd_registers *from, enum residue_origin_kind kind) {
    struct rsd_origin origin = {.kind = kind};
    int before = errno;
    struct rsd_thread *self = rsd_alive() ? rsd_enter() : NULL;
    if (self) {
        origin.node = rsd_stack_node(self, from);
        origin.writer = self->writer.number;
        rsd_leave(self);
    }
    errno = before;
    return origin;
}

struct rsd_origin rsd_origin_begin(const struct rsd_origin *origin) {
    struct rsd_origin outer = {0};
    int before = errno;
    struct rsd_thread *self = rsd_alive() ? rsd_enter() : NULL;
    if (self) {
        outer = self->origin;
        self->origin = *origin;
        rsd_leave(self);
    }
    errno = before;
    return outer;
}

/* Works stay, for the addon's functions are called through them; the stacks are the parent's. */
void rsd_origin_after_fork(void) {
    rsd_born = (struct rsd_origin){0};
    rsd_works_after_fork();
}

/* ---- threads ---- */

void *rsd_origin_thread(void *(*entry)(void *), void *argument, const struct rsd_registers *from) {
    if (rsd_addon_is_runtime((void *)(uintptr_t)entry))
        return NULL;
    struct rsd_work *work = rsd_work_take();
    if (!work)
        return NULL;
    work->entry = entry;
    work->data = argument;
    work->origin = rsd_origin_at(from, RESIDUE_ORIGIN_THREAD);
    return work;
}

/* What libc allocated for the new thread before this may have given it a slot already. */
void *rsd_origin_born(void *made) {
    struct rsd_work work = *(struct rsd_work *)made;
    rsd_work_give_back(made);
    rsd_born = work.origin;
    if (rsd_self)
        rsd_self->origin = work.origin;
    return work.entry(work.data);
}

void rsd_origin_unmake(void *made) {
    rsd_work_give_back(made);
}
