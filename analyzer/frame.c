/*
 * Frames: the sealed segments of a log.
 *
 * Everything that a file claims about sizes is checked here before it is believed: a frame's content is at most
 * RSD_MAX_CONTENT, its header carries a checksum and its zstd frame another, and the number of records must fit the
 * bytes. Behind this file a frame is rows in memory, whatever its encoding was.
 *
 * Planes are the hot half of reading: three words of eight byte planes per allocation. Sixteen records are taken at a
 * time: eight loads of sixteen bytes are the eight planes of one word, three rounds of byte interleaving turn them
 * into sixteen words, and a running sum undoes the differences. The vectors are GCC's and clang's generic ones, so
 * the same text serves arm64.
 */
#include "frame.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "memory.h"
#include "residue/planes.h"
#include "residue/sums.h"
#include "residue/trie.h"

struct rsd_unpacker {
    ZSTD_DCtx *zstd;
    uint8_t *content; /* before it is turned into rows */
    size_t capacity;
    uint8_t *packed; /* as it stands in the log */
    size_t packed_capacity;
};

struct rsd_unpacker *rsd_unpacker_new(void) {
    struct rsd_unpacker *unpacker = rsd_zalloc(1, sizeof *unpacker);
    unpacker->zstd = ZSTD_createDCtx();
    if (!unpacker->zstd)
        rsd_no_memory();
    return unpacker;
}

void rsd_unpacker_free(struct rsd_unpacker *unpacker) {
    if (!unpacker)
        return;
    ZSTD_freeDCtx(unpacker->zstd);
    free(unpacker->content);
    free(unpacker->packed);
    free(unpacker);
}

size_t rsd_record_size(enum residue_kind kind) {
    static const size_t size[] = {
        [RESIDUE_ALLOC] = sizeof(struct residue_alloc),
        [RESIDUE_FREE] = sizeof(struct residue_free),
        [RESIDUE_LARGE] = sizeof(struct residue_large),
        [RESIDUE_NODE] = sizeof(struct residue_node),
        [RESIDUE_OTHER] = 0,
    };
    return size[kind];
}

/* 2.3: which encoding is for which kind. */
static bool encoding_fits(uint8_t encoding, uint8_t kind) {
    switch (encoding) {
    case RESIDUE_ROWS:
        return true;
    case RESIDUE_PLANES:
        return kind != RESIDUE_OTHER;
    case RESIDUE_FIELDS:
        return kind != RESIDUE_OTHER && kind != RESIDUE_NODE;
    case RESIDUE_KIN:
    case RESIDUE_TRIE:
        return kind == RESIDUE_NODE;
    case RESIDUE_SUMS:
        return kind == RESIDUE_OTHER;
    default:
        return false;
    }
}

/* 2.2: "FNV-1a (64 bit) of the bytes 0 to 55". */
const char *rsd_frame_check(const struct residue_frame_header *h) {
    if (h->skip_magic != RESIDUE_SKIP_FRAME || h->skip_size != RESIDUE_HEADER_SIZE - 8)
        return "no frame header";
    if (h->checksum != residue_fnv1a(h, offsetof(struct residue_frame_header, checksum)))
        return "frame header with a wrong checksum";
    if (h->kind >= RESIDUE_KINDS || !encoding_fits(h->encoding, h->kind))
        return "frame of an unknown kind or encoding";
    if (h->raw_size > RSD_MAX_CONTENT || h->packed_size > ZSTD_compressBound(RSD_MAX_CONTENT))
        return "frame of an impossible size";
    size_t size = rsd_record_size((enum residue_kind)h->kind);
    if (size && (uint64_t)size * h->records != h->raw_size)
        return "frame whose size does not fit its records";
    if (h->last < h->first)
        return "frame that ends before it begins";
    return NULL;
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

#define LOW(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)

/* Sixteen words from eight planes that are `stride` bytes apart. */
static inline void gather16(const uint8_t *planes, size_t stride, uint64_t word[16]) {
    bytes16 p[8], pair[8], quad[8], out[8];
    for (int i = 0; i < 8; i++)
        memcpy(&p[i], planes + (size_t)i * stride, sizeof p[i]);
    for (int i = 0; i < 4; i++) { /* planes i and i + 4: bytes 0,4 then 1,5 ... so that three rounds give order */
        pair[2 * i] = LOW(p[i], p[i + 4]);
        pair[2 * i + 1] = HIGH(p[i], p[i + 4]);
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 2; i++) {
            quad[4 * half + 2 * i] = LOW(pair[2 * i + half], pair[2 * (i + 2) + half]);
            quad[4 * half + 2 * i + 1] = HIGH(pair[2 * i + half], pair[2 * (i + 2) + half]);
        }
    for (int part = 0; part < 4; part++) {
        int at = 4 * (part / 2) + part % 2;
        out[2 * part] = LOW(quad[at], quad[at + 2]);
        out[2 * part + 1] = HIGH(quad[at], quad[at + 2]);
    }
    memcpy(word, out, sizeof out);
}

/* Sixteen records further: each word is what `step` makes of the one before and of what stands for it. */
static inline void planes_to_word(const uint8_t *from, uint8_t *to, size_t size, size_t count,
                                  uint64_t (*step)(uint64_t before, uint64_t difference)) {
    uint64_t value = 0, word[16];
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        gather16(from + i, count, word);
        for (int k = 0; k < 16; k++, to += size) {
            value = step(value, word[k]);
            memcpy(to, &value, sizeof value);
        }
    }
    for (; i < count; i++, to += size) {
        value = step(value, residue_get_planes(from + i, 8, count));
        memcpy(to, &value, sizeof value);
    }
}

