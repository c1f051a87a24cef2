/*
 * More distinct stacks than the recorder's table has room for: every way down a binary tree of calls is one.
 *
 *     many_stacks DEPTH ROUNDS      each round allocates a block of 40 bytes at the end of each of 2^DEPTH ways, and keeps it
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int depth;

static void *left(uint32_t way, int level);
static void *right(uint32_t way, int level);

static __attribute__((noinline)) void *end(void) {
    void *block = malloc(40);
    __asm__ volatile("" : "+r"(block)); /* no tail call: each level is a frame */
    return block;
}

#define STEP(name)                                                                                                     \
    static __attribute__((noinline)) void *name(uint32_t way, int level) {                                             \
        void *block = level == depth ? end() : (way >> level & 1 ? left : right)(way, level + 1);                      \
        __asm__ volatile("" : "+r"(block));                                                                            \
        return block;                                                                                                  \
    }
STEP(left)
STEP(right)

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: many_stacks DEPTH ROUNDS\n");
        return 2;
    }
    depth = atoi(argv[1]);
    for (int round = 0; round < atoi(argv[2]); round++)
        for (uint32_t way = 0; way < 1u << depth; way++)
            if (!left(way, 0))
                return 1;
    return 0;
}
