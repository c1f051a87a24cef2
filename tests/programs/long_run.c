/*
 * A program that would fill any disk: thirty thousand blocks that are replaced all the time, each younger one outliving the
 * nursery, and beside them a leak. Before that it takes 4,000 blocks of 10,007 bytes; after it, it gives back half of these on
 * another thread.
 *
 *     long_run ROUNDS [fork] a round is 10,000 blocks replaced and one of 3,001 bytes leaked in each hundred; and then a child
 *                            takes 30,000 blocks of 16 to 215 bytes and gives back all but every hundredth
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define EARLY 4000
#define HELD 30000

static void *early[EARLY], *held[HELD];
static uint64_t random_state = 4711;

static uint32_t next(void) { /* xorshift64 */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return (uint32_t)((random_state ^= random_state << 17) >> 32);
}

static __attribute__((noinline)) void *take_early(void) {
    return malloc(10007);
}

static __attribute__((noinline)) void *take_held(void) {
    return malloc(16 + next() % 200);
}

static __attribute__((noinline)) void leak(void) {
    char *block = malloc(3001);
    *(volatile char *)block = 1;
}

static void *give_back(void *unused) {
    for (int i = 0; i < EARLY; i += 2)
        free(early[i]);
    return unused;
}

static __attribute__((noinline)) void *take_in_child(void) {
    return malloc(16 + next() % 200);
}

static void be_child(void) {
    for (int i = 0; i < HELD; i++)
        held[i] = take_in_child();
    for (int i = 0; i < HELD; i++)
        if (i % 100)
            free(held[i]);
    exit(0);
}

int main(int argc, char **argv) {
    long rounds = argc > 1 ? atol(argv[1]) : 100;
    for (int i = 0; i < EARLY; i++)
        early[i] = take_early();
    for (long round = 0; round < rounds; round++)
        for (int i = 0; i < 10000; i++) {
            uint32_t at = next() % HELD;
            if (i % 50 == 0 && held[at]) /* in place, or not */
                held[at] = realloc(held[at], 16 + next() % 200);
            free(held[at]);
            held[at] = take_held();
            if (i % 100 == 0)
                leak();
        }
    pthread_t thread;
    pthread_create(&thread, NULL, give_back, NULL);
    pthread_join(thread, NULL);
    if (argc > 2 && fork() == 0) {
        for (int i = 0; i < HELD; i++)
            free(held[i]);
        be_child();
    }
    wait(NULL);
    exit(0);
}
