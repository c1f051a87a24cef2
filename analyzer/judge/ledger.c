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
 * Of what is retained, some lies on pages that nothing outstanding touches: malloc_trim() would give those back, and so would an
 * allocator that returns free pages by itself. The rest lies between blocks that are held, and no setting frees it. An arena
 * beyond the main one lies in heaps that are aligned to 64 MiB; the main one is [heap].
 *
 * V8's mappings carry the stack on which V8 asked for them, so its names tell memory of WebAssembly and of resizable
 * ArrayBuffers (BackingStore) from the heap, and pages for young objects (SemiSpace) from others. V8 pools pages, and what it
 * uses a pooled one for is not seen. No code exists because of tracing: JavaScript is named from V8's own objects.
 *
 * Where samples were taken, what is outstanding is an estimate, and what was not seen would pass for freed: as long as
 * the resident bytes beyond are not RSD_SURE times its standard error, they are a row of their own.
 *
 * A mapping of which only a part is recorded (the kernel joins neighbours) is split by the size of the parts. A block that
 * was never written to is not resident; so what is outstanding counts at most as much as its mapping has resident.
 *
 * What the recorder keeps for itself is marked by it in its samples ("[residue]"); its files are known by their names.
 */
#include "judge/ledger.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "text.h"

#define PAGE 4096u
#define MOST_PAGES (UINT64_C(1) << 24)  /* 64 GiB: a bit a page makes 2 MiB */
#define HEADER 16u                      /* bytes before a block that belong to it */
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

/* ---- What lies in a mapping --------------------------------------------------------------------------------------- */

struct piece { /* of a resident mapping: a range that the program mapped itself */
    uint64_t bytes;
    uint32_t site;
    bool code;
};

struct content {                    /* of one resident mapping */
    uint64_t blocks, asked, chunks; /* outstanding blocks of the malloc family */
    uint64_t *pages;                /* a bit for each that a chunk touches; NULL: none */
    uint64_t touched;               /* bits set */
    struct piece *pieces;
    size_t piece_count, piece_capacity;
};

