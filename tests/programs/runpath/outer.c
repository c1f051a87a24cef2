/* Opens libinner.so by its soname alone; linked with a RUNPATH of $ORIGIN. */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>

int outer_answer(void) {
    void *inner = dlopen("libinner.so", RTLD_NOW);
    if (!inner) {
        fprintf(stderr, "runpath: %s\n", dlerror());
        return -1;
    }
    int (*answer)(void) = (int (*)(void))dlsym(inner, "inner_answer");
    return answer();
}
