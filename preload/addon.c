/*
 * Addons, and the functions of node's that they call.
 *
 * These functions are the executable's own, and its definition wins over a preload's. So an addon's global offset table is
 * patched (got.c):
 *
 *     when node looks up its initializer       that is between dlopen and the addon's first call of node
 *     when a stack first leads through it      what registers itself while it is loaded; libraries of an addon
 *
 * The first is seen because the executable's own dlsym is patched, at start. An addon that has no such imports, for it looks
 * each function up by dlsym, gets a dlsym that knows our substitutes; only modules called *.node, for a jump to the real
 * dlsym is exact where the caller matters, but nothing is better still.
 *
 * Nothing is undone: a module that is unloaded takes its table with it, and this library stays.
 */
#include "addon.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "got.h"
#include "works.h"

/* Weak: on an older libc nothing is patched. */
extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

static const struct rsd_substitute *const lists[] = {rsd_asyncwork_substitutes, rsd_tsfn_substitutes};
#define LISTS (sizeof lists / sizeof *lists)

static const struct link_map *node, *libuv; /* libuv: the same, unless it is a library */
static bool on;

static const struct link_map *module_of(void *code) {
    struct dl_find_object found;
    return _dl_find_object && _dl_find_object(code, &found) == 0 ? found.dlfo_link_map : NULL;
}

static bool ends(const char *text, const char *with) {
    size_t length = strlen(text), tail = strlen(with);
    return length >= tail && strcmp(text + length - tail, with) == 0;
}

static const struct rsd_substitute *find(const char *name) {
    for (unsigned i = 0; i < LISTS; i++)
        for (const struct rsd_substitute *one = lists[i]; one->name; one++)
            if (strcmp(name, one->name) == 0)
                return one;
    return NULL;
}

/* ---- dlsym ---- */

/* For an addon. Ends in a jump, so that libc sees who calls (a test looks at it). */
static void *addon_dlsym(void *handle, const char *name) {
    const struct rsd_substitute *substitute = name ? find(name) : NULL;
    if (substitute && dlsym(handle, name) == *substitute->real)
        return (void *)(uintptr_t)substitute->function;
    return dlsym(handle, name);
}

/* On its own: a local variable's address would keep its caller from ending in a jump. */
__attribute__((noinline)) static void watch_handle(void *handle) {
    struct link_map *map;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
        rsd_addon_watch(map);
}

static bool is_initializer(const char *name) {
    return name &&
           (strncmp(name, "napi_register_module_v", 22) == 0 || strncmp(name, "node_register_module_v", 22) == 0);
}

/* For the executable: between loading an addon and starting it. The same jump. */
static void *node_dlsym(void *handle, const char *name) {
    if (is_initializer(name) && handle != RTLD_DEFAULT && handle != RTLD_NEXT)
        watch_handle(handle);
    return dlsym(handle, name);
}

/* ---- the tables ---- */

static void *instead_of_nodes(const char *name) {
    return strcmp(name, "dlsym") == 0 ? (void *)node_dlsym : NULL;
}

static void *instead_of(const char *name) {
    const struct rsd_substitute *substitute = find(name);
    return substitute ? (void *)(uintptr_t)substitute->function : NULL;
}

static void *instead_of_addons(const char *name) {
    return strcmp(name, "dlsym") == 0 ? (void *)addon_dlsym : instead_of(name);
}

void rsd_addon_watch(const struct link_map *map) {
    if (on && map->l_name && *map->l_name)
        rsd_got_patch(map, ends(map->l_name, ".node") ? instead_of_addons : instead_of);
}

bool rsd_addon_is_runtime(void *code) {
    const struct link_map *map = on ? module_of(code) : NULL;
    return !map || map == node || map == libuv;
}

static bool find_all(void) {
    for (unsigned i = 0; i < LISTS; i++)
        for (const struct rsd_substitute *one = lists[i]; one->name; one++)
            if (!(*one->real = dlsym(RTLD_DEFAULT, one->name)))
                return false;
    return true;
}

void rsd_addon_start(void) {
    if (!find_all() || !rsd_works_start())
        return;
    node = module_of(*find("napi_create_async_work")->real);
    libuv = module_of(*find("uv_queue_work")->real);
    on = node && libuv;
    if (on)
        rsd_got_patch(node, instead_of_nodes);
}
