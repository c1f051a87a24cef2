/* Loaded and unloaded by dlclose.c, in two versions with frames of different size at the same addresses. */
#include <stdlib.h>

__attribute__((noinline)) int library_call(int n);
int library_call(int n) {
    volatile char pad[FRAME];
    pad[n % FRAME] = 1;
    void *block = malloc((size_t)n + 1);
    int result = n ? library_call(n - 1) + pad[n % FRAME] : 0;
    free(block);
    return result;
}
