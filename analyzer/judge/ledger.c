/*
 * The ledger: what the kernel says is resident (smaps), told apart by what was recorded.
 *
 * A mapping with a name is a file, a stack or shared memory. An anonymous one is looked at in pieces: what lies in ranges
 * that the program mapped itself belongs to whoever mapped them (node: V8's heap; a library: its own row). The rest glibc
 * mapped for itself, which no hook sees: its arenas, its large blocks, the stacks of threads. There
 *
 *     native    = what is outstanding in it, as far as it is resident
 *     overhead  = the header and the rounding of those blocks: a chunk is (size + 8) rounded up to 16, at least 32
 *                 (glibc's malloc.c, request2size, on 64 bit)
 *     retained  = resident bytes beyond: freed, and not given back to the kernel
 *
 * A mapping of which only a part is recorded (the kernel joins neighbours) is split by the size of the parts. A block that
 * was never written to is not resident; so what is outstanding counts at most as much as its mapping has resident.
 *
 * What the recorder keeps for itself is marked by it in its samples ("[residue]"); its files are known by their names.
 */
#include "judge/ledger.h"

#include <string.h>

#include "memory.h"
#include "text.h"

#define ARENA_SIZE (UINT64_C(64) << 20) /* glibc's HEAP_MAX_SIZE: an arena's heap is aligned to it */

/* ---- Whose -------------------------------------------------------------------------------------------------------- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_passed_over(const char *name) {
    static const char *const prefix[] = {"libc.so", "libc-", "ld-linux", "libstdc++", "libpthread", "libresidue.so"};
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++)
        if (strncmp(name, prefix[i], strlen(prefix[i])) == 0)
            return true;
    return false;
}

uint32_t rsd_owner_of(const struct rsd_history *history, const struct rsd_stacks *stacks, uint32_t stack) {
    for (; stack; stack = stacks->nodes[stack].parent) {
        const struct rsd_stack_node *node = &stacks->nodes[stack];
        if (node->kind == RESIDUE_NODE_NATIVE && node->has_binary &&
            !is_passed_over(base_name(history->binaries[node->owner].path)))
            return node->owner;
    }
    return RSD_NO_BINARY;
}

bool rsd_is_node(const struct rsd_history *history, uint32_t binary) {
    if (binary == RSD_NO_BINARY || !history->node)
        return false;
    const char *name = base_name(history->binaries[binary].path);
    return strcmp(name, "node") == 0 || strcmp(name, "nodejs") == 0 || strncmp(name, "libnode.so", 10) == 0;
}

/* ---- What lies in a mapping --------------------------------------------------------------------------------------- */

struct piece { /* of a resident mapping: a range that the program mapped itself */
    uint64_t bytes;
    uint32_t site;
    bool code;
};

struct content {                    /* of one resident mapping */
    uint64_t blocks, asked, chunks; /* outstanding blocks of the malloc family */
    struct piece *pieces;
    size_t piece_count, piece_capacity;
};

struct walk {
    const struct rsd_smaps *smaps;
    struct content *content; /* by mapping */
};

