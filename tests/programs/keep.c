/* keep SIZE: 100 blocks of SIZE bytes are kept, 100 of 48 as well, and 100 are freed. */
#include <stdlib.h>

#define BLOCKS 100

static void *volatile kept[2 * BLOCKS];

__attribute__((noinline)) static void keep(size_t size) {
    for (int i = 0; i < BLOCKS; i++)
        kept[i] = malloc(size);
}

__attribute__((noinline)) static void keep_small(void) {
    for (int i = 0; i < BLOCKS; i++)
        kept[BLOCKS + i] = malloc(48);
}

__attribute__((noinline)) static void free_again(void) {
    for (int i = 0; i < BLOCKS; i++) {
        void *volatile block = malloc(64);
        free(block);
    }
}

int main(int argc, char **argv) {
    keep(argc > 1 ? strtoul(argv[1], NULL, 10) : 1000);
    keep_small();
    free_again();
    return 0;
}
