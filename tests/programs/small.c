/*
 * Ordinary work with little memory: one thread, blocks of 1,000 bytes, 64 at a time.
 *
 *     small BLOCKS
 */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    static void *kept[64];
    int blocks = argc > 1 ? atoi(argv[1]) : 20000;
    for (int i = 0; i < blocks; i++) {
        free(kept[i % 64]);
        if (!(kept[i % 64] = malloc(1000)))
            return 1;
    }
    printf("%d blocks\n", blocks);
    return 0;
}
