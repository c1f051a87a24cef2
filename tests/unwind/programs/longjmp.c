/* longjmp over frames that have allocated, from changing depths. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf point;
static unsigned long blocks;

static __attribute__((noinline)) void descend(unsigned n) {
    volatile char pad[64];
    pad[n % 64] = 1;
    free(malloc(n + 1));
    blocks++;
    if (!n)
        longjmp(point, 1);
    descend(n - 1);
    free(malloc(pad[n % 64] + 1));
}

int main(void) {
    for (volatile unsigned i = 0; i < 20000; i++)
        if (!setjmp(point))
            descend(i % 37);
    printf("longjmp %lu\n", blocks);
    return 0;
}
