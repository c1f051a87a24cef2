/*
 * Mappings as a set of disjoint ranges.
 *
 * mmap puts a range in (over what lay there: MAP_FIXED replaces), munmap takes any part of any ranges out, mprotect
 * changes a part. All three are the same operation: carve [start, end) out, look at the pieces, perhaps put some back.
 *
 * The set is a treap by start address: split and join are a few lines each and need no rebalancing cases, and a carve
 * is two splits. Nodes live in one array and refer to each other by number. Priorities come from a xorshift generator
 * with a fixed seed, so the same trace gives the same tree; depth is logarithmic in expectation for any order of
 * addresses, because the addresses of a trace cannot influence them.
 */
#include "maps.h"

#include "memory.h"

void rsd_maps_open(struct rsd_maps *maps) {
    *maps = (struct rsd_maps){.random = 2463534242u};
    RSD_ROOM(maps->nodes, maps->count, maps->capacity);
    maps->nodes[maps->count++] = (struct rsd_range_node){.priority = 0};
}

void rsd_maps_close(struct rsd_maps *maps) {
    free(maps->nodes);
    *maps = (struct rsd_maps){0};
}

static uint32_t new_node(struct rsd_maps *maps, const struct rsd_range *range) {
    uint32_t number = maps->unused;
    if (number) {
        maps->unused = maps->nodes[number].left;
    } else {
        RSD_ROOM(maps->nodes, maps->count, maps->capacity);
        number = (uint32_t)maps->count++;
    }
    maps->random ^= maps->random << 13;
    maps->random ^= maps->random >> 17;
    maps->random ^= maps->random << 5;
    maps->nodes[number] = (struct rsd_range_node){.range = *range, .priority = maps->random};
    return number;
}

static void give_back(struct rsd_maps *maps, uint32_t node) {
    maps->nodes[node].left = maps->unused;
    maps->unused = node;
}

/* Part the tree `node` into the ranges that start before `at` and the others. */
static void split(struct rsd_maps *maps, uint32_t node, uint64_t at, uint32_t *left, uint32_t *right) {
    if (!node) {
        *left = *right = 0;
        return;
    }
    struct rsd_range_node *n = &maps->nodes[node];
    if (n->range.start < at) {
        split(maps, n->right, at, &n->right, right);
        *left = node;
    } else {
        split(maps, n->left, at, left, &n->left);
        *right = node;
    }
}

/* One tree of two; all of `left` lies before all of `right`. */
static uint32_t join(struct rsd_maps *maps, uint32_t left, uint32_t right) {
    if (!left || !right)
        return left ? left : right;
    if (maps->nodes[left].priority >= maps->nodes[right].priority) {
        maps->nodes[left].right = join(maps, maps->nodes[left].right, right);
        return left;
    }
    maps->nodes[right].left = join(maps, left, maps->nodes[right].left);
    return right;
}

void rsd_maps_put(struct rsd_maps *maps, const struct rsd_range *range) {
    uint32_t left, right, node = new_node(maps, range);
    split(maps, maps->root, range->start, &left, &right);
    maps->root = join(maps, join(maps, left, node), right);
}

/* The range that starts before `at` and reaches over it, if there is one, becomes two that meet at `at`. */
static void cut(struct rsd_maps *maps, uint64_t at) {
    uint32_t best = 0;
    for (uint32_t node = maps->root; node;) {
        const struct rsd_range_node *n = &maps->nodes[node];
        if (n->range.start < at)
            best = node;
        node = n->range.start < at ? n->right : n->left;
    }
    if (!best || maps->nodes[best].range.end <= at)
        return;
    struct rsd_range rest = maps->nodes[best].range;
    maps->nodes[best].range.end = at;
    rest.start = at;
    rsd_maps_put(maps, &rest);
}

static void visit_all(const struct rsd_maps *maps, uint32_t node, rsd_range_visit *visit, void *context) {
    if (!node)
        return;
    visit_all(maps, maps->nodes[node].left, visit, context);
    visit(context, &maps->nodes[node].range);
    visit_all(maps, maps->nodes[node].right, visit, context);
}

static void drop_all(struct rsd_maps *maps, uint32_t node) {
    if (!node)
        return;
    drop_all(maps, maps->nodes[node].left);
    drop_all(maps, maps->nodes[node].right);
    give_back(maps, node);
}

void rsd_maps_carve(struct rsd_maps *maps, uint64_t start, uint64_t end, rsd_range_visit *visit, void *context) {
    uint32_t left, inside, right;
    if (start >= end)
        return;
    cut(maps, start);
    cut(maps, end);
    split(maps, maps->root, start, &left, &inside);
    split(maps, inside, end, &inside, &right);
    maps->root = join(maps, left, right);
    visit_all(maps, inside, visit, context);
    drop_all(maps, inside);
}

void rsd_maps_each(const struct rsd_maps *maps, rsd_range_visit *visit, void *context) {
    visit_all(maps, maps->root, visit, context);
}
