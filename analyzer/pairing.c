/*
 * Pairing: each event of the merged stream changes the live set, the mappings and the sums of one call site.
 *
 * Because frees are timed before the real call and allocations after it, for one address the order of times is the true
 * order. What then still does not fit is one of RSD_ANOMALIES: counted, never hidden, and always resolved in the same
 * way. An allocation at a live address means that the free was not recorded (its thread died between the real call and
 * the record), so the old block is taken as freed. A free of an unknown address is a block from before recording began,
 * or one whose record is lost; after a stretch for which recording was switched off it is no anomaly, and what was
 * outstanding before that stretch is forgotten at its end: nobody knows which of it was freed in between. To tell that from a double free the last few ten thousand freed addresses are kept by
 * hash; one that has been pushed out counts as unknown.
 *
 * Mappings. A range counts as used when it is anonymous and accessible. A PROT_NONE reservation is not; when mprotect
 * (or a MAP_FIXED mapping) makes a part of it accessible, that part belongs to the call site that did so. mremap is
 * two records, unmap and map; the second inherits what the first had. glibc's own mappings (arenas, thread stacks) do
 * not come by here: its internal calls cannot be interposed.
 *
 * Sums may not go below zero whatever the records say: every subtraction undoes an addition made for the same block or
 * range, which stands in the set until then.
 */
#include "pairing.h"

#include <math.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define FREED_SLOTS (1u << 16)
#define TEMPORARY_LIFE 0.01 /* seconds; a sampled trace does not know what else its threads allocated */
#define ADDRESS_END (UINT64_C(1) << RESIDUE_ADDRESS_BITS)
#define DETAIL_AS_BEFORE UINT32_MAX /* 4.3: "mremap: 0xffffffff, as the old range had it" */

void rsd_pairing_open(struct rsd_pairing *pairing, const struct rsd_stacks *stacks, size_t writers, uint64_t from,
                      uint64_t to) {
    *pairing = (struct rsd_pairing){.unmapped = rsd_zalloc(writers, sizeof *pairing->unmapped),
                                    .freed = rsd_zalloc(FREED_SLOTS, sizeof *pairing->freed)};
    rsd_lasting_open(&pairing->lasting, from, to);
    rsd_maps_open(&pairing->maps);
    rsd_sites_open(&pairing->heap, stacks);
    rsd_sites_open(&pairing->mappings, stacks);
}

void rsd_pairing_close(struct rsd_pairing *pairing) {
    rsd_live_free(&pairing->live);
    rsd_maps_close(&pairing->maps);
    rsd_lasting_close(&pairing->lasting);
    rsd_sites_close(&pairing->heap);
    rsd_sites_close(&pairing->mappings);
    free(pairing->unmapped);
    free(pairing->freed);
    free(pairing->rates);
}

void rsd_pairing_sample(struct rsd_pairing *pairing, const struct rsd_sampling *sampling, const struct rsd_trace *trace,
                        uint64_t from, uint64_t to, double rate) {
    pairing->sampling = sampling;
    pairing->from = from;
    pairing->coarsest = rsd_sampling_coarsest(sampling, to);
    pairing->heap_now.unseen_bytes = (double)pairing->coarsest * (double)pairing->coarsest;
    pairing->temporary = (uint64_t)(rate * TEMPORARY_LIFE);
    pairing->rates = rsd_zalloc(trace->writer_count, sizeof *pairing->rates);
    for (size_t i = 0; i < trace->writer_count; i++) {
        struct rsd_rate_now *now = &pairing->rates[i];
        now->next = rsd_sampling_of(sampling, trace->writers[i].number, &now->left);
    }
}

/* ---- Blocks ------------------------------------------------------------------------------------------------------ */

static inline void sums_add(struct rsd_sums *sums, const struct rsd_weight *weight) {
    sums->live_bytes += weight->bytes;
    sums->live_blocks += weight->blocks;
    sums->calls += weight->blocks;
    sums->bytes += weight->bytes;
}

static inline void sums_remove(struct rsd_sums *sums, const struct rsd_weight *weight) {
    sums->live_bytes -= weight->bytes;
    sums->live_blocks -= weight->blocks;
}

/* `next` is what another block like it would be, as the last sample of the window. */
static void variances_add(struct rsd_sums *sums, const struct rsd_weight *weight, const struct rsd_weight *next) {
    sums->live_variance += weight->bytes_variance;
    sums->bytes_variance += weight->bytes_variance;
    sums->calls_variance += weight->blocks_variance;
    sums->unseen_bytes = fmax(sums->unseen_bytes, next->bytes_variance);
    sums->unseen_blocks = fmax(sums->unseen_blocks, next->blocks_variance);
}

