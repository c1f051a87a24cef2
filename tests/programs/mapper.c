/*
 * Growth that malloc has no part in.
 *
 *     mapper leak SECONDS       maps 256 KiB ten times a second, touches it, and never unmaps it
 *     mapper bundled SECONDS    reserves 1 GiB at its start and touches 256 KiB more of it ten times a second, as an
 *                               allocator does that a library brings along
 *     mapper many SECONDS       has 30,000 mappings, and touches 256 KiB of others ten times a second
 *
 * A second thread sleeps, so that the recorder may have its helper. Prints the bytes that it touched.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STEP ((size_t)256 << 10)
#define RESERVED ((size_t)1 << 30)
#define MANY 30000

static void *sleeper(void *unused) {
    sleep(1000);
    return unused;
}

static void *map(size_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) {
        perror("mapper: mmap");
        exit(1);
    }
    return at;
}

/* Every second page of it gets rights of its own. */
static void map_many(void) {
    char *at = map((size_t)MANY * 4096);
    for (size_t i = 0; i < MANY; i += 2)
        mprotect(at + i * 4096, 4096, PROT_READ);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: mapper leak|bundled|many SECONDS\n");
        return 2;
    }
    if (strcmp(argv[1], "many") == 0)
        map_many();
    int leaks = strcmp(argv[1], "leak") == 0;
    long steps = strtol(argv[2], NULL, 10) * 10;
    char *reserved = leaks ? NULL : map(RESERVED);
    pthread_t thread;
    if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
        return 1;
    for (long i = 0; i < steps; i++) {
        memset(leaks ? map(STEP) : reserved + (size_t)i * STEP, 1, STEP);
        usleep(100000);
    }
    printf("%zu\n", (size_t)steps * STEP);
    return 0;
}