static inline uint64_t plain(uint64_t before, uint64_t difference) {
    return before + difference;
}

static inline uint64_t zigzag(uint64_t before, uint64_t difference) {
    return before + residue_unzigzag(difference);
}

static inline uint64_t zigzag_halves(uint64_t before, uint64_t difference) {
    uint32_t high = (uint32_t)(before >> 32) + residue_unzigzag32((uint32_t)(difference >> 32));
    return (uint64_t)high << 32 | (uint32_t)((uint32_t)before + residue_unzigzag32((uint32_t)difference));
}

/* 2.3: "each word is replaced by its difference (modulo 2^64) to the same word of the record before, the first
 * record's to 0; then come, for each word of the record and for each byte of that word from the lowest, the bytes of
 * all records". */
void rsd_planes_to_rows(const uint8_t *planes, uint8_t *rows, size_t size, size_t count) {
    for (size_t w = 0; w < size / 8; w++)
        planes_to_word(planes + w * 8 * count, rows + w * 8, size, count, plain);
}

/* 2.3: "Each field of a record is replaced by its difference to the same field of the record before, in zigzag". */
void rsd_fields_to_rows(const uint8_t *planes, uint8_t *rows, enum residue_kind kind, size_t count) {
    size_t size = rsd_record_size(kind);
    for (size_t w = 0; w < size / 8; w++)
        if (w == residue_halved_word(kind))
            planes_to_word(planes + w * 8 * count, rows + w * 8, size, count, zigzag_halves);
        else
            planes_to_word(planes + w * 8 * count, rows + w * 8, size, count, zigzag);
}

/* 2.3: "pc, owner and the last word are replaced by their differences to those of the kin, and the parent by
 * id - 1 - parent". */
void rsd_kin_to_rows(const uint8_t *planes, uint8_t *rows, size_t count, uint64_t first) {
    uint16_t last[RESIDUE_KIN_SLOTS] = {0};
    for (size_t i = 0; i < count; i++) {
        struct residue_node node, kin = {.pc = 0};
        uint64_t word[3], like[3];
        for (size_t w = 0; w < 3; w++)
            word[w] = residue_get_planes(planes + 8 * w * count + i, 8, count);
        memcpy(&node, word, sizeof node);
        node.parent = (uint32_t)(first + i - 1) - node.parent;
        int64_t at = residue_kin_of(rows, (uint32_t)i, node.parent, first, last);
        if (at >= 0)
            memcpy(&kin, rows + (size_t)at * sizeof kin, sizeof kin);
        node.owner += kin.owner;
        memcpy(word, &node, sizeof word);
        memcpy(like, &kin, sizeof like);
        word[0] += like[0];
        word[2] += like[2];
        memcpy(rows + i * sizeof node, word, sizeof node);
    }
}

/* The streams of a frame of nodes. */
struct trie_content {
    const uint8_t *rise, *likeness, *parent, *distance, *unmet;
    size_t parents, distances, unmets;
};

static size_t count_bytes(const uint8_t *bytes, size_t count, uint8_t which) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += bytes[i] == which;
    return found;
}

/* False: it is not as long as its first two streams say. */
static bool find_streams(struct trie_content *t, const uint8_t *content, size_t size, size_t count) {
    if (size < 2 * count)
        return false;
    t->rise = content;
    t->likeness = content + count;
    t->parents = count_bytes(t->rise, count, RESIDUE_TRIE_FAR);
    t->distances = count_bytes(t->likeness, count, RESIDUE_MET);
    t->unmets = count_bytes(t->likeness, count, RESIDUE_UNMET);
    t->parent = t->likeness + count;
    t->distance = t->parent + 4 * t->parents;
    t->unmet = t->distance + 2 * t->distances;
    return size == 2 * count + 4 * t->parents + 2 * t->distances + 16 * t->unmets;
}

