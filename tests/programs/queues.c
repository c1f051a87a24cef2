/*
 * Threads pass blocks to one another through queues, so that almost every block is freed by another thread than the one
 * that allocated it, and its address is at once used again there.
 *
 *     queues [BLOCKS]    16 threads, BLOCKS in all (1,000,000)
 *
 * Each thread keeps one block in 1,000. On stdout goes the ledger: what was allocated, and what is kept.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 16
#define ROOM 64 /* blocks in a queue; a power of two */
#define KEEP_ONE_IN 1000

/* One producer, one consumer. */
struct queue {
    _Atomic uint32_t head; /* written by the consumer */
    _Atomic uint32_t tail; /* written by the producer */
    void *block[ROOM];
};

struct worker {
    pthread_t thread;
    uint32_t number;
    uint64_t random;
    uint64_t allocated_blocks, allocated_bytes;
    uint64_t kept_blocks, kept_bytes;
    uint64_t freed_blocks;
};

static struct queue queue[THREADS][THREADS]; /* from, to */
static struct worker worker[THREADS];
static uint64_t blocks_each;
static _Atomic uint32_t producing = THREADS;

static int push(struct queue *q, void *block) {
    uint32_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&q->head, memory_order_acquire) == ROOM)
        return 0;
    q->block[tail % ROOM] = block;
    atomic_store_explicit(&q->tail, tail + 1, memory_order_release);
    return 1;
}

static void *pop(struct queue *q) {
    uint32_t head = atomic_load_explicit(&q->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&q->tail, memory_order_acquire))
        return NULL;
    void *block = q->block[head % ROOM];
    atomic_store_explicit(&q->head, head + 1, memory_order_release);
    return block;
}

static uint32_t next_random(struct worker *w) {
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (uint32_t)(w->random >> 32);
}

/* Free what the others sent; says whether there was anything. */
static int drain(struct worker *w) {
    int any = 0;
    for (uint32_t from = 0; from < THREADS; from++) {
        for (void *block; (block = pop(&queue[from][w->number]));) {
            free(block);
            w->freed_blocks++;
            any = 1;
        }
    }
    return any;
}

__attribute__((noinline)) static void *produce(struct worker *w, size_t size) {
    void *block = malloc(size);
    memset(block, 1, 16);
    w->allocated_blocks++;
    w->allocated_bytes += size;
    return block;
}

static void *run(void *argument) {
    struct worker *w = argument;
    for (uint64_t i = 0; i < blocks_each; i++) {
        size_t size = 33 + next_random(w) % 16 * 16;
        void *block = produce(w, size);
        if (i % KEEP_ONE_IN == 0) {
            w->kept_blocks++;
            w->kept_bytes += size;
            continue;
        }
        uint32_t to = (w->number + 1 + next_random(w) % (THREADS - 1)) % THREADS;
        while (!push(&queue[w->number][to], block)) {
            if (!drain(w))
                sched_yield();
        }
        if (i % 8 == 0)
            drain(w);
    }
    atomic_fetch_sub(&producing, 1);
    while (atomic_load(&producing) > 0) {
        if (!drain(w))
            sched_yield();
    }
    drain(w);
    return NULL;
}

int main(int argc, char **argv) {
    uint64_t blocks = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    blocks_each = blocks / THREADS;
    for (uint32_t i = 0; i < THREADS; i++) {
        worker[i].number = i;
        worker[i].random = 88172645463325252u + i * 7919u;
        if (pthread_create(&worker[i].thread, NULL, run, &worker[i]) != 0)
            return 1;
    }
    struct worker sum = {0};
    for (uint32_t i = 0; i < THREADS; i++) {
        pthread_join(worker[i].thread, NULL);
        sum.allocated_blocks += worker[i].allocated_blocks;
        sum.allocated_bytes += worker[i].allocated_bytes;
        sum.kept_blocks += worker[i].kept_blocks;
        sum.kept_bytes += worker[i].kept_bytes;
        sum.freed_blocks += worker[i].freed_blocks;
    }
    printf("{\"allocated_blocks\":%lu,\"allocated_bytes\":%lu,\"kept_blocks\":%lu,\"kept_bytes\":%lu,"
           "\"freed_blocks\":%lu}\n",
           sum.allocated_blocks, sum.allocated_bytes, sum.kept_blocks, sum.kept_bytes, sum.freed_blocks);
    return 0;
}
