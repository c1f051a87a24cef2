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

struct rsd_unpacker {
    ZSTD_DCtx *zstd;
    uint8_t *planes; /* content before it is turned into rows */
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
    free(unpacker->planes);
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

/* 2.2: "FNV-1a (64 bit) of the bytes 0 to 55". */
const char *rsd_frame_check(const struct residue_frame_header *h) {
    if (h->skip_magic != RESIDUE_SKIP_FRAME || h->skip_size != RESIDUE_HEADER_SIZE - 8)
        return "no frame header";
    if (h->checksum != residue_fnv1a(h, offsetof(struct residue_frame_header, checksum)))
        return "frame header with a wrong checksum";
    if (h->kind >= RESIDUE_KINDS || h->encoding > RESIDUE_KIN ||
        (h->encoding == RESIDUE_KIN && h->kind != RESIDUE_NODE))
        return "frame of an unknown kind or encoding";
    if (h->raw_size > RSD_MAX_CONTENT || h->packed_size > ZSTD_compressBound(RSD_MAX_CONTENT))
        return "frame of an impossible size";
    size_t size = rsd_record_size((enum residue_kind)h->kind);
    if (size ? (uint64_t)size * h->records != h->raw_size : h->encoding != RESIDUE_ROWS)
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

static inline uint64_t gather1(const uint8_t *planes, size_t stride) {
    uint64_t word = 0;
    for (size_t i = 0; i < 8; i++)
        word |= (uint64_t)planes[i * stride] << (8 * i);
    return word;
}

/* 2.3: "each word is replaced by its difference (modulo 2^64) to the same word of the record before, the first
 * record's to 0; then come, for each word of the record and for each byte of that word from the lowest, the bytes of
 * all records". */
void rsd_planes_to_rows(const uint8_t *planes, uint8_t *rows, size_t size, size_t count) {
    for (size_t w = 0; w < size / 8; w++) {
        const uint8_t *from = planes + w * 8 * count;
        uint8_t *to = rows + w * 8;
        uint64_t sum = 0, word[16];
        size_t i = 0;
        for (; i + 16 <= count; i += 16) {
            gather16(from + i, count, word);
            for (int k = 0; k < 16; k++, to += size) {
                sum += word[k];
                memcpy(to, &sum, sizeof sum);
            }
        }
        for (; i < count; i++, to += size) {
            sum += gather1(from + i, count);
            memcpy(to, &sum, sizeof sum);
        }
    }
}

/* 2.3: "pc, owner and the last word are replaced by their differences to those of the kin, and the parent by
 * id - 1 - parent". */
void rsd_kin_to_rows(const uint8_t *planes, uint8_t *rows, size_t count, uint64_t first) {
    uint16_t last[RESIDUE_KIN_SLOTS] = {0};
    for (size_t i = 0; i < count; i++) {
        struct residue_node node, kin = {.pc = 0};
        uint64_t word[3], like[3];
        for (size_t w = 0; w < 3; w++)
            word[w] = gather1(planes + 8 * w * count + i, count);
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

const char *rsd_frame_unpack(struct rsd_unpacker *unpacker, const struct rsd_frame *frame, const void *packed,
                             uint8_t *rows) {
    bool planes = frame->encoding != RESIDUE_ROWS;
    if (planes && frame->raw_size > unpacker->capacity) {
        unpacker->capacity = frame->raw_size;
        unpacker->planes = rsd_realloc(unpacker->planes, unpacker->capacity);
    }
    uint8_t *to = planes ? unpacker->planes : rows;
    size_t size = ZSTD_decompressDCtx(unpacker->zstd, to, frame->raw_size, packed, frame->packed_size);
    if (ZSTD_isError(size))
        return ZSTD_getErrorName(size);
    if (size != frame->raw_size)
        return "content shorter than its header says";
    if (frame->encoding == RESIDUE_KIN)
        rsd_kin_to_rows(to, rows, frame->records, frame->first);
    else if (planes)
        rsd_planes_to_rows(to, rows, rsd_record_size((enum residue_kind)frame->kind), frame->records);
    return NULL;
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
