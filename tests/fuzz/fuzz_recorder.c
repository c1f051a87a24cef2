/*
 * The bytes are a program: four threads allocate and free from eight call sites, in an order that is settled, with the
 * addresses given out again at once. Its own ledger is compared with the analysis of the trace, at a mark and at the end.
 *
 * Two bytes a step: u8 thread | call site << 2 | what << 5, u8 argument.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ledger.h"
#include "recorder_parts.h"

#define THREADS 4u
#define PLACES 4096u
#define MOST_STEPS 500u

enum what { MALLOC, FREE, REALLOC, LARGE, MANY, FREE_MANY, MARK, AGAIN };

struct block {
    uint32_t size; /* 0: free */
    uint32_t site;
};

static struct rsd_thread threads[THREADS];

struct program {
    struct block place[PLACES];
    struct ledger now, at_mark;
    bool marked;
};

static void *address_of(uint32_t place) {
    return (void *)(0x7f0000000000u + (uintptr_t)place * 64);
}

static void take(struct program *p, uint32_t place, uint32_t size, uint32_t site) {
    p->place[place] = (struct block){size, site};
    p->now.bytes[site] += size;
    p->now.blocks[site]++;
    p->now.calls[site]++;
}

static void drop(struct program *p, uint32_t place) {
    p->now.bytes[p->place[place].site] -= p->place[place].size;
    p->now.blocks[p->place[place].site]--;
    p->place[place].size = 0;
}

static void do_malloc(struct program *p, uint32_t place, uint32_t size, uint32_t site) {
    if (p->place[place].size)
        return;
    rsd_record_alloc(address_of(place), size, RESIDUE_API_MALLOC, NULL);
    take(p, place, size, site);
}

static void do_free(struct program *p, uint32_t place) {
    if (!p->place[place].size)
        return;
    rsd_record_free(address_of(place), RESIDUE_API_FREE);
    drop(p, place);
}

static void do_realloc(struct program *p, uint32_t from, uint32_t to, uint32_t size, uint32_t site) {
    if (!p->place[from].size || (from != to && p->place[to].size))
        return;
    uint64_t began = rsd_record_realloc_begin(address_of(from));
    rsd_record_realloc_end(began, address_of(from), address_of(to), size, RESIDUE_API_REALLOC, NULL);
    drop(p, from);
    take(p, to, size, site);
}

static void step(struct program *p, enum what what, uint32_t site, uint32_t argument) {
    uint32_t place = argument % 16;
    switch (what) {
    case MALLOC:
        do_malloc(p, place, 1 + argument, site);
        break;
    case FREE:
        do_free(p, place);
        break;
    case REALLOC:
        do_realloc(p, place, argument / 16, 1 + argument, site);
        break;
    case LARGE:
        do_malloc(p, place, RESIDUE_LARGE_SIZE - 8 + argument, site);
        break;
    case MANY: /* with large arguments more than a ring holds */
        for (uint32_t i = 0; i < (argument < 250 ? argument / 8 : 1100); i++)
            do_malloc(p, 16 + (i + argument) % (PLACES - 16), 1 + i, site);
        break;
    case FREE_MANY:
        for (uint32_t i = argument % 3; i < (argument < 250 ? argument : PLACES); i += 1 + argument % 3)
            do_free(p, 16 + i % (PLACES - 16));
        break;
    case MARK:
        if (p->marked)
            break;
        rsd_record_barrier(RESIDUE_BARRIER_MARK, "here");
        p->at_mark = p->now;
        p->marked = true;
        break;
    case AGAIN: /* what the nursery is for */
        for (uint32_t i = 0; i < argument / 8; i++) {
            do_malloc(p, place, 1 + i, site);
            do_free(p, place);
        }
        break;
    }
}

void fuzz_recorder(const uint8_t *data, size_t size) {
    static struct program program;
    struct fuzz_input input = {data, data + size};
    program = (struct program){.marked = false};
    char *folder = strdup(fuzz_folder());
    parts_begin(folder);
    for (uint32_t i = 0; i < THREADS; i++)
        parts_open(&threads[i], i + 1);
    for (unsigned i = 0; i < MOST_STEPS && input.at < input.end; i++) {
        unsigned first = (unsigned)fuzz_take(&input, 1), argument = (unsigned)fuzz_take(&input, 1);
        uint32_t site = first >> 2 & 7;
        parts_be(&threads[first & 3], site);
        step(&program, (enum what)(first >> 5), site, argument);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        parts_close(&threads[i]);
    parts_end();
    ledger_compare(&program.now, folder, NULL);
    if (program.marked)
        ledger_compare(&program.at_mark, folder, "here");
    free(folder);
}
