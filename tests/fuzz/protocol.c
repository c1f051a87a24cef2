/*
 * The recording protocol with real threads, for ThreadSanitizer: record.c, nursery.c and log.c as they are (recorder_parts.c),
 * an allocator of our own in between, and the ledger of the program against the analyzer's.
 *
 *     protocol FOLDER [SEED [STEPS]]    a trace into FOLDER, which must be empty
 *
 * Four threads allocate and free, and the sealer (sealer.c) writes their logs; two blocks of three are freed by another thread than made them, and an address is given
 * out again as soon as it is free. A fifth raises barriers all the while. At the end all is summed up and compared.
 *
 * The allocator is a shared stack of places under a lock: as with malloc, whoever gets a place gets it after it was given
 * back, and that is all the order there is.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "init.h"
#include "ledger.h"
#include "recorder_parts.h"
#include "sealer.h"

#define THREADS 4u
#define PLACES 512u
#define TABLE 256u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t free_place[PLACES], free_count;
static struct {
    _Atomic uint64_t owner; /* place + 1 in the lower half, size and call site above; 0: empty */
} table[TABLE];             /* blocks that are alive, for any thread to free */

static struct rsd_thread threads[THREADS], barrier_thread;
static struct ledger ledger; /* under the lock */
static unsigned long steps = 20000;
static uint64_t seed = 1;
static _Atomic uint32_t working = THREADS;
static pthread_barrier_t start;

static void *address_of(uint32_t place) {
    return (void *)(0x7f0000000000u + (uintptr_t)place * 64);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 16;
}

/* ---- The allocator ----------------------------------------------------------------------------------------------- */

static bool get_place(uint32_t *place) {
    pthread_mutex_lock(&lock);
    bool any = free_count > 0;
    if (any)
        *place = free_place[--free_count];
    pthread_mutex_unlock(&lock);
    return any;
}

static void put_place(uint32_t place) {
    pthread_mutex_lock(&lock);
    free_place[free_count++] = place;
    pthread_mutex_unlock(&lock);
}

static void count(uint32_t site, uint32_t size, int by) {
    pthread_mutex_lock(&lock);
    ledger.bytes[site] += (uint64_t)((int64_t)size * by);
    ledger.blocks[site] += (uint64_t)(int64_t)by;
    ledger.calls[site] += by > 0;
    pthread_mutex_unlock(&lock);
}

/* ---- The threads ------------------------------------------------------------------------------------------------- */

static void free_block(uint64_t owner) {
    uint32_t place = (uint32_t)owner - 1, size = (uint32_t)(owner >> 32) & 0xffffff, site = (uint32_t)(owner >> 56);
    rsd_record_free(address_of(place), RESIDUE_API_FREE);
    count(site, size, -1);
    put_place(place);
}

static void step(struct rsd_thread *self, uint64_t random) {
    uint32_t site = random % PARTS_SITES, size = 1 + (uint32_t)(random >> 8) % 3000, place;
    parts_be(self, site);
    if (get_place(&place)) {
        rsd_record_alloc(address_of(place), size, RESIDUE_API_MALLOC, NULL);
        count(site, size, 1);
        uint64_t mine = (uint64_t)site << 56 | (uint64_t)size << 32 | (place + 1), old;
        if (random >> 20 & 1) /* young, and by the same thread */
            old = mine;
        else
            old = atomic_exchange(&table[(random >> 24) % TABLE].owner, mine);
        if (old)
            free_block(old);
    }
    uint64_t other = atomic_exchange(&table[(random >> 32) % TABLE].owner, 0);
    if (other)
        free_block(other);
}

static void *work(void *argument) {
    struct rsd_thread *self = argument;
    uint64_t random = seed * 88172645463325252u + (uint64_t)(self - threads) * 7919u + 1;
    pthread_barrier_wait(&start);
    for (unsigned long i = 0; i < steps; i++) {
        step(self, next_random(&random));
        if (random % 4 == 0) /* or each would do all its steps at one go */
            sched_yield();
    }
    atomic_fetch_sub(&working, 1);
    return NULL;
}

static void *raise_barriers(void *argument) {
    parts_be(argument, 0);
    pthread_barrier_wait(&start);
    while (atomic_load(&working)) {
        rsd_record_barrier(RESIDUE_BARRIER_PERIODIC, "");
        sched_yield();
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t thread[THREADS + 1], sealer;
    if (argc < 2) {
        fputs("usage: protocol FOLDER [SEED [STEPS]]\n", stderr);
        return 2;
    }
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    steps = argc > 3 ? strtoul(argv[3], NULL, 10) : steps;
    for (uint32_t place = 0; place < PLACES; place++)
        free_place[free_count++] = place;
    pthread_barrier_init(&start, NULL, THREADS + 1);
    parts_begin(argv[1]);
    for (uint32_t i = 0; i < THREADS; i++)
        parts_open(&threads[i], i + 1);
    parts_open(&barrier_thread, THREADS + 1);
    FUZZ_MUST(pthread_create(&sealer, NULL, rsd_sealer_run, NULL) == 0);
    for (uint32_t i = 0; i < THREADS; i++)
        FUZZ_MUST(pthread_create(&thread[i], NULL, work, &threads[i]) == 0);
    FUZZ_MUST(pthread_create(&thread[THREADS], NULL, raise_barriers, &barrier_thread) == 0);
    for (uint32_t i = 0; i <= THREADS; i++)
        pthread_join(thread[i], NULL);
    atomic_store(&rsd_gate->alive, 0);
    rsd_sealer_end();
    pthread_join(sealer, NULL);
    uint64_t blocks = 0, calls = 0, died = 0;
    for (uint32_t i = 0; i < THREADS; i++)
        died += threads[i].writer.counter[RESIDUE_COUNTER_ANNIHILATED];
    for (uint32_t i = 0; i < THREADS; i++)
        parts_close(&threads[i]);
    parts_close(&barrier_thread);
    parts_end();
    ledger_compare(&ledger, argv[1], NULL);
    for (unsigned i = 0; i < LEDGER_SITES; i++) {
        blocks += ledger.blocks[i];
        calls += ledger.calls[i];
    }
    printf("{\"calls\":%llu,\"outstanding\":%llu,\"nursery\":%llu}\n", (unsigned long long)calls,
           (unsigned long long)blocks, (unsigned long long)died);
    return 0;
}
