/*
 * Bundles: see bundle.h.
 *
 * A mutation of a compressed and checksummed log is nearly always a frame that is skipped, so frames can also be given as
 * rows: they are sealed here, with right sizes, checksums and times, and what is mutated are records. Planes are made
 * by the tests' own writer.
 *
 * At most MOST_RAW bytes of rows count in one bundle, and MOST_FILE of a live file: what a trace of that size costs is
 * known, and the fuzzer shall not spend its time on it.
 */
#include "bundle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "fuzz.h"
#include "read.h"
#include "trace_writer.h"

#define WRITERS 16
#define HEAD 4
#define MOST_RAW (1u << 18)
#define TRACE_ID UINT64_C(0x1122334455667788)

/* ---- In ---------------------------------------------------------------------------------------------------------- */

static const char *name_of(unsigned writer, const char *ending) {
    static char name[32];
    if (writer)
        snprintf(name, sizeof name, "t%u.%s", writer, ending);
    else
        snprintf(name, sizeof name, "process.%s", ending);
    return name;
}

struct bundle {
    uint32_t sequence[WRITERS][RESIDUE_KINDS];
    uint64_t nodes[WRITERS];
    bool begun[WRITERS];
    size_t raw;
};

static void begin_log(struct bundle *bundle, unsigned writer) {
    if (bundle->begun[writer])
        return;
    bundle->begun[writer] = true;
    struct residue_file_header h = {.skip_magic = RESIDUE_SKIP_FILE,
                                    .skip_size = RESIDUE_HEADER_SIZE - 8,
                                    .magic = RESIDUE_FILE_MAGIC,
                                    .major = RESIDUE_FORMAT_MAJOR,
                                    .minor = RESIDUE_FORMAT_MINOR,
                                    .writer = writer,
                                    .trace_id = TRACE_ID};
    fuzz_file(name_of(writer, "log"), &h, sizeof h);
}

static void set_span(struct residue_frame_header *h, const uint8_t *rows, struct bundle *bundle, unsigned writer) {
    enum residue_kind kind = (enum residue_kind)h->kind;
    const uint8_t *end = rows + h->raw_size;
    if (kind == RESIDUE_NODE) {
        h->first = bundle->nodes[writer] + 1;
        bundle->nodes[writer] += h->records;
        h->last = bundle->nodes[writer];
        return;
    }
    for (size_t step; rows < end && (step = rsd_record_at(kind, rows, end)); rows += step) {
        h->last = rsd_time_at(kind, rows);
        if (!h->first)
            h->first = h->last;
    }
    h->last = h->last < h->first ? h->first : h->last;
}

/* What can be in another encoding than rows. */
static bool are_records(const uint8_t *rows, const uint8_t *end) {
    for (size_t step; rows < end && (step = rsd_record_at(RESIDUE_OTHER, rows, end)); rows += step)
        continue;
    return rows == end;
}

/* What it takes to compress: made once, for it is a third of the time. */
static size_t pack(const void *content, size_t size, uint8_t **packed) {
    static ZSTD_CCtx *zstd;
    static uint8_t *room;
    if (!zstd) {
        zstd = ZSTD_createCCtx();
        room = malloc(ZSTD_compressBound(MOST_RAW));
        FUZZ_MUST(zstd && room);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, 1);
    }
    *packed = room;
    size_t got = ZSTD_compress2(zstd, room, ZSTD_compressBound(MOST_RAW), content, size);
    FUZZ_MUST(!ZSTD_isError(got));
    return got;
}

static void seal(struct bundle *bundle, unsigned writer, const uint8_t *data, size_t size) {
    if (size < HEAD)
        return;
    struct residue_frame_header h = {.skip_magic = RESIDUE_SKIP_FRAME,
                                     .skip_size = RESIDUE_HEADER_SIZE - 8,
                                     .kind = data[0] % RESIDUE_KINDS,
                                     .encoding = data[1] % 6};
    size_t record = rsd_record_size((enum residue_kind)h.kind), room = MOST_RAW - bundle->raw;
    const uint8_t *rows = data + HEAD;
    h.raw_size = (uint32_t)(size - HEAD < room ? size - HEAD : room);
    h.records = record ? h.raw_size / (uint32_t)record : 1;
    if (record)
        h.raw_size = h.records * (uint32_t)record;
    bundle->raw += h.raw_size;
    h.sequence = bundle->sequence[writer][h.kind] += 1u + data[2];
    set_span(&h, rows, bundle, writer);
    static uint8_t content[MOST_RAW];
    enum residue_encoding encoding = (enum residue_encoding)h.encoding;
    if (!record && !are_records(rows, rows + h.raw_size))
        encoding = RESIDUE_ROWS;
    size_t content_size = made_content(content, rows, h.raw_size, (enum residue_kind)h.kind, &encoding, h.first);
    h.encoding = (uint8_t)encoding;
    uint8_t *packed;
    h.packed_size = (uint32_t)pack(content, content_size, &packed);
    h.checksum = residue_fnv1a(&h, offsetof(struct residue_frame_header, checksum));
    begin_log(bundle, writer);
    fuzz_file(name_of(writer, "log"), &h, sizeof h);
    fuzz_file(name_of(writer, "log"), packed, h.packed_size);
}

