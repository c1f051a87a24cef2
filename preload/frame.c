/*
 * Frames: the records of a full segment, compressed.
 *
 *     frame = header + zstd(encoding(records))          FORMAT.md 2.3
 *
 * Each plane of fields is a block of its own: what stands in one has nothing in common with the next, and a block has one code
 * for all its bytes. It saves a seventh.
 *
 * What compresses is a context and its two buffers, shared by all threads: claimed by compare-and-swap from a pool, made
 * when those that are there are taken, up to POOL_SIZE, and never given back to the system. Nothing here touches a file.
 */
#define ZSTD_STATIC_LINKING_ONLY
#include "frame.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <zstd.h>

#include "residue/planes.h"
#include "residue/sums.h"
#include "residue/trie.h"
#include "sys.h"

#define LEVEL 1

/* zstd looks for these two in the whole process, for programs that trace their own use of it: they would be called from
 * inside our hooks. */
unsigned long long ZSTD_trace_compress_begin(const ZSTD_CCtx *context);
void ZSTD_trace_compress_end(unsigned long long trace, const void *what);

unsigned long long ZSTD_trace_compress_begin(const ZSTD_CCtx *context) {
    (void)context;
    return 0;
}

void ZSTD_trace_compress_end(unsigned long long trace, const void *what) {
    (void)trace, (void)what;
}

#define POOL_SIZE 64u

struct rsd_compressor {
    _Atomic bool taken;
    ZSTD_CCtx *context;     /* the start of the mapping that holds all three */
    unsigned char *content; /* encoded */
    unsigned char *frame;
    size_t frame_size;
};

static struct rsd_compressor pool[POOL_SIZE];

static size_t context_size(void) {
    ZSTD_compressionParameters parameters = ZSTD_getCParams(LEVEL, RSD_SEGMENT_MOST, 0);
    return (ZSTD_estimateCStreamSize_usingCParams(parameters) + 4095) & ~(size_t)4095;
}

static size_t frame_size(void) {
    return RESIDUE_HEADER_SIZE + ZSTD_compressBound(RSD_SEGMENT_MOST);
}

static size_t compressor_size(void) {
    return context_size() + RSD_SEGMENT_MOST + frame_size();
}

static bool set(struct rsd_compressor *c, ZSTD_cParameter parameter, int value) {
    return !ZSTD_isError(ZSTD_CCtx_setParameter(c->context, parameter, value));
}

/* The context and its two buffers in one mapping, so that making one can fail in one place only. */
static bool make_compressor(struct rsd_compressor *c) {
    unsigned char *memory = rsd_sys_memory(compressor_size());
    if (!memory)
        return false;
    c->context = ZSTD_initStaticCCtx(memory, context_size());
    c->content = memory + context_size();
    c->frame = c->content + RSD_SEGMENT_MOST;
    c->frame_size = frame_size();
    return c->context && set(c, ZSTD_c_compressionLevel, LEVEL) && set(c, ZSTD_c_checksumFlag, 1) &&
           set(c, ZSTD_c_contentSizeFlag, 1) && set(c, ZSTD_c_stableInBuffer, 1) && set(c, ZSTD_c_stableOutBuffer, 1);
}

struct rsd_compressor *rsd_compressor_take(long *error) {
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        bool free_now = false;
        if (!atomic_compare_exchange_strong_explicit(&pool[i].taken, &free_now, true, memory_order_acquire,
                                                     memory_order_relaxed))
            continue;
        if (pool[i].context || make_compressor(&pool[i]))
            return &pool[i];
        atomic_store_explicit(&pool[i].taken, false, memory_order_release);
        *error = -ENOMEM;
        return NULL;
    }
    *error = -EBUSY;
    return NULL;
}

void rsd_compressor_give(struct rsd_compressor *c) {
    atomic_store_explicit(&c->taken, false, memory_order_release);
}

/* A context that was taken is a thread's that is not there, and half way through a frame. */
void rsd_compressors_after_fork(void) {
    for (unsigned i = 0; i < POOL_SIZE; i++) {
        if (!atomic_load(&pool[i].taken))
            continue;
        if (pool[i].context)
            rsd_sys_unmap(pool[i].context, compressor_size());
        pool[i].context = NULL;
        rsd_compressor_give(&pool[i]);
    }
}

/* ---- frames ---- */

