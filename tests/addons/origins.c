/*
 * An addon whose every function has memory allocated somewhere else, by each way that node offers. What it allocates it
 * never frees. With -DLOOK_UP it imports nothing of node's: it looks every function up, as Rust's addons do.
 *
 *     work(n)         on the pool
 *     prepare(n)      makes such work, begin() queues it
 *     cancel(n)       n pieces of work, most of which are cancelled before they begin
 *     uv(n)           on the pool, by uv_queue_work
 *     call(n)         on the event loop, from a thread, by a threadsafe function
 *     drop(n)         n calls of a threadsafe function that is aborted at once
 *     thread(n)       on a thread of its own
 *     context()       is a threadsafe function's context the one that it was given?
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    void *data;
    char reserved[120];
} uv_work;

/* X(result, name, parameters) */
#define NODE_FUNCTIONS(X)                                                                                              \
    X(int, napi_create_function, (void *, const char *, size_t, void *, void *, void **))                              \
    X(int, napi_create_string_utf8, (void *, const char *, size_t, void **))                                           \
    X(int, napi_set_named_property, (void *, void *, const char *, void *))                                            \
    X(int, napi_get_cb_info, (void *, void *, size_t *, void **, void **, void **))                                    \
    X(int, napi_get_value_uint32, (void *, void *, uint32_t *))                                                        \
    X(int, napi_get_boolean, (void *, bool, void **))                                                                  \
    X(int, napi_create_async_work, (void *, void *, void *, void *, void *, void *, void **))                          \
    X(int, napi_queue_async_work, (void *, void *))                                                                    \
    X(int, napi_cancel_async_work, (void *, void *))                                                                   \
    X(int, napi_delete_async_work, (void *, void *))                                                                   \
    X(int, napi_get_uv_event_loop, (void *, void **))                                                                  \
    X(int, uv_queue_work, (void *, uv_work *, void (*)(uv_work *), void (*)(uv_work *, int)))                          \
    X(int, napi_create_threadsafe_function,                                                                            \
      (void *, void *, void *, void *, size_t, size_t, void *, void *, void *, void *, void **))                       \
    X(int, napi_get_threadsafe_function_context, (void *, void **))                                                    \
    X(int, napi_call_threadsafe_function, (void *, void *, int))                                                       \
    X(int, napi_release_threadsafe_function, (void *, int))

#ifdef LOOK_UP
#define X(result, name, parameters) static result(*name) parameters;
NODE_FUNCTIONS(X)
#undef X
static void look_up(void) {
#define X(result, name, parameters) *(void **)&name = dlsym(RTLD_DEFAULT, #name);
    NODE_FUNCTIONS(X)
#undef X
}
#else
#define X(result, name, parameters) extern result name parameters;
NODE_FUNCTIONS(X)
#undef X
static void look_up(void) {
}
#endif

static void *volatile last;

static __attribute__((noinline)) void allocate(uint32_t bytes) {
    last = malloc(bytes);
}

static uint32_t argument(void *env, void *info) {
    size_t count = 1;
    void *value;
    uint32_t number = 0;
    napi_get_cb_info(env, info, &count, &value, NULL, NULL);
    if (count)
        napi_get_value_uint32(env, value, &number);
    return number;
}

static void *label(void *env) {
    void *name;
    napi_create_string_utf8(env, "origins", SIZE_MAX, &name);
    return name;
}

/* ---- the pool ---- */

struct piece {
    void *work;
    uint32_t bytes;
};

static void execute(void *env, void *data) {
    (void)env;
    allocate(((struct piece *)data)->bytes);
}

static void complete(void *env, int status, void *data) {
    struct piece *piece = data;
    (void)status;
    napi_delete_async_work(env, piece->work);
    free(piece);
}

static struct piece *make(void *env, uint32_t bytes) {
    struct piece *piece = malloc(sizeof *piece);
    piece->bytes = bytes;
    napi_create_async_work(env, NULL, label(env), (void *)execute, (void *)complete, piece, &piece->work);
    return piece;
}

static void *work(void *env, void *info) {
    napi_queue_async_work(env, make(env, argument(env, info))->work);
    return NULL;
}

