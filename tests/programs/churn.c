/*
 * Malloc and free in pairs from a given stack depth, on some threads: the price of a pair.
 *
 *     churn DEPTH THREADS PAIRS      prints nanoseconds per pair, per thread
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define WINDOW 64

static int depth;
static long pairs;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void churn(void) {
    void *block[WINDOW] = {0};
    for (long i = 0; i < pairs; i++) {
        free(block[i % WINDOW]);
        block[i % WINDOW] = malloc(16 + (size_t)(i * 40503 % 1000));
    }
    for (int i = 0; i < WINDOW; i++)
        free(block[i]);
}

static __attribute__((noinline)) int descend(int left) {
    if (left <= 0) {
        churn();
        return 0;
    }
    int below = descend(left - 1);
    __asm__ volatile("" : "+r"(below)); /* no tail call: each level is a frame */
    return below + 1;
}

static void *run(void *out) {
    uint64_t began = now_ns();
    descend(depth - 2);
    *(double *)out = (double)(now_ns() - began) / (double)pairs;
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: churn DEPTH THREADS PAIRS\n");
        return 2;
    }
    depth = atoi(argv[1]);
    pairs = atol(argv[3]);
    int threads = atoi(argv[2]);
    pthread_t thread[64];
    double ns[64], sum = 0;
    for (int i = 0; i < threads && i < 64; i++)
        pthread_create(&thread[i], NULL, run, &ns[i]);
    for (int i = 0; i < threads && i < 64; i++) {
        pthread_join(thread[i], NULL);
        sum += ns[i];
    }
    printf("%.1f\n", sum / threads);
    return 0;
}