static const uint32_t record_size[RESIDUE_KINDS] = {
    [RESIDUE_ALLOC] = sizeof(struct residue_alloc),
    [RESIDUE_FREE] = sizeof(struct residue_free),
    [RESIDUE_LARGE] = sizeof(struct residue_large),
    [RESIDUE_NODE] = sizeof(struct residue_node),
    [RESIDUE_OTHER] = 0, /* of any size */
};

/* Time of the first and the last record; ids for nodes. */
static void find_range(const struct rsd_content *content, enum residue_kind kind, uint64_t *first, uint64_t *last) {
    if (kind == RESIDUE_NODE) {
        *first = content->first_node;
        *last = content->last_node;
        return;
    }
    if (kind != RESIDUE_OTHER) {
        memcpy(first, content->bytes, 8);
        memcpy(last, content->bytes + content->used - record_size[kind], 8);
        return;
    }
    const struct residue_tagged *record = (const void *)content->bytes;
    *first = record->time;
    for (uint32_t at = 0; at < content->used; at += record->size) {
        record = (const void *)(content->bytes + at);
        *last = record->time;
    }
}

_Static_assert(sizeof(struct residue_trie_state) < RSD_SEGMENT_MOST, "it fits in the room of the frame");

/* The content that the frame will have, in the room that the compressor has for it, or as it is. The room of the frame is not
 * in use yet. Returns its size; *part is that of the pieces that have a block each. */
static size_t encode(struct rsd_compressor *c, enum residue_kind kind, const struct rsd_content *content,
                     struct residue_frame_header *header, const unsigned char **bytes, size_t *part) {
    size_t size = content->used;
    *bytes = c->content;
    if (kind == RESIDUE_NODE) {
        struct residue_trie_state *state = (void *)c->frame;
        memset(state, 0, sizeof *state);
        header->encoding = RESIDUE_TRIE;
        return *part = residue_to_trie(c->content, content->bytes, content->records, header->first, state);
    }
    if (kind != RESIDUE_OTHER) {
        header->encoding = RESIDUE_FIELDS;
        residue_to_fields(c->content, content->bytes, content->records, record_size[kind], kind);
        *part = content->records;
        return size;
    }
    header->encoding = RESIDUE_SUMS;
    if ((*part = residue_to_sums(c->content, content->bytes, content->used)))
        return *part;
    header->encoding = RESIDUE_ROWS;
    *bytes = content->bytes;
    return *part = size;
}

/* The zstd frame behind the header's place; its size, or 0. */
static size_t compress(struct rsd_compressor *c, const unsigned char *bytes, size_t size, size_t part) {
    ZSTD_inBuffer in = {bytes, 0, 0};
    ZSTD_outBuffer out = {c->frame + RESIDUE_HEADER_SIZE, c->frame_size - RESIDUE_HEADER_SIZE, 0};
    ZSTD_CCtx_reset(c->context, ZSTD_reset_session_only);
    ZSTD_CCtx_setPledgedSrcSize(c->context, size);
    size_t left = 0;
    while (in.size < size && left == 0) {
        in.size = size - in.size > part ? in.size + part : size;
        left = ZSTD_compressStream2(c->context, &out, &in, in.size < size ? ZSTD_e_flush : ZSTD_e_end);
    }
    return left ? 0 : out.pos;
}

size_t rsd_frame_build(struct rsd_compressor *c, enum residue_kind kind, const struct rsd_content *content,
                       const unsigned char **frame) {
    const unsigned char *bytes;
    size_t part;
    struct residue_frame_header header = {
        .skip_magic = RESIDUE_SKIP_FRAME,
        .skip_size = RESIDUE_HEADER_SIZE - 8,
        .kind = (uint8_t)kind,
        .sequence = content->sequence,
        .raw_size = content->used,
        .records = content->records,
    };
    find_range(content, kind, &header.first, &header.last);
    size_t size = encode(c, kind, content, &header, &bytes, &part);
    size_t packed = compress(c, bytes, size, part);
    if (packed == 0)
        return 0;
    header.packed_size = (uint32_t)packed;
    header.checksum = residue_fnv1a(&header, offsetof(struct residue_frame_header, checksum));
    memcpy(c->frame, &header, sizeof header);
    *frame = c->frame;
    return RESIDUE_HEADER_SIZE + packed;
}