static struct piece *prepared;

static void *prepare(void *env, void *info) {
    prepared = make(env, argument(env, info));
    return NULL;
}

static void *begin(void *env, void *info) {
    (void)info;
    napi_queue_async_work(env, prepared->work);
    return NULL;
}

static void *cancel(void *env, void *info) {
    uint32_t count = argument(env, info);
    struct piece **all = malloc(count * sizeof *all);
    for (uint32_t i = 0; i < count; i++)
        napi_queue_async_work(env, (all[i] = make(env, 8))->work);
    for (uint32_t i = 0; i < count; i++)
        napi_cancel_async_work(env, all[i]->work);
    free(all);
    return NULL;
}

static void uv_execute(uv_work *request) {
    allocate((uint32_t)(uintptr_t)request->data);
}

static void uv_complete(uv_work *request, int status) {
    (void)status;
    free(request);
}

static void *uv(void *env, void *info) {
    void *loop;
    uv_work *request = calloc(1, sizeof *request);
    request->data = (void *)(uintptr_t)argument(env, info);
    napi_get_uv_event_loop(env, &loop);
    uv_queue_work(loop, request, uv_execute, uv_complete);
    return NULL;
}

/* ---- threads ---- */

static int the_context;

static void call_js(void *env, void *function, void *context, void *data) {
    (void)function;
    if (env && context == &the_context)
        allocate((uint32_t)(uintptr_t)data);
}

static void *function_of(void *env, void *callback) {
    void *function = NULL, *js;
    napi_create_function(env, "nothing", SIZE_MAX, callback, NULL, &js);
    napi_create_threadsafe_function(env, js, NULL, label(env), 0, 1, NULL, NULL, &the_context, (void *)call_js,
                                    &function);
    return function;
}

static void *nothing(void *env, void *info) {
    (void)env;
    (void)info;
    return NULL;
}

struct caller {
    void *function;
    uint32_t bytes;
};

static void *calls(void *data) {
    struct caller *caller = data;
    napi_call_threadsafe_function(caller->function, (void *)(uintptr_t)caller->bytes, 1);
    napi_release_threadsafe_function(caller->function, 0);
    free(caller);
    return NULL;
}

static void spawn(void *(*entry)(void *), void *data) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, entry, data) == 0)
        pthread_detach(thread);
}

static void *call(void *env, void *info) {
    struct caller *caller = malloc(sizeof *caller);
    *caller = (struct caller){function_of(env, (void *)nothing), argument(env, info)};
    spawn(calls, caller);
    return NULL;
}

static void *drop(void *env, void *info) {
    void *function = function_of(env, (void *)nothing);
    for (uint32_t count = argument(env, info); count > 0; count--)
        napi_call_threadsafe_function(function, (void *)(uintptr_t)8, 0);
    napi_release_threadsafe_function(function, 1);
    return NULL;
}

static void *context(void *env, void *info) {
    void *function = function_of(env, (void *)nothing), *found = NULL, *answer;
    (void)info;
    napi_get_threadsafe_function_context(function, &found);
    napi_release_threadsafe_function(function, 0);
    napi_get_boolean(env, found == &the_context, &answer);
    return answer;
}

static void *allocates(void *data) {
    allocate((uint32_t)(uintptr_t)data);
    return NULL;
}

static void *thread(void *env, void *info) {
    spawn(allocates, (void *)(uintptr_t)argument(env, info));
    return NULL;
}

__attribute__((visibility("default"))) void *napi_register_module_v1(void *env, void *exports) {
    static const struct {
        const char *name;
        void *(*function)(void *, void *);
    } list[] = {{"work", work}, {"prepare", prepare}, {"begin", begin},     {"cancel", cancel}, {"uv", uv},
                {"call", call}, {"drop", drop},       {"context", context}, {"thread", thread}};
    look_up();
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        void *function;
        napi_create_function(env, list[i].name, SIZE_MAX, (void *)list[i].function, NULL, &function);
        napi_set_named_property(env, exports, list[i].name, function);
    }
    return exports;
}
