/*
 * Many events, for the analyzer: each thread keeps so many blocks alive, of random sizes and ages, and replaces one with
 * another at each step.
 *
 *     events EVENTS LIVE [THREADS]    allocations and frees in all; blocks that are alive at a time; threads (1)
 *
 * On stdout goes the ledger: what was allocated, and what is kept at the end.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_THREADS 64
#define SITES 64

struct worker {
    pthread_t thread;
    uint64_t random;
    void **block;
    uint64_t allocated_blocks;
};

static struct worker worker[MOST_THREADS];
static uint64_t steps, live;

static uint64_t next_random(struct worker *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random >> 16;
}

/* SITES call sites: one bit of the number a level. */
static __attribute__((noinline)) void *allocate(size_t size, unsigned site, unsigned level);
static __attribute__((noinline)) void *left(size_t size, unsigned site, unsigned level) {
    void *block = allocate(size, site, level);
    __asm__ volatile("" : "+r"(block)); /* no tail call */
    return block;
}
static __attribute__((noinline)) void *right(size_t size, unsigned site, unsigned level) {
    void *block = allocate(size, site, level);
    __asm__ volatile("" : "+r"(block));
    return block;
}
static void *allocate(size_t size, unsigned site, unsigned level) {
    void *block = level == SITES ? malloc(size) : (site & level ? left : right)(size, site, level * 2);
    __asm__ volatile("" : "+r"(block));
    return block;
}

static void *run(void *argument) {
    struct worker *w = argument;
    for (uint64_t i = 0; i < steps; i++) {
        uint64_t random = next_random(w);
        void **block = &w->block[random % live];
        free(*block);
        *block = allocate(16 + (random >> 32) % 100, (unsigned)(random >> 24) % SITES, 1);
        w->allocated_blocks++;
    }
    return NULL;
}

int main(int argc, char **argv) {
    unsigned threads = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    if (argc < 3 || threads < 1 || threads > MOST_THREADS) {
        fputs("usage: events EVENTS LIVE [THREADS]\n", stderr);
        return 2;
    }
    live = (uint64_t)atoll(argv[2]) / threads;
    steps = (uint64_t)atoll(argv[1]) / threads / 2;
    uint64_t allocated = 0, kept = 0;
    for (unsigned i = 0; i < threads; i++) {
        worker[i] = (struct worker){.random = 88172645463325252u + i * 7919u, .block = calloc(live, sizeof(void *))};
        if (!worker[i].block || pthread_create(&worker[i].thread, NULL, run, &worker[i]) != 0)
            return 1;
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(worker[i].thread, NULL);
        allocated += worker[i].allocated_blocks;
        for (uint64_t k = 0; k < live; k++)
            kept += worker[i].block[k] != NULL;
    }
    printf("{\"allocated_blocks\":%lu,\"kept_blocks\":%lu}\n", allocated, kept);
    return 0;
}
