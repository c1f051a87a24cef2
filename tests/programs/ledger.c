/*
 * A random program that keeps its own ledger: threads allocate, resize, free and hand blocks to one another, and at the end
 * the program prints how many blocks of which size are outstanding, when it calls exit() and when it is gone.
 *
 *     ledger SEED THREADS STEPS [mark]
 *
 * `mark`: half-way all threads stand still, the ledger is printed, and the recorder is asked for a mark.
 *
 * Threads end and others take their place, blocks are resized step by step, libraries come and go. It contains the sequence that breaks a careless nursery: A allocates p, B frees p, B's next malloc returns p, A frees p.
 * Sizes say which call site a block is of: size % 16 is the site.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BOXES 64
#define KEPT 48
#define SITES 6
#define LARGE 80000
#define SIZES (LARGE + 2048)

struct worker {
    pthread_t thread;
    uint64_t random;
    void *kept[KEPT];
};

static _Atomic(void *) box[BOXES]; /* blocks on their way from thread to thread */
static struct worker worker[64];
static int threads;
static long steps;
static bool marking;
static pthread_barrier_t half_way;

static uint32_t next(uint64_t *state) { /* splitmix64 */
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)(z ^ (z >> 31));
}

/* A block knows its own size. */
static void *fill(void *block, uint32_t size) {
    memcpy(block, &size, sizeof size);
    return block;
}

static uint32_t size_of(const void *block) {
    uint32_t size;
    memcpy(&size, block, sizeof size);
    return size;
}

#define SITE(n)                                                                                                        \
    static __attribute__((noinline)) void *site_##n(uint32_t size) {                                                   \
        return fill(n % 2 ? malloc(size) : calloc(1, size), size);                                                     \
    }
SITE(0)
SITE(1) SITE(2) SITE(3) SITE(4) SITE(5)

    static void *(*const site[SITES])(uint32_t) = {site_0, site_1, site_2, site_3, site_4, site_5};

static uint32_t pick_size(uint64_t *random, uint32_t n) {
    uint32_t r = next(random);
    uint32_t base = r % 50 == 0 ? LARGE : 16 * (1 + r % 60);
    return base / 16 * 16 + n;
}

static void *make(uint64_t *random) {
    uint32_t n = next(random) % SITES;
    return site[n](pick_size(random, n));
}

static void step(struct worker *self) {
    uint64_t *random = &self->random;
    uint32_t what = next(random) % 100, i = next(random) % KEPT;
    if (what < 39) { /* dies at once */
        free(make(random));
    } else if (what < 40 && self->kept[i]) { /* grows by and by, also beyond what a nursery takes */
        uint32_t n = size_of(self->kept[i]) % 16, size = 16 + n;
        for (; size < (next(random) % 64 ? 512u : (uint32_t)LARGE); size = size / 16 * 24 / 16 * 16 + 16 + n)
            self->kept[i] = fill(realloc(self->kept[i], size), size);
    } else if (what < 60) {
        free(self->kept[i]);
        self->kept[i] = make(random);
    } else if (what < 70 && self->kept[i]) {
        uint32_t size = pick_size(random, size_of(self->kept[i]) % 16);
        void *moved = realloc(self->kept[i], size);
        self->kept[i] = fill(moved, size);
    } else if (what < 95) { /* give what we have, take what is there, and perhaps give back the same address */
        void *theirs = atomic_exchange(&box[next(random) % BOXES], self->kept[i]);
        self->kept[i] = NULL;
        if (theirs) {
            uint32_t size = size_of(theirs);
            free(theirs);
            self->kept[i] = site[size % 16](size); /* tcache hands out the same address */
        }
    } else {
        free(self->kept[i]);
        self->kept[i] = NULL;
    }
}

/* A thread of its own for a while: its last blocks are in a nursery that the next thread takes over. */
static void *visit(void *argument) {
    for (int i = 0; i < 200; i++)
        step(argument);
    return NULL;
}

static void come_and_go(struct worker *self) {
    pthread_t guest;
    if (pthread_create(&guest, NULL, visit, self) == 0)
        pthread_join(guest, NULL);
    void *library = dlopen("libanl.so.1", RTLD_NOW);
    if (library)
        dlclose(library); /* a new epoch of addresses */
}

static void run_half(struct worker *self) {
    for (long i = 0; i < steps / 2; i++) {
        step(self);
        if (threads > 1 && i % 4096 == 1000)
            come_and_go(self);
    }
}

static void ask_for_mark(void);

static void *run(void *argument) {
    run_half(argument);
    if (marking) {
        pthread_barrier_wait(&half_way);
        if (argument == &worker[0])
            ask_for_mark();
        pthread_barrier_wait(&half_way);
    }
    run_half(argument);
    return NULL;
}

static uint32_t count[SIZES];

static void count_block(const void *block) {
    if (block)
        count[size_of(block)]++;
}

static void print_ledger(const char *name) {
    static char text[1 << 20];
    size_t used = 0;
    memset(count, 0, sizeof count);
    for (int t = 0; t < threads; t++)
        for (int i = 0; i < KEPT; i++)
            count_block(worker[t].kept[i]);
    for (int i = 0; i < BOXES; i++)
        count_block(box[i]);
    for (uint32_t size = 0; size < SIZES; size++)
        if (count[size])
            used +=
                (size_t)snprintf(text + used, sizeof text - used, "%s\"%u\": %u", used ? ", " : "", size, count[size]);
    printf("{\"at\": \"%s\", \"sizes\": {%s}}\n", name, text);
    fflush(stdout);
}

/* What `residue mark` does, from within: a file in the trace directory, gone when it is answered. */
static void ask_for_mark(void) {
    char path[4096];
    const char *out = getenv("RESIDUE_OUT"), *pid = out ? strstr(out, "%p") : NULL;
    print_ledger("half");
    if (!pid || snprintf(path, sizeof path, "%.*s%d%s/mark", (int)(pid - out), out, getpid(), pid + 2) <= 0)
        abort();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || write(fd, "half", 4) != 4 || close(fd) != 0)
        abort();
    while (access(path, F_OK) == 0)
        usleep(1000);
}

/* After exit() was called: free half, and say what is left. */
static void at_exit(void) {
    for (int t = 0; t < threads; t++)
        for (int i = 0; i < KEPT; i += 2) {
            free(worker[t].kept[i]);
            worker[t].kept[i] = NULL;
        }
    print_ledger("end");
}

int main(int argc, char **argv) {
    static char out[1 << 16];
    setvbuf(stdout, out, _IOFBF, sizeof out); /* the ledger's sizes are ours alone */
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: ledger SEED THREADS STEPS [mark]\n");
        return 2;
    }
    threads = atoi(argv[2]);
    steps = atol(argv[3]);
    marking = argc == 5;
    pthread_barrier_init(&half_way, NULL, (unsigned)threads);
    for (int t = 0; t < threads; t++) {
        worker[t].random = strtoull(argv[1], NULL, 10) * 1000 + (uint64_t)t;
        if (t > 0)
            pthread_create(&worker[t].thread, NULL, run, &worker[t]);
    }
    run(&worker[0]); /* the main thread too: what it frees after exit() may lie in its nursery */
    for (int t = 1; t < threads; t++)
        pthread_join(worker[t].thread, NULL);
    atexit(at_exit);
    print_ledger("exit");
    exit(0);
}
