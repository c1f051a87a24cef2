/*
 * Threadsafe functions: by which an addon's thread has JavaScript run on the event loop.
 *
 *     napi_create_threadsafe_function     our call_js and finalizer instead of the addon's
 *     napi_call_threadsafe_function       a record with the stack and the addon's data travels through node's queue
 *     call_js                             on the event loop: the addon's, with its data; the origin is that stack
 *
 * node hands call_js the context that the addon gave, and the addon may ask for it: it must stay the addon's. So there are
 * FUNCTIONS copies of call_js, each of which knows by its number whose it is; threadsafe functions beyond that are not
 * followed. One without a call_js of the addon's is not followed either: node then calls the JavaScript function itself,
 * which is on the stack then.
 *
 * A call that comes past us (from a library whose calls nobody has patched) brings the addon's own data: what is no record
 * of ours is handed on as it is. When a function ends node runs its finalizer, and then hands each call that is still in
 * its queue to call_js, with no environment. So
 *
 *     a number is free   <=>   its function is finalized, and none of its calls is on its way
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>

#include "addon.h"
#include "caller.h"
#include "init.h"
#include "sys.h"
#include "works.h"

#define FUNCTIONS 256u

typedef void call_js_t(void *env, void *callback, void *context, void *data);
typedef void finalize_t(void *env, void *data, void *context);

static struct {
    int (*create)(void *env, void *function, void *resource, void *name, size_t queue, size_t threads, void *final_data,
                  finalize_t *, void *context, call_js_t *, void **result);
    int (*call)(void *function, void *data, int mode);
} real;

struct function {
    _Atomic uint32_t users; /* 0: free; 1 for the function itself until it is finalized, 1 for each call on its way */
    _Atomic(void *) handle; /* napi_threadsafe_function */
    call_js_t *call_js;
    finalize_t *finalize;
    void *final_data;
};

static struct function functions[FUNCTIONS];
static const char is_call; /* the handle of a record that travels */

static struct function *take(void) {
    static _Atomic uint32_t next; /* whose number was free last is taken last */
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        struct function *function = &functions[atomic_fetch_add(&next, 1) % FUNCTIONS];
        uint32_t nobody = 0;
        if (atomic_compare_exchange_strong(&function->users, &nobody, 1))
            return function;
    }
    return NULL;
}

/* Counts as a user, so that it is not free before this call is over. */
static struct function *find(const void *handle) {
    for (uint32_t i = 0; handle && i < FUNCTIONS; i++) {
        struct function *function = &functions[i];
        if (atomic_load_explicit(&function->handle, memory_order_acquire) != handle)
            continue;
        uint32_t users = atomic_load(&function->users);
        while (users && !atomic_compare_exchange_weak(&function->users, &users, users + 1))
            continue;
        return users ? function : NULL;
    }
    return NULL;
}

static void leave(struct function *function) {
    atomic_fetch_sub(&function->users, 1);
}

/* ---- instead of the addon's functions ---- */

static void call_js(uint32_t number, void *env, void *callback, void *context, void *data) {
    struct function *function = &functions[number];
    call_js_t *addon_call_js = function->call_js;
    if (!rsd_work_is_one(data) || ((struct rsd_work *)data)->handle != &is_call) {
        addon_call_js(env, callback, context, data);
        return;
    }
    struct rsd_work call = *(struct rsd_work *)data;
    rsd_work_give_back(data);
    leave(function);
    struct rsd_origin outer = rsd_origin_begin(&call.origin);
    addon_call_js(env, callback, context, call.data);
    rsd_origin_begin(&outer);
}

static void finalize(void *env, void *data, void *context) {
    struct function *function = data;
    finalize_t *addon_finalize = function->finalize;
    void *final_data = function->final_data;
    atomic_store(&function->handle, NULL);
    leave(function);
    if (addon_finalize)
        addon_finalize(env, final_data, context);
}

/* clang-format off */
#define COPY(number)                                                                                                   \
    static void call_js_##number(void *env, void *callback, void *context, void *data) {                               \
        call_js(0x##number, env, callback, context, data);                                                             \
    }
#define NAME(number) call_js_##number,
#define SIXTEEN(each, high)                                                                                            \
    each(high##0) each(high##1) each(high##2) each(high##3) each(high##4) each(high##5) each(high##6) each(high##7)    \
    each(high##8) each(high##9) each(high##a) each(high##b) each(high##c) each(high##d) each(high##e) each(high##f)
#define ALL(each)                                                                                                      \
    SIXTEEN(each, 0) SIXTEEN(each, 1) SIXTEEN(each, 2) SIXTEEN(each, 3) SIXTEEN(each, 4) SIXTEEN(each, 5)              \
    SIXTEEN(each, 6) SIXTEEN(each, 7) SIXTEEN(each, 8) SIXTEEN(each, 9) SIXTEEN(each, a) SIXTEEN(each, b)              \
    SIXTEEN(each, c) SIXTEEN(each, d) SIXTEEN(each, e) SIXTEEN(each, f)
ALL(COPY)
static call_js_t *const copy[FUNCTIONS] = {ALL(NAME)};
/* clang-format on */

/* ---- instead of the executable's functions ---- */

static int create(void *env, void *callback, void *resource, void *name, size_t queue, size_t threads, void *final_data,
                  finalize_t *addon_finalize, void *context, call_js_t *addon_call_js, void **result) {
    struct function *function = rsd_alive() && addon_call_js && result ? take() : NULL;
    if (!function)
        return real.create(env, callback, resource, name, queue, threads, final_data, addon_finalize, context,
                           addon_call_js, result);
    function->call_js = addon_call_js;
    function->finalize = addon_finalize;
    function->final_data = final_data;
    int status = real.create(env, callback, resource, name, queue, threads, function, finalize, context,
                             copy[function - functions], result);
    if (status == 0)
        atomic_store_explicit(&function->handle, *result, memory_order_release);
    else
        leave(function);
    return status;
}

static int call(void *handle, void *data, int mode) {
    struct function *function = rsd_alive() ? find(handle) : NULL;
    struct rsd_work *work = function ? rsd_work_take() : NULL;
    if (!work) {
        if (function)
            leave(function);
        return real.call(handle, data, mode);
    }
    work->handle = &is_call;
    work->data = data;
    work->origin = rsd_origin_at(CALLER(), RESIDUE_ORIGIN_THREADSAFE_FUNCTION);
    int status = real.call(handle, work, mode);
    if (status != 0) {
        rsd_work_give_back(work);
        leave(function);
    }
    return status;
}

const struct rsd_substitute rsd_tsfn_substitutes[] = {
    {"napi_create_threadsafe_function", (void **)&real.create, (rsd_function *)create},
    {"napi_call_threadsafe_function", (void **)&real.call, (rsd_function *)call},
    {NULL, NULL, NULL},
};