/* 2.3: "the parent is so many steps up from the node before", or far. */
static bool find_parent(struct trie_content *t, const struct residue_trie_state *state, uint32_t i, uint32_t *parent) {
    *parent = state->first + i - 1;
    if (t->rise[i] == RESIDUE_TRIE_FAR) {
        *parent = state->first + i - (uint32_t)residue_get_planes(t->parent++, 4, t->parents);
        return true;
    }
    for (uint32_t steps = t->rise[i]; steps; steps--)
        if (!residue_trie_rise(state, i, parent))
            return false;
    return true;
}

/* All of the node but its parent. */
static bool find_node(struct trie_content *t, struct residue_trie_state *state, uint32_t i, uint16_t foretold,
                      struct residue_node *node) {
    uint32_t like = i;
    if (t->likeness[i] == RESIDUE_UNMET) {
        uint64_t pc = residue_get_planes(t->unmet, 8, t->unmets);
        uint64_t rest = residue_get_planes(t->unmet + 8 * t->unmets, 8, t->unmets);
        t->unmet++;
        *node = (struct residue_node){.owner = (uint32_t)rest,
                                      .kind = (uint8_t)(rest >> 32),
                                      .source = (uint8_t)(rest >> 40),
                                      .flags = (uint16_t)(rest >> 48)};
        uint64_t *base = residue_trie_base(state, node);
        node->pc = base ? *base + residue_unzigzag(pc) : pc;
        if (base)
            *base = node->pc;
        return true;
    }
    if (t->likeness[i] == RESIDUE_MET)
        like = i - (uint32_t)residue_get_planes(t->distance++, 2, t->distances);
    else if (t->likeness[i] == RESIDUE_FORETOLD)
        like = foretold - 1u;
    if (like >= i)
        return false;
    *node = residue_trie_node(state, like);
    return true;
}