static void variances_remove(struct rsd_sums *sums, const struct rsd_weight *weight, bool since_start) {
    sums->live_variance -= weight->bytes_variance;
    sums->kept_variance -= since_start ? weight->bytes_variance : 0;
}

static void add_temporary(struct rsd_sums *sums, const struct rsd_weight *weight) {
    sums->temporaries += weight->blocks;
    sums->temporaries_variance += weight->blocks_variance;
}

static inline struct rsd_sums *total_of(struct rsd_pairing *p, uint32_t site) {
    return __builtin_expect(p->heap.list[site].stack == RSD_TRACER_STACK, 0) ? &p->tracer_now : &p->heap_now;
}

static inline void remove_block(struct rsd_pairing *p, const struct rsd_block *block, uint64_t time) {
    struct rsd_weight weight = rsd_weigh(p->sampling, block);
    struct rsd_sums *sums[] = {&p->heap.list[block->site].now, total_of(p, block->site)};
    if (__builtin_expect(time - block->time >= p->lasting.age, 0))
        rsd_lasting_died(&p->lasting, block->site, (double)weight.bytes, block->time, time);
    for (int i = 0; i < 2; i++) {
        sums_remove(sums[i], &weight);
        if (__builtin_expect(block->rate == 0, 1))
            continue;
        variances_remove(sums[i], &weight, block->time <= p->from);
        if (time - block->time < p->temporary)
            add_temporary(sums[i], &weight);
    }
}

static inline uint32_t rate_of(struct rsd_pairing *p, size_t writer, uint64_t time) {
    if (__builtin_expect(!p->rates, 1))
        return 0;
    struct rsd_rate_now *now = &p->rates[writer];
    for (; now->left && now->next->time < time; now->left--)
        now->rate = now->next++->rate;
    return now->rate;
}

static inline void add_block(struct rsd_pairing *p, size_t writer, uint64_t time, uint64_t where, uint64_t size,
                             uint32_t node) {
    uint64_t address = residue_where_address(where);
    p->allocs++;
    if (!address || size >= ADDRESS_END) {
        p->anomaly[RSD_ODD_BAD_RECORD]++;
        return;
    }
    uint32_t site = rsd_sites_of(&p->heap, writer, node);
    if (!p->heap.list[site].stack)
        p->anomaly[RSD_ODD_NO_STACK]++;
    struct rsd_block old, block = rsd_block_make(address, size, time, site);
    block.rate = rate_of(p, writer, time) & (RSD_RATES - 1);
    if (rsd_live_add(&p->live, &block, &old)) {
        p->anomaly[RSD_ODD_ALLOC_OVER_LIVE]++;
        remove_block(p, &old, time);
    }
    struct rsd_weight weight = rsd_weigh(p->sampling, &block);
    struct rsd_sums *sums[] = {&p->heap.list[site].now, total_of(p, site)};
    for (int i = 0; i < 2; i++)
        sums_add(sums[i], &weight);
    if (p->heap_now.live_bytes > p->peak_bytes && time >= p->lasting.from) {
        p->peak_bytes = p->heap_now.live_bytes;
        p->peak_time = time;
    }
    if (__builtin_expect(block.rate == 0, 1))
        return;
    struct rsd_weight next = rsd_weigh_sample(p->coarsest, &block);
    for (int i = 0; i < 2; i++)
        variances_add(sums[i], &weight, &next);
}

static inline uint64_t *freed_slot(struct rsd_pairing *p, uint64_t address) {
    return &p->freed[(address >> 4) * 0x9e3779b97f4a7c15u >> 48];
}

static void unknown_free(struct rsd_pairing *p, uint64_t where) {
    enum residue_api api = residue_where_api(where);
    uint64_t address = residue_where_address(where);
    if (!address)
        p->anomaly[RSD_ODD_BAD_RECORD]++;
    else if (p->gap)
        p->anomaly[RSD_ODD_FREE_BEFORE]++;
    else if (p->sampling)
        p->anomaly[RSD_ODD_FREE_UNSAMPLED]++;
    else if (*freed_slot(p, address) == address)
        p->anomaly[RSD_ODD_FREE_TWICE]++;
    else if (p->forked)
        p->anomaly[RSD_ODD_FREE_INHERITED]++;
    else if (api == RESIDUE_API_REALLOC || api == RESIDUE_API_REALLOCARRAY)
        p->anomaly[RSD_ODD_REALLOC_UNKNOWN]++;
    else
        p->anomaly[RSD_ODD_FREE_UNKNOWN]++;
}

