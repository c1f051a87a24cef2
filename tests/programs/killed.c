/*
 * Allocates and frees on several lanes until it is killed, and keeps a ledger in shared memory that outlives it.
 *
 *     killed LEDGER [WINDOW]
 *
 * Operation n of a lane, n from 1, makes block n and, once n > WINDOW (500), ends block n - WINDOW: by malloc and
 * free, or for every 53rd by one realloc. The size of block n tells the lane and follows from n (size_of below; the
 * test knows the same formula), so that a record that is missing or there twice shows. After each call returned its
 * number is stored in the ledger: of every lane the trace must hold exactly that many records, or one more.
 *
 * A lane is a sequence of threads, each of which hands over to its successor: slots pass from thread to thread.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LANES 4
#define LARGEST_WINDOW 8192
#define OPERATIONS_OF_A_THREAD 30011
#define STARTED 0x53544152u

struct lane {
    _Atomic uint64_t made;
    _Atomic uint64_t ended;
    uint64_t padding[6];
};

struct ledger {
    _Atomic uint64_t started;
    uint64_t padding[7];
    struct lane lane[LANES];
};

static struct ledger *ledger;
static uint64_t window = 500;
static void *block[LANES][LARGEST_WINDOW];
static uint64_t operation[LANES];

/* Small blocks have 2,000 to 34,743 bytes, each 61st is a large one of 70,000 to 102,743. */
static size_t size_of(uint64_t n, uint32_t lane) {
    return (n % 61 == 0 ? 70000 : 2000) + n * 37 % 4093 * 8 + lane;
}

static void operate(uint32_t lane, uint64_t n) {
    struct lane *l = &ledger->lane[lane];
    void **place = &block[lane][n % window];
    if (n % 53 == 0 && n > window) {
        *place = realloc(*place, size_of(n, lane));
        atomic_store(&l->ended, n - window);
        atomic_store(&l->made, n);
        return;
    }
    if (n > window) {
        free(*place);
        atomic_store(&l->ended, n - window);
    }
    *place = malloc(size_of(n, lane));
    atomic_store(&l->made, n);
}

static void *run(void *argument) {
    uint32_t lane = (uint32_t)(uintptr_t)argument;
    for (int i = 0; i < OPERATIONS_OF_A_THREAD; i++)
        operate(lane, ++operation[lane]);
    pthread_t successor;
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&successor, &detached, run, argument) != 0)
        abort();
    return NULL;
}

int main(int argc, char **argv) {
    int fd = argc >= 2 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
    if (argc == 3)
        window = strtoull(argv[2], NULL, 10);
    if (fd < 0 || window == 0 || window > LARGEST_WINDOW || ftruncate(fd, sizeof *ledger) != 0) {
        fprintf(stderr, "usage: killed LEDGER [WINDOW]\n");
        return 2;
    }
    ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ledger == MAP_FAILED)
        return 1;
    close(fd);
    for (uint32_t lane = 0; lane < LANES; lane++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, run, (void *)(uintptr_t)lane) != 0)
            return 1;
    }
    atomic_store(&ledger->started, STARTED);
    for (;;)
        pause();
}