/* 2.3, trie. False: it makes no sense. */
bool rsd_trie_to_rows(const uint8_t *content, size_t size, uint8_t *rows, size_t count, uint64_t first) {
    struct residue_trie_state state = {.rows = rows, .first = (uint32_t)first};
    struct trie_content streams;
    if (!find_streams(&streams, content, size, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct residue_node node;
        uint32_t parent;
        if (!find_parent(&streams, &state, i, &parent))
            return false;
        uint16_t *foretold = residue_trie_foretell(&state, i, parent);
        if (!find_node(&streams, &state, i, *foretold, &node))
            return false;
        node.parent = parent;
        *foretold = (uint16_t)(i + 1);
        memcpy(rows + (size_t)i * sizeof node, &node, sizeof node);
    }
    return true;
}

/* A run of sums. */
static void run_to_rows(const struct residue_run *run, const uint8_t *planes, uint8_t *rows) {
    size_t count = run->count;
    uint32_t node = 0;
    for (size_t i = 0; i < count; i++, rows += sizeof(struct residue_counts)) {
        node += residue_unzigzag32((uint32_t)residue_get_planes(planes + i, 4, count));
        uint64_t calls = residue_get_planes(planes + 4 * count + i, 4, count);
        uint64_t each = residue_get_planes(planes + 8 * count + i, 4, count);
        uint64_t rest = residue_get_planes(planes + 12 * count + i, 4, count);
        residue_row_of_sum(rows, run, &(struct residue_sum){node, calls, calls * each + rest});
    }
}

/* 2.3, sums. False: it is not `rows_size` bytes of rows. */
bool rsd_sums_to_rows(const uint8_t *content, size_t size, uint8_t *rows, size_t rows_size) {
    while (size) {
        struct residue_run run;
        if (size < sizeof run)
            return false;
        memcpy(&run, content, sizeof run);
        content += sizeof run;
        size -= sizeof run;
        size_t packed = (size_t)run.count * (run.tag ? RESIDUE_SUMS_SIZE : 1);
        size_t unpacked = (size_t)run.count * (run.tag ? sizeof(struct residue_counts) : 1);
        if (packed > size || unpacked > rows_size ||
            (run.tag && run.tag != RESIDUE_TAG_COUNTS && run.tag != RESIDUE_TAG_LATE))
            return false;
        if (run.tag)
            run_to_rows(&run, content, rows);
        else
            memcpy(rows, content, packed);
        content += packed;
        size -= packed;
        rows += unpacked;
        rows_size -= unpacked;
    }
    return rows_size == 0;
}

/* 2.2: "size of the records in rows"; their content is at most as long. */
static bool content_to_rows(const struct rsd_frame *frame, const uint8_t *content, size_t size, uint8_t *rows) {
    enum residue_kind kind = (enum residue_kind)frame->kind;
    switch (frame->encoding) {
    case RESIDUE_TRIE:
        return rsd_trie_to_rows(content, size, rows, frame->records, frame->first);
    case RESIDUE_SUMS:
        return rsd_sums_to_rows(content, size, rows, frame->raw_size);
    }
    if (size != frame->raw_size)
        return false;
    if (frame->encoding == RESIDUE_KIN)
        rsd_kin_to_rows(content, rows, frame->records, frame->first);
    else if (frame->encoding == RESIDUE_FIELDS)
        rsd_fields_to_rows(content, rows, kind, frame->records);
    else if (frame->encoding == RESIDUE_PLANES)
        rsd_planes_to_rows(content, rows, rsd_record_size(kind), frame->records);
    return true;
}

const char *rsd_frame_unpack(struct rsd_unpacker *unpacker, const struct rsd_frame *frame, const void *packed,
                             uint8_t *rows) {
    bool encoded = frame->encoding != RESIDUE_ROWS;
    if (encoded && frame->raw_size > unpacker->capacity) {
        unpacker->capacity = frame->raw_size;
        unpacker->content = rsd_realloc(unpacker->content, unpacker->capacity);
    }
    uint8_t *to = encoded ? unpacker->content : rows;
    size_t size = ZSTD_decompressDCtx(unpacker->zstd, to, frame->raw_size, packed, frame->packed_size);
    if (ZSTD_isError(size))
        return ZSTD_getErrorName(size);
    return content_to_rows(frame, to, size, rows) ? NULL : "content that is not what its header says";
}

/* 5: "u16 size of the whole record, a multiple of 8, at least 16". */
static size_t tagged_at(const uint8_t *at, size_t left) {
    struct residue_tagged head;
    if (left < sizeof head)
        return 0;
    memcpy(&head, at, sizeof head);
    return head.size >= sizeof head && head.size % 8 == 0 && head.size <= left ? head.size : 0;
}

size_t rsd_record_at(enum residue_kind kind, const uint8_t *at, const uint8_t *end) {
    size_t left = (size_t)(end - at), size = rsd_record_size(kind);
    if (!size)
        return tagged_at(at, left);
    return size <= left ? size : 0;
}

/* 2.2: "The reader checks this: a record that goes back in time is an error of that frame, and the records before it
 * count." */
size_t rsd_rows_check(enum residue_kind kind, const uint8_t *rows, size_t size, uint64_t floor, const char **why) {
    const uint8_t *at = rows, *end = rows + size;
    while (at < end) {
        size_t record = rsd_record_at(kind, at, end);
        if (!record) {
            *why = "a record of an impossible size";
            break;
        }
        uint64_t time = rsd_time_at(kind, at);
        if (time < floor) {
            *why = "a record goes back in time";
            break;
        }
        floor = time;
        at += record;
    }
    return (size_t)(at - rows);
}

/* ---- From the file ----------------------------------------------------------------------------------------------- */

static bool read_packed(struct rsd_unpacker *unpacker, int log, const struct rsd_frame *frame) {
    if (frame->packed_size > unpacker->packed_capacity) {
        unpacker->packed_capacity = frame->packed_size;
        unpacker->packed = rsd_realloc(unpacker->packed, unpacker->packed_capacity);
    }
    for (size_t got = 0; got < frame->packed_size;) {
        ssize_t n = pread(log, unpacker->packed + got, frame->packed_size - got,
                          (off_t)(frame->offset + RESIDUE_HEADER_SIZE + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

size_t rsd_frame_fetch(struct rsd_unpacker *unpacker, int log, const struct rsd_frame *frame, uint8_t *rows,
                       const char **why) {
    enum residue_kind kind = (enum residue_kind)frame->kind;
    *why = "cannot be read";
    if (!read_packed(unpacker, log, frame) || (*why = rsd_frame_unpack(unpacker, frame, unpacker->packed, rows)))
        return 0;
    size_t good = rsd_rows_check(kind, rows, frame->raw_size, kind == RESIDUE_NODE ? 0 : frame->first, why);
    if (kind == RESIDUE_NODE || !good || rsd_time_at(kind, rows) == frame->first)
        return good;
    *why = "its header has another time";
    return 0;
}
