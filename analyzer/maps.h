/* The mappings that are outstanding: ranges that calls split, replace and protect. */
#ifndef RSD_MAPS_H
#define RSD_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rsd_range {
    uint64_t start, end;
    uint64_t time;  /* of the call that made it, or that made it accessible */
    uint32_t site;  /* of that call */
    uint8_t prot;   /* PROT_READ | PROT_WRITE | PROT_EXEC; 0: a reservation */
    bool anonymous; /* no file behind it */
    bool shared;
};

struct rsd_range_node {
    struct rsd_range range;
    uint32_t left, right;
    uint32_t priority;
};

struct rsd_maps {
    struct rsd_range_node *nodes; /* [0] is nobody */
    size_t count, capacity;
    uint32_t root;
    uint32_t unused; /* chain of free nodes by `left` */
    uint32_t random;
};

/* Is the range memory in use, as far as a call can tell: private or shared, anonymous, and not only reserved? */
static inline bool rsd_range_used(const struct rsd_range *range) {
    return range->anonymous && range->prot != 0;
}

typedef void rsd_range_visit(void *context, const struct rsd_range *range);

void rsd_maps_open(struct rsd_maps *maps);
void rsd_maps_close(struct rsd_maps *maps);
/* Take [start, end) out of the set; `visit` sees each piece that was there, cut to the range. */
void rsd_maps_carve(struct rsd_maps *maps, uint64_t start, uint64_t end, rsd_range_visit *visit, void *context);
/* Put in a range that overlaps none that is there. */
void rsd_maps_put(struct rsd_maps *maps, const struct rsd_range *range);
void rsd_maps_each(const struct rsd_maps *maps, rsd_range_visit *visit, void *context);

#endif