/* The first mapping that ends behind the address. */
static size_t mapping_at(const struct rsd_smaps *smaps, uint64_t address) {
    size_t low = 0, high = smaps->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (smaps->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint64_t chunk_of(uint64_t size) {
    uint64_t chunk = (size + 8 + 15) & ~UINT64_C(15);
    return chunk < 32 ? 32 : chunk;
}

static void visit_block(void *context, const struct rsd_block *block) {
    struct walk *walk = context;
    size_t at = mapping_at(walk->smaps, rsd_block_address(block));
    if (at == walk->smaps->count || walk->smaps->list[at].start > rsd_block_address(block))
        return;
    walk->content[at].blocks++;
    walk->content[at].asked += rsd_block_size(block);
    walk->content[at].chunks += chunk_of(rsd_block_size(block));
}

static void visit_range(void *context, const struct rsd_range *range) {
    struct walk *walk = context;
    if (!rsd_range_used(range))
        return;
    for (size_t at = mapping_at(walk->smaps, range->start);
         at < walk->smaps->count && walk->smaps->list[at].start < range->end; at++) {
        const struct rsd_resident *mapping = &walk->smaps->list[at];
        uint64_t start = range->start > mapping->start ? range->start : mapping->start;
        uint64_t end = range->end < mapping->end ? range->end : mapping->end;
        struct content *content = &walk->content[at];
        RSD_ROOM(content->pieces, content->piece_count, content->piece_capacity);
        content->pieces[content->piece_count++] =
            (struct piece){end - start, range->site, (range->prot & 4 /* PROT_EXEC */) != 0};
    }
}

/* ---- Rows --------------------------------------------------------------------------------------------------------- */

struct drawing {
    struct rsd_ledger *ledger;
    const struct rsd_smaps *smaps;
    const struct rsd_pairing *pairing;
    const struct rsd_trace *trace;
    const struct rsd_history *history;
};

static struct rsd_owner *owner_in(struct rsd_ledger *ledger, uint32_t binary) {
    for (size_t i = 0; i < ledger->owner_count; i++)
        if (ledger->owners[i].binary == binary)
            return &ledger->owners[i];
    RSD_ROOM(ledger->owners, ledger->owner_count, ledger->owner_capacity);
    ledger->owners[ledger->owner_count] = (struct rsd_owner){.binary = binary};
    return &ledger->owners[ledger->owner_count++];
}

/* malloc's own memory, if another malloc than glibc's maps it in sight of the hooks. */
static bool is_allocator(const struct drawing *d, uint32_t binary) {
    const char *allocator = d->trace->meta.allocator;
    return binary != RSD_NO_BINARY && allocator &&
           strcmp(base_name(d->history->binaries[binary].path), base_name(allocator)) == 0;
}

static void count_malloc(struct rsd_ledger *ledger, const struct content *content, uint64_t resident) {
    uint64_t held = content->chunks < resident ? content->chunks : resident;
    uint64_t asked = content->chunks ? rsd_whole((double)held * ((double)content->asked / (double)content->chunks)) : 0;
    ledger->row[RSD_LEDGER_NATIVE] += asked;
    ledger->row[RSD_LEDGER_OVERHEAD] += held - asked;
    ledger->row[RSD_LEDGER_RETAINED] += resident - held;
}

/* What the program mapped itself; returns the resident bytes that this leaves. */
static uint64_t count_pieces(struct drawing *d, const struct rsd_resident *mapping, struct content *content) {
    uint64_t left = mapping->bytes;
    for (size_t i = 0; i < content->piece_count; i++) {
        const struct piece *piece = &content->pieces[i];
        uint32_t binary =
            rsd_owner_of(d->history, d->pairing->mappings.stacks, d->pairing->mappings.list[piece->site].stack);
        double part = (double)piece->bytes / (double)(mapping->end - mapping->start);
        uint64_t resident = rsd_whole((double)mapping->bytes * part);
        resident = resident < left ? resident : left;
        if (is_allocator(d, binary))
            continue;
        if (rsd_is_node(d->history, binary)) {
            d->ledger->row[piece->code ? RSD_LEDGER_V8_CODE : RSD_LEDGER_V8] += resident;
        } else {
            struct rsd_owner *owner = owner_in(d->ledger, binary);
            owner->resident += resident;
            owner->mapped += piece->bytes;
            d->ledger->row[RSD_LEDGER_MAPPED] += resident;
        }
        left -= resident;
    }
    return left;
}

static bool is_arena(const struct rsd_resident *mapping) {
    return mapping->start % ARENA_SIZE == 0 || strcmp(mapping->name, "[heap]") == 0;
}

static void count_anonymous(struct drawing *d, size_t at, struct content *content) {
    const struct rsd_resident *mapping = &d->smaps->list[at], *before = at ? mapping - 1 : NULL;
    uint64_t left = count_pieces(d, mapping, content);
    if (content->blocks || is_arena(mapping))
        count_malloc(d->ledger, content, left);
    else if (content->piece_count)
        d->ledger->row[RSD_LEDGER_OTHER] += left;
    else if (before && before->end == mapping->start && before->name[0] == '/')
        d->ledger->row[RSD_LEDGER_FILES] += left; /* .bss of the library before it */
    else if (mapping->end - mapping->start >= (64 << 10) && mapping->end - mapping->start <= (64 << 20))
        d->ledger->row[RSD_LEDGER_STACKS] += left;
    else
        d->ledger->row[RSD_LEDGER_OTHER] += left;
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), wanted = strlen(suffix);
    return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}

static bool is_tracer(const struct rsd_resident *mapping) {
    return strcmp(mapping->name, "[residue]") == 0 || has_suffix(mapping->name, ".live") ||
           has_suffix(mapping->name, "/libresidue.so");
}

static void count_mapping(struct drawing *d, size_t at, struct content *content) {
    const struct rsd_resident *mapping = &d->smaps->list[at];
    uint64_t *row = d->ledger->row;
    d->ledger->rss_bytes += mapping->bytes;
    if (is_tracer(mapping) && !content->piece_count)
        row[RSD_LEDGER_TRACER] += mapping->bytes;
    else if (strncmp(mapping->name, "[stack", 6) == 0)
        row[RSD_LEDGER_STACKS] += mapping->bytes;
    else if (!mapping->name[0] || strcmp(mapping->name, "[heap]") == 0 || strncmp(mapping->name, "[anon", 5) == 0)
        count_anonymous(d, at, content);
    else if (mapping->name[0] == '/' && !(mapping->prot & 256))
        row[RSD_LEDGER_FILES] += mapping->bytes;
    else if (mapping->prot & 256)
        row[RSD_LEDGER_SHARED] += mapping->bytes;
    else
        row[RSD_LEDGER_OTHER] += mapping->bytes;
}

static int by_resident(const void *first, const void *second) {
    const struct rsd_owner *a = first, *b = second;
    return a->resident != b->resident ? (a->resident > b->resident ? -1 : 1) : a->binary < b->binary ? -1 : 1;
}

void rsd_ledger_make(struct rsd_ledger *ledger, const struct rsd_smaps *smaps, const struct rsd_pairing *pairing,
                     const struct rsd_trace *trace, const struct rsd_history *history) {
    *ledger = (struct rsd_ledger){.time = smaps->time};
    struct drawing drawing = {ledger, smaps, pairing, trace, history};
    struct walk walk = {.smaps = smaps, .content = rsd_zalloc(smaps->count, sizeof *walk.content)};
    rsd_live_each(&pairing->live, visit_block, &walk);
    rsd_maps_each(&pairing->maps, visit_range, &walk);
    for (size_t i = 0; i < smaps->count; i++) {
        count_mapping(&drawing, i, &walk.content[i]);
        free(walk.content[i].pieces);
    }
    free(walk.content);
    if (ledger->owner_count)
        qsort(ledger->owners, ledger->owner_count, sizeof *ledger->owners, by_resident);
}

void rsd_ledger_free(struct rsd_ledger *ledger) {
    free(ledger->owners);
    *ledger = (struct rsd_ledger){0};
}
