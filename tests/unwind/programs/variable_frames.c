/*
 * Two frames of variable size that always have the same size together: the innermost is at the same place each time,
 * but its caller is not, and where it was the last time the old return address still stands. Only the frame pointer
 * tells the stacks apart.
 */
#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>

#define TOGETHER 2048u
#define SIZES 8u

static volatile size_t blocks;

static __attribute__((noinline)) void inner(size_t size) {
    char *volatile untouched = alloca(size);
    void *block = malloc(size);
    blocks += block != NULL && untouched != NULL;
    free(block);
}

static __attribute__((noinline)) void outer(size_t size) {
    char *volatile untouched = alloca(size);
    inner(TOGETHER - size);
    blocks += untouched == NULL;
}

int main(void) {
    for (unsigned i = 0; i < 200000; i++)
        outer(128 * (1 + i / 3 % SIZES));
    printf("%zu blocks\n", blocks);
    return 0;
}