struct walk {
    const struct rsd_sampling *sampling;
    const struct rsd_smaps *smaps;
    struct content *content; /* by mapping */
    double variance;         /* of what is outstanding */
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

static void touch_pages(struct content *content, uint64_t first, uint64_t end) {
    for (uint64_t at = first; at < end;) {
        uint64_t stop = (at / 64 + 1) * 64 < end ? (at / 64 + 1) * 64 : end;
        uint64_t bits = (UINT64_MAX >> (64 - (stop - at))) << at % 64, *word = &content->pages[at / 64];
        content->touched += (uint64_t)__builtin_popcountll(bits & ~*word);
        *word |= bits;
        at = stop;
    }
}

/* Pages from the chunk's header to its last byte. Of a mapping of more than MOST_PAGES all count as touched. */
static void touch(struct content *content, const struct rsd_resident *mapping, const struct rsd_block *block) {
    uint64_t pages = (mapping->end - mapping->start) / PAGE, start = rsd_block_address(block) - mapping->start;
    uint64_t first = (start < HEADER ? 0 : start - HEADER) / PAGE, end = (start + rsd_block_size(block)) / PAGE + 1;
    if (pages > MOST_PAGES) {
        content->touched = pages;
        return;
    }
    if (!content->pages)
        content->pages = rsd_zalloc(pages / 64 + 1, sizeof *content->pages);
    touch_pages(content, first, end < pages ? end : pages);
}

static void visit_block(void *context, const struct rsd_block *block) {
    struct walk *walk = context;
    size_t at = mapping_at(walk->smaps, rsd_block_address(block));
    if (at == walk->smaps->count || walk->smaps->list[at].start > rsd_block_address(block))
        return;
    touch(&walk->content[at], &walk->smaps->list[at], block);
    struct rsd_weight weight = rsd_weigh(walk->sampling, block);
    walk->variance += weight.bytes_variance;
    walk->content[at].blocks += weight.blocks;
    walk->content[at].asked += weight.bytes;
    walk->content[at].chunks +=
        weight.bytes + weight.blocks * (chunk_of(rsd_block_size(block)) - rsd_block_size(block));
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
    bool unknown; /* recording of blocks was off before: what is not outstanding may still be held */
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

static bool is_main_heap(const struct rsd_resident *mapping) {
    return strcmp(mapping->name, "[heap]") == 0;
}

static bool is_arena(const struct rsd_resident *mapping) {
    return mapping->start % ARENA_SIZE == 0 || is_main_heap(mapping);
}

/* What could be done about what malloc keeps in a mapping. */
static void count_retained(struct rsd_ledger *ledger, const struct rsd_resident *mapping, const struct content *content,
                           uint64_t resident, uint64_t retained) {
    uint64_t touched = content->touched * PAGE, whole = resident > touched ? resident - touched : 0;
    ledger->whole_free += whole < retained ? whole : retained;
    if (!is_arena(mapping))
        return;
    ledger->heaps++;
    if (is_main_heap(mapping))
        return;
    bool most = retained > ledger->largest_further;
    ledger->further += most ? ledger->largest_further : retained;
    ledger->largest_further = most ? retained : ledger->largest_further;
}

static void count_malloc(struct drawing *d, const struct rsd_resident *mapping, const struct content *content,
                         uint64_t resident) {
    struct rsd_ledger *ledger = d->ledger;
    uint64_t held = content->chunks < resident ? content->chunks : resident;
    uint64_t asked = content->chunks ? rsd_whole((double)held * ((double)content->asked / (double)content->chunks)) : 0;
    ledger->row[RSD_LEDGER_NATIVE] += asked;
    ledger->row[RSD_LEDGER_OVERHEAD] += held - asked;
    ledger->row[d->unknown ? RSD_LEDGER_BEFORE : RSD_LEDGER_RETAINED] += resident - held;
    count_retained(ledger, mapping, content, resident, resident - held);
}

static void add_v8(struct rsd_ledger *ledger, uint32_t stack, uint64_t resident) {
    for (size_t i = 0; i < ledger->v8_count; i++)
        if (ledger->v8[i].stack == stack) {
            ledger->v8[i].resident += resident;
            return;
        }
    RSD_ROOM(ledger->v8, ledger->v8_count, ledger->v8_capacity);
    ledger->v8[ledger->v8_count++] = (struct rsd_v8_part){stack, resident};
}

/* What the program mapped itself; returns the resident bytes that this leaves. */
static uint64_t count_pieces(struct drawing *d, const struct rsd_resident *mapping, struct content *content) {
    uint64_t left = mapping->bytes;
    for (size_t i = 0; i < content->piece_count; i++) {
        const struct piece *piece = &content->pieces[i];
        uint32_t stack = d->pairing->mappings.list[piece->site].stack;
        uint32_t binary = rsd_owner_of(d->history, d->pairing->mappings.stacks, stack);
        double part = (double)piece->bytes / (double)(mapping->end - mapping->start);
        uint64_t resident = rsd_whole((double)mapping->bytes * part);
        resident = resident < left ? resident : left;
        if (is_allocator(d, binary))
            continue;
        if (rsd_is_node(d->history, binary)) {
            d->ledger->row[piece->code ? RSD_LEDGER_V8_CODE : RSD_LEDGER_V8] += resident;
            if (!piece->code)
                add_v8(d->ledger, stack, resident);
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

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), wanted = strlen(suffix);
    return length >= wanted && strcmp(text + length - wanted, suffix) == 0;
}

static bool is_tracer(const struct rsd_resident *mapping) {
    return strcmp(mapping->name, "[residue]") == 0 || has_suffix(mapping->name, ".live") ||
           has_suffix(mapping->name, "/libresidue.so");
}

static void count_anonymous(struct drawing *d, size_t at, struct content *content) {
    const struct rsd_resident *mapping = &d->smaps->list[at], *before = at ? mapping - 1 : NULL;
    uint64_t left = count_pieces(d, mapping, content);
    if (content->blocks || is_arena(mapping))
        count_malloc(d, mapping, content, left);
    else if (content->piece_count)
        d->ledger->row[RSD_LEDGER_OTHER] += left;
    else if (before && before->end == mapping->start && before->name[0] == '/')
        d->ledger->row[is_tracer(before) ? RSD_LEDGER_TRACER : RSD_LEDGER_FILES] +=
            left; /* .bss of the one before it */
    else if (mapping->end - mapping->start >= (64 << 10) && mapping->end - mapping->start <= (64 << 20))
        d->ledger->row[RSD_LEDGER_STACKS] += left;
    else
        d->ledger->row[RSD_LEDGER_OTHER] += left;
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

static void doubt_retained(struct rsd_ledger *ledger, const struct rsd_sampling *sampling, double variance) {
    double rate = (double)rsd_sampling_coarsest(sampling, ledger->time);
    if ((double)ledger->row[RSD_LEDGER_RETAINED] >= RSD_SURE * sqrt(variance + rate * rate))
        return;
    ledger->row[RSD_LEDGER_UNSEEN] = ledger->row[RSD_LEDGER_RETAINED];
    ledger->row[RSD_LEDGER_RETAINED] = ledger->whole_free = ledger->further = 0;
}

void rsd_ledger_make(struct rsd_ledger *ledger, const struct rsd_smaps *smaps, const struct rsd_pairing *pairing,
                     const struct rsd_trace *trace, const struct rsd_history *history) {
    *ledger = (struct rsd_ledger){.time = smaps->time};
    struct drawing drawing = {ledger, smaps, pairing, trace, history, rsd_history_switch(history, smaps->time) != NULL};
    struct walk walk = {
        .sampling = &history->sampling, .smaps = smaps, .content = rsd_zalloc(smaps->count, sizeof *walk.content)};
    rsd_live_each(&pairing->live, visit_block, &walk);
    rsd_maps_each(&pairing->maps, visit_range, &walk);
    for (size_t i = 0; i < smaps->count; i++) {
        count_mapping(&drawing, i, &walk.content[i]);
        free(walk.content[i].pieces);
        free(walk.content[i].pages);
    }
    free(walk.content);
    doubt_retained(ledger, &history->sampling, walk.variance);
    if (ledger->owner_count)
        qsort(ledger->owners, ledger->owner_count, sizeof *ledger->owners, by_resident);
}

void rsd_ledger_free(struct rsd_ledger *ledger) {
    free(ledger->owners);
    free(ledger->v8);
    *ledger = (struct rsd_ledger){0};
}

/* ---- V8 ----------------------------------------------------------------------------------------------------------- */

#define FRAMES_OF_V8 16 /* from the leaf: further in is who called V8 */

enum rsd_v8_kind rsd_v8_kind_of(struct rsd_names *names, const struct rsd_stacks *stacks, uint32_t stack) {
    static const struct {
        const char *part;
        enum rsd_v8_kind kind;
    } known[] = {
        {"BackingStore::", RSD_V8_BUFFERS},
        {"SemiSpace", RSD_V8_YOUNG},
        {"NewLargeObjectSpace", RSD_V8_YOUNG},
        {"PagedNewSpace", RSD_V8_YOUNG},
    };
    for (int depth = 0; stack && depth < FRAMES_OF_V8; stack = stacks->nodes[stack].parent, depth++) {
        size_t count;
        const struct rsd_named *frame = rsd_names_frames(names, stack, &count);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (frame->function && strstr(frame->function, known[i].part))
                return known[i].kind;
    }
    return RSD_V8_OLD;
}

void rsd_ledger_name_v8(struct rsd_ledger *ledger, struct rsd_names *names, const struct rsd_stacks *stacks) {
    for (size_t i = 0; i < ledger->v8_count; i++) {
        uint64_t resident = ledger->v8[i].resident;
        enum rsd_v8_kind kind = rsd_v8_kind_of(names, stacks, ledger->v8[i].stack);
        if (kind == RSD_V8_BUFFERS) {
            ledger->row[RSD_LEDGER_V8] -= resident;
            ledger->row[RSD_LEDGER_WASM] += resident;
        } else if (kind == RSD_V8_YOUNG) {
            ledger->v8_young += resident;
        }
    }
    ledger->v8_count = 0;
}
