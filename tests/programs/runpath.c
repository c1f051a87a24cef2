/*
 * Opens the library that its argument names; that library opens another one by soname, through its own RUNPATH of
 * $ORIGIN. Whoever wraps dlopen in a function of his own makes that search start from his own RUNPATH, and it fails.
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    void *outer = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (!outer) {
        fprintf(stderr, "runpath: %s\n", argc == 2 ? dlerror() : "usage: runpath LIBRARY");
        return 1;
    }
    int (*answer)(void) = (int (*)(void))dlsym(outer, "outer_answer");
    printf("%d\n", answer());
    return dlclose(outer);
}