static inline void free_block(struct rsd_pairing *p, uint64_t where, uint64_t time) {
    uint64_t address = residue_where_address(where);
    struct rsd_block old;
    p->frees++;
    if (__builtin_expect(!rsd_live_remove(&p->live, address, &old), 0)) {
        unknown_free(p, where);
        return;
    }
    remove_block(p, &old, time);
    *freed_slot(p, address) = address;
}

struct forgetting {
    struct rsd_pairing *pairing;
    uint64_t time;
};

static void forget_block(void *context, const struct rsd_block *block) {
    const struct forgetting *f = context;
    remove_block(f->pairing, block, f->time);
}

void rsd_pairing_forget(struct rsd_pairing *pairing, uint64_t time) {
    struct forgetting context = {pairing, time};
    rsd_live_each(&pairing->live, forget_block, &context);
    rsd_live_free(&pairing->live);
    pairing->gap = true;
}

static void stay(void *context, const struct rsd_block *block) {
    struct rsd_pairing *p = context;
    struct rsd_weight weight = rsd_weigh(p->sampling, block);
    rsd_lasting_stayed(&p->lasting, block->site, (double)weight.bytes, block->time);
}

void rsd_pairing_end(struct rsd_pairing *pairing) {
    rsd_live_each(&pairing->live, stay, pairing);
}

/* ---- Mappings ---------------------------------------------------------------------------------------------------- */

static void count_range(struct rsd_pairing *p, const struct rsd_range *range) {
    uint64_t bytes = range->end - range->start;
    if (!rsd_range_used(range))
        return;
    struct rsd_sums *sums[] = {&p->mappings.list[range->site].now, &p->mappings_now};
    int count = p->mappings.list[range->site].stack == RSD_TRACER_STACK ? 1 : 2;
    for (int i = 0; i < count; i++) {
        sums[i]->live_bytes += bytes;
        sums[i]->calls++;
        sums[i]->bytes += bytes;
    }
}

static void discount_range(struct rsd_pairing *p, const struct rsd_range *range) {
    if (!rsd_range_used(range))
        return;
    struct rsd_site *site = &p->mappings.list[range->site];
    site->now.live_bytes -= range->end - range->start;
    if (site->stack != RSD_TRACER_STACK)
        p->mappings_now.live_bytes -= range->end - range->start;
}

/* One mapping call, while the pieces of its range are visited. */
struct change {
    struct rsd_pairing *pairing;
    uint64_t time;
    uint32_t site;
    uint8_t prot;
    size_t pieces;
    struct rsd_range first; /* of the pieces */
};

static void drop_piece(void *context, const struct rsd_range *range) {
    struct change *change = context;
    if (!change->pieces++)
        change->first = *range;
    discount_range(change->pairing, range);
}

static void protect_piece(void *context, const struct rsd_range *range) {
    struct change *change = context;
    struct rsd_range piece = *range;
    bool used = rsd_range_used(&piece);
    piece.prot = change->prot;
    if (used && !rsd_range_used(&piece))
        discount_range(change->pairing, range);
    if (!used && rsd_range_used(&piece)) {
        piece.site = change->site;
        piece.time = change->time;
        count_range(change->pairing, &piece);
    }
    rsd_maps_put(&change->pairing->maps, &piece);
}

static void map(struct rsd_pairing *p, size_t writer, const struct residue_large *r, struct rsd_range range) {
    struct change change = {.pairing = p};
    range.start = residue_where_address(r->where);
    range.end = range.start + r->size;
    range.time = r->time;
    range.site = rsd_sites_of(&p->mappings, writer, r->node);
    rsd_maps_carve(&p->maps, range.start, range.end, drop_piece, &change);
    bool fixed = r->detail != DETAIL_AS_BEFORE && r->detail >> 8 & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    if (change.pieces && !fixed)
        p->anomaly[RSD_ODD_MAP_OVER_MAP]++;
    rsd_maps_put(&p->maps, &range);
    count_range(p, &range);
}

/* "mmap: prot | flags << 8". */
static void map_new(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    uint32_t flags = r->detail >> 8;
    struct rsd_range range = {.prot = r->detail & (PROT_READ | PROT_WRITE | PROT_EXEC),
                              .anonymous = flags & MAP_ANONYMOUS,
                              .shared = flags & MAP_SHARED};
    map(p, writer, r, range);
}

/* "mremap writes two records, api 33 for the old range and then api 34 for the new one." */
static void map_again(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    const struct rsd_unmapped *old = &p->unmapped[writer];
    struct rsd_range range = {.prot = PROT_READ | PROT_WRITE, .anonymous = true};
    if (old->pending && old->known)
        range = old->range;
    map(p, writer, r, range);
}

