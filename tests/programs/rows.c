/*
 * Memory of every sort that a ledger has a row for, in amounts that are known.
 *
 *     rows        prints what it made, in bytes, as one line of JSON; then waits for lines on stdin:
 *     trim        malloc_trim(0); prints by how much RSS fell
 *
 * Blocks are of 10,000 bytes; the freed ones are of 3,000 bytes, and each 64th of them is held, so that nothing that was freed
 * lies at the top of the heap. Everything is written to.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HELD 2000u
#define HELD_SIZE ((size_t)10000)
#define FREED 8000u
#define FREED_SIZE ((size_t)3000)
#define PIN 64u
#define MAPPED ((size_t)16 << 20)
#define SHARED ((size_t)6 << 20)
#define THREADS 4u
#define STACK ((size_t)1 << 20)

static size_t chunk_of(size_t size) {
    return (size + 8 + 15) & ~(size_t)15;
}

static void *touched(size_t size) {
    void *block = malloc(size);
    if (!block)
        exit(1);
    return memset(block, 1, size);
}

static void *map(size_t size, int flags) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        exit(1);
    return memset(at, 1, size);
}

static pthread_barrier_t ready;

static void *sit(void *unused) {
    volatile char room[STACK];
    for (size_t i = 0; i < sizeof room; i += 4096)
        room[i] = 1;
    pthread_barrier_wait(&ready);
    pause();
    return unused;
}

static size_t rss(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1)
        exit(1);
    fclose(file);
    return (size_t)pages * 4096;
}

int main(void) {
    static void *held[HELD], *freed[FREED];
    size_t native = 0, overhead = 0, retained = 0;
    pthread_t thread;
    pthread_barrier_init(&ready, NULL, THREADS + 1);
    for (unsigned i = 0; i < THREADS; i++)
        if (pthread_create(&thread, NULL, sit, NULL) != 0)
            return 1;
    pthread_barrier_wait(&ready);
    for (unsigned i = 0; i < FREED; i++)
        freed[i] = touched(FREED_SIZE);
    for (unsigned i = 0; i < HELD; i++)
        held[i] = touched(HELD_SIZE);
    native += HELD * HELD_SIZE;
    overhead += HELD * (chunk_of(HELD_SIZE) - HELD_SIZE);
    for (unsigned i = 0; i < FREED; i++)
        if (i % PIN == 0) {
            native += FREED_SIZE;
            overhead += chunk_of(FREED_SIZE) - FREED_SIZE;
        } else {
            retained += chunk_of(FREED_SIZE);
            free(freed[i]);
        }
    map(MAPPED, MAP_PRIVATE);
    map(SHARED, MAP_SHARED);
    printf(
        "{\"native\": %zu, \"overhead\": %zu, \"retained\": %zu, \"mapped\": %zu, \"shared\": %zu, \"stacks\": %zu}\n",
        native, overhead, retained, MAPPED, SHARED, THREADS * STACK);
    fflush(stdout);
    char line[16];
    while (fgets(line, sizeof line, stdin)) {
        size_t before = rss();
        malloc_trim(0);
        printf("%zu\n", before - rss());
        fflush(stdout);
    }
    return held[0] == NULL;
}
