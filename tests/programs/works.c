/*
 * Ordinary work with memory, by two threads, long enough that a recorder has to write: blocks that die young, blocks that
 * are kept, all of 1,000 to 1,015 bytes. Prints what it has counted and ends with status 3.
 *
 *     works [THOUSANDS [hungry]]    of blocks that each thread makes: 100 unless told otherwise; hungry: with every
 *                                   descriptor taken that there is, and none given back
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 4096

static size_t blocks = 100000;

static void *work(void *argument) {
    static _Thread_local unsigned char *kept[KEPT];
    void *volatile young;
    uintptr_t sum = 0;
    for (size_t i = 0; i < blocks; i++) {
        unsigned char **place = &kept[i * 7919 % KEPT];
        if (*place)
            sum += **place;
        free(*place);
        *place = malloc(1000 + i % 16);
        if (!*place)
            abort();
        memset(*place, (int)i, 16);
        free(young = malloc(1000 + i % 16));
    }
    (void)argument;
    return (void *)sum;
}

static int take_descriptors(void) {
    int last = -1;
    for (int fd; (fd = open("/dev/null", O_RDONLY)) >= 0;)
        last = fd;
    return last;
}

int main(int argc, char **argv) {
    pthread_t thread;
    void *other;
    if (argc > 1)
        blocks = (size_t)atoi(argv[1]) * 1000;
    if (argc > 2)
        printf("descriptors up to %d\n", take_descriptors());
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        return 1;
    uintptr_t sum = (uintptr_t)work(NULL);
    pthread_join(thread, &other);
    printf("%zu blocks, sum %lu\n", 2 * blocks, (unsigned long)(sum + (uintptr_t)other));
    return 3;
}
