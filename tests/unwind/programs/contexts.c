/* ucontext coroutines that allocate, on stacks of changing size from mmap, which are freed in between. */
#define _GNU_SOURCE 1
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

static ucontext_t outside, inside[8];
static unsigned long blocks;

static __attribute__((noinline)) void descend(unsigned n, int self) {
    volatile char pad[100];
    pad[n % 100] = 1;
    free(malloc(n + 1));
    blocks++;
    if (n % 4 == 0)
        swapcontext(&inside[self], &outside);
    if (n)
        descend(n - 1, self);
    free(malloc(pad[n % 100] + 1));
}

static void coroutine(int self) {
    descend(20, self);
    descend(7, self);
}

int main(void) {
    for (int round = 0; round < 600; round++) {
        size_t size[8];
        void *stack[8];
        for (int i = 0; i < 8; i++) {
            size[i] = 16384u << ((round + i) % 4);
            stack[i] = mmap(NULL, size[i], PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            getcontext(&inside[i]);
            inside[i].uc_stack.ss_sp = stack[i];
            inside[i].uc_stack.ss_size = size[i];
            inside[i].uc_link = &outside;
            makecontext(&inside[i], (void (*)(void))coroutine, 1, i);
        }
        for (int turn = 0; turn < 9; turn++)
            for (int i = 0; i < 8; i++)
                if (turn < 8 || i % 2)
                    swapcontext(&outside, &inside[i]);
        for (int i = 0; i < 8; i++)
            munmap(stack[i], size[i]);
        free(malloc(10));
    }
    printf("contexts %lu\n", blocks);
    return 0;
}
