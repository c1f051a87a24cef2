/*
 * Frames and records by themselves: faster than through files, and without zstd in the way.
 */
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "fuzz.h"
#include "tagged.h"
#include "trace_writer.h"

/* What rsd_rows_check lets through is what it promises: whole records, in order. */
static void check_rows(enum residue_kind kind, const uint8_t *rows, size_t size, uint64_t floor) {
    const char *why = NULL;
    size_t good = rsd_rows_check(kind, rows, size, floor, &why);
    FUZZ_MUST(good <= size && (good == size) == !why);
    for (const uint8_t *at = rows; at < rows + good;) {
        size_t step = rsd_record_at(kind, at, rows + good);
        FUZZ_MUST(step && (kind == RESIDUE_NODE || rsd_time_at(kind, at) >= floor));
        floor = rsd_time_at(kind, at);
        at += step;
    }
}

static void check_planes(enum residue_kind kind, const uint8_t *content, size_t size) {
    size_t record = rsd_record_size(kind), count = record ? size / record : 0;
    if (!count)
        return;
    uint8_t *rows = malloc(count * record), *again = malloc(count * record);
    rsd_planes_to_rows(content, rows, record, count);
    made_planes(rows, again, record, count);
    FUZZ_MUST(memcmp(content, again, count * record) == 0);
    check_rows(kind, rows, count * record, 0);
    free(rows);
    free(again);
}

/* Streams that no zstd frame and no header vouches for. */
static void check_streams(const uint8_t *content, size_t size, uint32_t count) {
    struct residue_node *nodes = malloc(count * sizeof *nodes + 1);
    uint8_t *rows = malloc(3 * size + 1);
    rsd_trie_to_rows(content, size, (uint8_t *)nodes, count, 1);
    rsd_sums_to_rows(content, size, rows, 3 * size);
    free(nodes);
    free(rows);
}

void fuzz_frame(const uint8_t *data, size_t size) {
    struct residue_frame_header h;
    if (size < sizeof h)
        return;
    memcpy(&h, data, sizeof h);
    const uint8_t *content = data + sizeof h;
    size -= sizeof h;
    h.checksum = residue_fnv1a(&h, offsetof(struct residue_frame_header, checksum));
    if (!rsd_frame_check(&h) && h.records && h.raw_size <= 1 << 20 && h.packed_size <= size) {
        struct rsd_frame frame = {.first = h.first,
                                  .raw_size = h.raw_size,
                                  .packed_size = h.packed_size,
                                  .records = h.records,
                                  .kind = h.kind,
                                  .encoding = h.encoding};
        struct rsd_unpacker *unpacker = rsd_unpacker_new();
        uint8_t *rows = malloc(h.raw_size + 1);
        if (!rsd_frame_unpack(unpacker, &frame, content, rows))
            check_rows((enum residue_kind)h.kind, rows, h.raw_size, h.first);
        free(rows);
        rsd_unpacker_free(unpacker);
    }
    check_rows((enum residue_kind)(h.kind % RESIDUE_KINDS), content, size, h.first);
    check_planes((enum residue_kind)(h.kind % RESIDUE_KINDS), content, size);
    check_streams(content, size, h.records % 4096);
}

void fuzz_tagged(const uint8_t *data, size_t size) {
    for (size_t at = 0, step; (step = rsd_record_at(RESIDUE_OTHER, data + at, data + size)); at += step) {
        struct rsd_tagged r;
        if (rsd_tagged_parse(&r, data + at, step) != RSD_TAGGED_OK)
            continue;
        const uint8_t *end = data + at + step;
        FUZZ_MUST((const uint8_t *)r.first.bytes + r.first.size <= end);
        FUZZ_MUST((const uint8_t *)r.second.bytes + r.second.size <= end);
        FUZZ_MUST(rsd_tag_name(r.tag));
    }
}