static void unmap(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    struct change change = {.pairing = p};
    uint64_t start = residue_where_address(r->where);
    rsd_maps_carve(&p->maps, start, start + r->size, drop_piece, &change);
    p->unmapped[writer] = (struct rsd_unmapped){true, change.pieces != 0, change.first};
    if (!change.pieces)
        p->anomaly[RSD_ODD_UNMAP_UNKNOWN]++;
}

static void protect(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    struct change change = {.pairing = p,
                            .time = r->time,
                            .site = rsd_sites_of(&p->mappings, writer, r->node),
                            .prot = r->detail & (PROT_READ | PROT_WRITE | PROT_EXEC)};
    uint64_t start = residue_where_address(r->where);
    rsd_maps_carve(&p->maps, start, start + r->size, protect_piece, &change);
}

/* "address = the break after the call; detail 1 = grew, 2 = shrank, by size". */
static void move_break(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    uint64_t end = residue_where_address(r->where);
    struct residue_large range = *r;
    if (r->detail == 1 && r->size <= end) {
        range.where = residue_where(end - r->size, RESIDUE_API_MMAP);
        map(p, writer, &range, (struct rsd_range){.prot = PROT_READ | PROT_WRITE, .anonymous = true});
    } else if (r->detail == 2) {
        unmap(p, writer, &range);
    } else {
        p->anomaly[RSD_ODD_BAD_RECORD]++;
    }
}

static void apply_mapping(struct rsd_pairing *p, size_t writer, const struct residue_large *r) {
    p->map_calls++;
    if (r->size >= ADDRESS_END || (!residue_where_address(r->where) && r->size == 0)) {
        p->anomaly[RSD_ODD_BAD_RECORD]++;
        return;
    }
    switch (residue_where_api(r->where)) {
    case RESIDUE_API_MMAP:
        map_new(p, writer, r);
        break;
    case RESIDUE_API_MUNMAP:
        unmap(p, writer, r);
        return; /* the next record may be the other half of a mremap */
    case RESIDUE_API_MREMAP:
        map_again(p, writer, r);
        break;
    case RESIDUE_API_MPROTECT:
        protect(p, writer, r);
        break;
    case RESIDUE_API_BRK:
    case RESIDUE_API_SBRK:
        move_break(p, writer, r);
        break;
    case RESIDUE_API_MADVISE:
        break;
    default:
        p->anomaly[RSD_ODD_BAD_RECORD]++;
    }
    p->unmapped[writer].pending = false;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static inline void apply_large(struct rsd_pairing *p, size_t writer, const uint8_t *record) {
    struct residue_large r;
    memcpy(&r, record, sizeof r);
    if (residue_where_api(r.where) < RESIDUE_API_FREE)
        add_block(p, writer, r.time, r.where, r.size, r.node);
    else
        apply_mapping(p, writer, &r);
}

void rsd_pairing_apply(struct rsd_pairing *pairing, const struct rsd_stream *stream) {
    const uint8_t *record = stream->cursor.record;
    if (stream->cursor.kind == RESIDUE_ALLOC) {
        struct residue_alloc r;
        memcpy(&r, record, sizeof r);
        add_block(pairing, stream->writer, r.time, r.where, r.size, r.node);
    } else if (stream->cursor.kind == RESIDUE_FREE) {
        struct residue_free r;
        memcpy(&r, record, sizeof r);
        free_block(pairing, r.where, r.time);
    } else {
        apply_large(pairing, stream->writer, record);
    }
}

static void count_one(void *context, const struct rsd_range *range) {
    struct rsd_pairing *p = context;
    if (!rsd_range_used(range))
        return;
    p->mappings.list[range->site].now.live_blocks++;
    p->mappings_now.live_blocks++;
}

void rsd_pairing_count_ranges(struct rsd_pairing *pairing) {
    for (size_t i = 0; i < pairing->mappings.count; i++)
        pairing->mappings.list[i].now.live_blocks = 0;
    pairing->mappings_now.live_blocks = 0;
    rsd_maps_each(&pairing->maps, count_one, pairing);
}

uint64_t rsd_pairing_anomalies(const struct rsd_pairing *pairing) {
    static const bool counts[] = {
#define X(name, anomaly, text) anomaly,
        RSD_ANOMALIES(X)
#undef X
    };
    uint64_t total = 0;
    for (int i = 0; i < RSD_ODDITIES; i++)
        total += counts[i] ? pairing->anomaly[i] : 0;
    return total;
}
