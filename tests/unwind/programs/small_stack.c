/* Threads with the smallest stack that the system allows, and threads on a stack that the program supplies. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static __attribute__((noinline)) void descend(unsigned n) {
    volatile char pad[32];
    pad[n % 32] = 1;
    free(malloc(n + 1));
    if (n)
        descend(n - 1);
    free(malloc(pad[n % 32] + 1));
}

static void *work(void *unused) {
    for (int i = 0; i < 200; i++)
        descend((unsigned)i % 9);
    return unused;
}

int main(void) {
    for (int round = 0; round < 40; round++) {
        pthread_t thread;
        pthread_attr_t attributes;
        void *stack = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        pthread_attr_init(&attributes);
        if (round % 2)
            pthread_attr_setstack(&attributes, stack, 16384);
        else
            pthread_attr_setstacksize(&attributes, 16384);
        if (pthread_create(&thread, &attributes, work, NULL))
            abort();
        pthread_join(thread, NULL);
        munmap(stack, 16384);
    }
    puts("small_stack");
    return 0;
}
