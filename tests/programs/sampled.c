/*
 * Twenty call sites that allocate blocks of one size each, from 16 bytes to 768 KiB, free most of them on another thread,
 * resize some, and say what they did: the truth that estimates from samples are held against.
 *
 * One line of JSON a site: its size, how often it was called, how many blocks are outstanding.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 20
#define MOST 40000

struct site {
    uint32_t size;
    uint32_t calls;
    uint32_t every; /* one in so many is kept */
};

static const struct site site[SITES] = {
    {16, 40000, 2},  {24, 30000, 3},  {48, 20000, 2},   {100, 20000, 4},  {200, 10000, 2},
    {333, 8000, 3},  {512, 8000, 5},  {1000, 4000, 2},  {1500, 4000, 4},  {2048, 2000, 2},
    {3000, 2000, 3}, {4096, 2000, 4}, {6000, 1000, 2},  {10000, 1000, 3}, {16384, 600, 2},
    {33000, 400, 4}, {65536, 200, 2}, {100000, 200, 5}, {300000, 100, 4}, {768 << 10, 60, 3},
};

static void *kept[SITES][MOST];
static void *passed[MOST]; /* to the thread that frees them */
static size_t passed_count;

#define SITE(n)                                                                                                        \
    static __attribute__((noinline)) void *site_##n(size_t size) {                                                     \
        char *block = n % 3 ? malloc(size) : calloc(1, size);                                                          \
        *block = n;                                                                                                    \
        return block;                                                                                                  \
    }
SITE(0)
SITE(1) SITE(2) SITE(3) SITE(4) SITE(5) SITE(6) SITE(7) SITE(8) SITE(9) SITE(10) SITE(11) SITE(12) SITE(13) SITE(14)
    SITE(15) SITE(16) SITE(17) SITE(18) SITE(19)

        static void *(*const call[SITES])(size_t) = {site_0,  site_1,  site_2,  site_3,  site_4,  site_5,  site_6,
                                                     site_7,  site_8,  site_9,  site_10, site_11, site_12, site_13,
                                                     site_14, site_15, site_16, site_17, site_18, site_19};

static void *release(void *unused) {
    for (size_t i = 0; i < passed_count; i++)
        free(passed[i]);
    return unused;
}

static __attribute__((noinline)) void churn(void) { /* resized blocks end here, whatever they were */
    void *block = NULL;
    for (size_t size = 8; size < 4000; size += 8)
        block = realloc(block, size);
    if (realloc(block, SIZE_MAX / 4)) /* cannot be: the block stays what it was */
        abort();
    free(block);
}

int main(void) {
    static char out[1 << 14];
    setvbuf(stdout, out, _IOFBF, sizeof out);
    for (int n = 0; n < SITES; n++) {
        uint32_t count = 0;
        passed_count = 0;
        for (uint32_t i = 0; i < site[n].calls; i++) {
            void *block = call[n](site[n].size);
            if (i % site[n].every == 0)
                kept[n][count++] = block;
            else
                passed[passed_count++] = block;
        }
        pthread_t thread;
        pthread_create(&thread, NULL, release, NULL);
        pthread_join(thread, NULL);
        churn();
        printf("{\"site\": %d, \"size\": %u, \"calls\": %u, \"outstanding\": %u}\n", n, site[n].size, site[n].calls,
               count);
    }
    fflush(stdout);
    exit(0);
}
