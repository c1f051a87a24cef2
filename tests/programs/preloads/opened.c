/*
 * Opened by programs/corners.c: allocates in its constructor and in its destructor.
 */
#include <stdlib.h>

static void *volatile block, *volatile kept;

__attribute__((constructor)) static void opened(void) {
    block = malloc(100002);
}

__attribute__((destructor)) static void closed(void) {
    free(block);
    kept = malloc(100003);
}