void bundle_unpack(const uint8_t *data, size_t size) {
    struct bundle bundle = {.raw = 0};
    fuzz_folder();
    while (size >= HEAD) {
        unsigned writer = data[0] >> 4;
        size_t part = (size_t)data[1] | (size_t)data[2] << 8 | (size_t)data[3] << 16;
        enum bundle_part what = (enum bundle_part)((data[0] & 15) % BUNDLE_PARTS);
        data += HEAD;
        size -= HEAD;
        if (part > size)
            part = size;
        if (what == BUNDLE_META)
            fuzz_file("meta.json", data, part);
        else if (what == BUNDLE_STATUS)
            fuzz_file("status.json", data, part);
        else if (what == BUNDLE_FRAME)
            seal(&bundle, writer, data, part);
        else
            fuzz_file(name_of(writer, what == BUNDLE_LOG ? "log" : "live"), data, part);
        data += part;
        size -= part;
    }
}

/* ---- Out --------------------------------------------------------------------------------------------------------- */

static uint8_t *read_all(const char *folder, const char *name, size_t *size) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*size + 1);
    FUZZ_MUST(bytes && fread(bytes, 1, *size, file) == *size);
    fclose(file);
    return bytes;
}

static void put_part(FILE *out, enum bundle_part what, unsigned writer, const void *bytes, size_t size) {
    uint8_t head[HEAD] = {(uint8_t)(what | writer << 4), (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16)};
    fwrite(head, 1, sizeof head, out);
    fwrite(bytes, 1, size, out);
}

static void put_frame(FILE *out, unsigned writer, const struct residue_frame_header *h, const uint8_t *packed) {
    struct rsd_frame frame = {.first = h->first,
                              .raw_size = h->raw_size,
                              .packed_size = h->packed_size,
                              .records = h->records,
                              .kind = h->kind,
                              .encoding = h->encoding};
    uint8_t *content = malloc(HEAD + frame.raw_size);
    struct rsd_unpacker *unpacker = rsd_unpacker_new();
    FUZZ_MUST(content && !rsd_frame_unpack(unpacker, &frame, packed, content + HEAD));
    memcpy(content, (uint8_t[HEAD]){h->kind, h->encoding}, HEAD);
    put_part(out, BUNDLE_FRAME, writer, content, HEAD + frame.raw_size);
    rsd_unpacker_free(unpacker);
    free(content);
}

static void put_log(FILE *out, unsigned writer, const uint8_t *bytes, size_t size) {
    struct residue_frame_header h;
    for (size_t at = RESIDUE_HEADER_SIZE; at + sizeof h <= size; at += sizeof h + h.packed_size) {
        memcpy(&h, bytes + at, sizeof h);
        if (rsd_frame_check(&h) || h.packed_size > size - at - sizeof h)
            return;
        put_frame(out, writer, &h, bytes + at + sizeof h);
    }
}

static size_t put_segment(struct residue_segment *segment, const uint8_t *live, size_t size, uint8_t *made, size_t at) {
    uint32_t full = residue_commit_used(segment->commit);
    FUZZ_MUST(segment->offset + full <= size);
    memcpy(made + at, live + segment->offset, full);
    segment->offset = (uint32_t)at;
    segment->capacity = full + 8;
    return at + segment->capacity;
}

/* The entries of a ring that has not come round yet, and room for one more; the bytes that they take up. */
static size_t put_ring(uint8_t *made, struct residue_ring *ring, size_t at, const uint8_t *bytes) {
    size_t full = ring->head * sizeof(struct residue_alloc);
    if (!ring->offset || ring->head >= ring->capacity)
        return 0;
    memcpy(made, bytes + ring->offset, full);
    ring->offset = (uint32_t)at;
    ring->capacity = (uint32_t)ring->head + 1;
    return full + sizeof(struct residue_alloc);
}

/* A live file without its room: segments as long as they are full, one behind the other, then the entries of the rings. */
static void put_live(FILE *out, unsigned writer, const uint8_t *bytes, size_t size) {
    struct residue_live_header h;
    if (size < sizeof h)
        return;
    memcpy(&h, bytes, sizeof h);
    h.trace_id = TRACE_ID;
    uint8_t *made = calloc(1, size + sizeof h);
    size_t used = sizeof h;
    FUZZ_MUST(made);
    for (int kind = 0; kind < RESIDUE_KINDS; kind++) {
        used = put_segment(&h.segment[kind], bytes, size, made, used);
        used = put_segment(&h.second[kind], bytes, size, made, used);
    }
    used += put_ring(made + used, &h.ring, used, bytes);
    used += put_ring(made + used, &h.elders, used, bytes);
    memcpy(made, &h, sizeof h);
    put_part(out, BUNDLE_LIVE, writer, made, used);
    free(made);
}

/* All bundles have one trace id, so that the parts of one fit into another. */
static void set_trace_id(uint8_t *meta) {
    static const char key[] = "\"trace_id\": \"";
    char *at = strstr((char *)meta, key), id[17];
    if (!at || strlen(at) < sizeof key + 16)
        return;
    snprintf(id, sizeof id, "%016" PRIx64, TRACE_ID);
    memcpy(at + sizeof key - 1, id, 16);
}

bool bundle_pack(const char *trace, FILE *out) {
    size_t size;
    uint8_t *bytes = read_all(trace, "meta.json", &size);
    if (!bytes)
        return false;
    bytes[size] = 0;
    set_trace_id(bytes);
    put_part(out, BUNDLE_META, 0, bytes, size);
    free(bytes);
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        if ((bytes = read_all(trace, name_of(writer, "log"), &size)))
            put_log(out, writer, bytes, size);
        free(bytes);
        if ((bytes = read_all(trace, name_of(writer, "live"), &size)))
            put_live(out, writer, bytes, size);
        free(bytes);
    }
    return fflush(out) == 0;
}
