/* Two libraries take turns at the same addresses: what was learned about the one must not be used for the other. */
#define _GNU_SOURCE 1
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern void rsd_unwind_forget(uintptr_t start, uintptr_t end) __attribute__((weak));

static uintptr_t use(const char *path) {
    void *library = dlopen(path, RTLD_NOW);
    int (*call)(int) = library ? (int (*)(int))dlsym(library, "library_call") : NULL;
    struct link_map *map;
    if (!call || dlinfo(library, RTLD_DI_LINKMAP, &map))
        abort();
    uintptr_t at = map->l_addr;
    for (int i = 0; i < 30; i++)
        call(i);
    dlclose(library);
    if (rsd_unwind_forget)
        rsd_unwind_forget(at, at + 0x5000);
    return at;
}

int main(int argc, char **argv) {
    unsigned same = 0;
    for (int i = 0; argc == 3 && i < 200; i++)
        same += use(argv[1]) == use(argv[2]);
    printf("dlclose: the same address %u times\n", same);
    return same < 100;
}
