/* One of two libraries that take turns at the same addresses: -DNAME is its function, which leaves a block of -DBYTES. */
#include <stdlib.h>

static void *volatile kept;

void NAME(void);
void NAME(void) {
    kept = malloc(BYTES);
}
