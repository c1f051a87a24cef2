/* The library that only $ORIGIN leads to. It allocates a block of 41,001 bytes and leaves it. */
#include <stdlib.h>

static void *volatile kept;

int inner_answer(void) {
    kept = malloc(41001);
    return 42;
}
