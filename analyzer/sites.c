/*
 * Call sites.
 *
 * A site is a stack; its sums are kept at the present moment of the merge, and copied once, when the start of the
 * window is passed. There are two sets, for blocks of the malloc family and for mappings, so that a report can rank
 * each by itself. Sites of one set that turn out to be the same by name (group.c) are joined for the report only.
 */
#include "sites.h"

#include "memory.h"

void rsd_sites_open(struct rsd_sites *sites, const struct rsd_stacks *stacks) {
    *sites = (struct rsd_sites){.stacks = stacks, .of_stack = rsd_zalloc(stacks->count, sizeof *sites->of_stack)};
}

void rsd_sites_close(struct rsd_sites *sites) {
    free(sites->list);
    free(sites->of_stack);
    *sites = (struct rsd_sites){0};
}

uint32_t rsd_sites_add(struct rsd_sites *sites, uint32_t stack) {
    RSD_ROOM(sites->list, sites->count, sites->capacity);
    sites->list[sites->count] = (struct rsd_site){.stack = stack};
    sites->of_stack[stack] = (uint32_t)sites->count + 1;
    return (uint32_t)sites->count++;
}
