/* Call sites: sums for each stack. */
#ifndef RSD_SITES_H
#define RSD_SITES_H

#include "stacks.h"

struct rsd_sums {
    uint64_t live_bytes, live_blocks; /* outstanding */
    uint64_t calls, bytes;            /* allocated since the start of the trace */
    uint64_t temporaries;             /* of these, died young: in the nursery, or as samples within TEMPORARY_LIFE */
    /* Of estimates from samples; 0 where all was recorded. */
    double live_variance;
    double kept_variance; /* of what was outstanding at the start of the window and is still */
    double bytes_variance, calls_variance, temporaries_variance;
    double unseen_bytes, unseen_blocks; /* variance that one sample more would add */
};

struct rsd_site {
    uint32_t stack;             /* node of `stacks` */
    struct rsd_sums now, start; /* at the present moment, and at the start of the window */
};

struct rsd_sites {
    const struct rsd_stacks *stacks;
    struct rsd_site *list;
    size_t count, capacity;
    uint32_t *of_stack; /* site + 1 by node, 0 none yet */
};

void rsd_sites_open(struct rsd_sites *sites, const struct rsd_stacks *stacks);
void rsd_sites_close(struct rsd_sites *sites);
uint32_t rsd_sites_add(struct rsd_sites *sites, uint32_t stack);

/* The site of a writer's node id. */
static inline uint32_t rsd_sites_of(struct rsd_sites *sites, size_t writer, uint32_t id) {
    const struct rsd_runs *runs = &sites->stacks->runs[writer];
    const struct rsd_run *run = runs->list;
    uint32_t stack;
    if (__builtin_expect(runs->count == 1 && id - run->first < run->count && !(run->node[id - run->first] >> 31), 1))
        stack = run->node[id - run->first];
    else
        stack = rsd_stacks_find(sites->stacks, writer, id);
    uint32_t site = sites->of_stack[stack];
    return __builtin_expect(site != 0, 1) ? site - 1 : rsd_sites_add(sites, stack);
}

/* What happened at a site in the window. */
static inline int64_t rsd_site_growth(const struct rsd_site *site) {
    return (int64_t)(site->now.live_bytes - site->start.live_bytes);
}

#endif
