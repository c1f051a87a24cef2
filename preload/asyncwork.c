/*
 * Work on libuv's pool, as addons queue it.
 *
 *     napi_create_async_work     a record, with the stack; our functions instead of the addon's
 *     napi_queue_async_work      the stack from here counts, if it comes by here
 *     execute                    on a pool thread: the thread's origin is that stack
 *     complete                   the addon's, with the addon's data; also of work that was cancelled
 *     napi_delete_async_work     the record is free again
 *     uv_queue_work              all of this in one; the record is free when the work has ended or was cancelled
 *
 * Work can be deleted from inside its own functions, so nothing is read from its record afterwards.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "addon.h"
#include "caller.h"
#include "init.h"
#include "works.h"

static struct {
    int (*create)(void *env, void *resource, void *name, rsd_execute_t *, rsd_complete_t *, void *data, void **result);
    int (*queue)(void *env, void *work);
    int (*delete)(void *env, void *work);
    int (*uv_queue)(void *loop, void *request, rsd_uv_work_t *, rsd_uv_after_t *);
} real;

/* ---- instead of the addon's functions ---- */

static void execute(void *env, void *data) {
    const struct rsd_work *work = data;
    struct rsd_origin outer = rsd_origin_begin(&work->origin);
    work->execute(env, work->data);
    rsd_origin_begin(&outer);
}

static void complete(void *env, int status, void *data) {
    const struct rsd_work *work = data;
    work->complete(env, status, work->data);
}

static void uv_work(void *request) {
    const struct rsd_work *found = rsd_work_find(request);
    if (!found)
        return;
    struct rsd_work work = *found;
    struct rsd_origin outer = rsd_origin_begin(&work.origin);
    work.uv_work(request);
    rsd_origin_begin(&outer);
}

static void uv_after(void *request, int status) {
    struct rsd_work *work = rsd_work_retract(request);
    if (!work)
        return;
    rsd_uv_after_t *after = work->uv_after;
    rsd_work_give_back(work);
    if (after)
        after(request, status);
}

/* ---- instead of the executable's functions ---- */

static int create_async_work(void *env, void *resource, void *name, rsd_execute_t *addon_execute,
                             rsd_complete_t *addon_complete, void *data, void **result) {
    struct rsd_work *work = rsd_alive() && addon_execute && result ? rsd_work_take() : NULL;
    if (!work)
        return real.create(env, resource, name, addon_execute, addon_complete, data, result);
    work->origin = rsd_origin_at(CALLER(), RESIDUE_ORIGIN_ASYNC_WORK);
    work->execute = addon_execute;
    work->complete = addon_complete;
    work->data = data;
    int status = real.create(env, resource, name, execute, addon_complete ? complete : NULL, work, result);
    if (status == 0)
        rsd_work_publish(work, *result);
    else
        rsd_work_give_back(work);
    return status;
}

static int queue_async_work(void *env, void *handle) {
    struct rsd_work *work = rsd_alive() ? rsd_work_find(handle) : NULL;
    if (work)
        work->origin = rsd_origin_at(CALLER(), RESIDUE_ORIGIN_ASYNC_WORK);
    return real.queue(env, handle);
}

static int delete_async_work(void *env, void *handle) {
    struct rsd_work *work = rsd_work_retract(handle);
    int status = real.delete(env, handle);
    if (work && status == 0)
        rsd_work_give_back(work);
    else if (work)
        rsd_work_publish(work, handle);
    return status;
}

static int queue_uv_work(void *loop, void *request, rsd_uv_work_t *addon_work, rsd_uv_after_t *addon_after) {
    struct rsd_work *work = rsd_alive() && addon_work ? rsd_work_take() : NULL;
    if (!work)
        return real.uv_queue(loop, request, addon_work, addon_after);
    work->origin = rsd_origin_at(CALLER(), RESIDUE_ORIGIN_UV_WORK);
    work->uv_work = addon_work;
    work->uv_after = addon_after;
    rsd_work_publish(work, request);
    int status = real.uv_queue(loop, request, uv_work, uv_after);
    if (status != 0 && (work = rsd_work_retract(request)) != NULL)
        rsd_work_give_back(work);
    return status;
}

const struct rsd_substitute rsd_asyncwork_substitutes[] = {
    {"napi_create_async_work", (void **)&real.create, (rsd_function *)create_async_work},
    {"napi_queue_async_work", (void **)&real.queue, (rsd_function *)queue_async_work},
    {"napi_delete_async_work", (void **)&real.delete, (rsd_function *)delete_async_work},
    {"uv_queue_work", (void **)&real.uv_queue, (rsd_function *)queue_uv_work},
    {NULL, NULL, NULL},
};
