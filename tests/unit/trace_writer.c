/*
 * A writer of traces for the analyzer's tests.
 *
 * It is slow and plain on purpose: the second reading of FORMAT.md, against which the analyzer is checked before any
 * recorder exists, and the way to make traces that no recorder makes: cut, gapped, repeated, out of order.
 */
#include "trace_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "residue/planes.h"
#include "residue/sums.h"
#include "residue/trie.h"

#define CAPACITY 65536u
#define PID 4711u

static void must(bool ok, const char *what) {
    if (ok)
        return;
    perror(what);
    abort();
}

static char *join(const char *folder, const char *name) {
    char *path;
    must(asprintf(&path, "%s/%s", folder, name) > 0, "asprintf");
    return path;
}

/* ---- Folders and plain files ------------------------------------------------------------------------------------- */

char *made_folder(const char *name) {
    char *folder;
    must(asprintf(&folder, "/tmp/residue-%s-XXXXXX", name) > 0, "asprintf");
    must(mkdtemp(folder) != NULL, folder);
    return folder;
}

void made_remove(char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
    free(folder);
}

void made_file(const char *folder, const char *name, const char *content) {
    char *path = join(folder, name);
    FILE *file = fopen(path, "w");
    must(file && fputs(content, file) >= 0 && fclose(file) == 0, path);
    free(path);
}

void made_meta(const char *folder) {
    made_meta_of(folder, "/srv", "server.js");
}

void made_meta_of(const char *folder, const char *cwd, const char *script) {
    char text[4096];
    snprintf(text, sizeof text,
             "{\"format\": {\"major\": 1, \"minor\": 0}, \"tool\": \"residue 0.1.0\",\n"
             " \"trace_id\": \"1122334455667788\", \"pid\": 4711, \"ppid\": 1, \"start_time\": 1,\n"
             " \"exe\": \"/usr/bin/node\", \"cwd\": \"%s\", \"argv\": [\"node\", \"%s\"],\n"
             " \"started_at\": \"2026-01-31T12:00:00.000Z\",\n"
             " \"clock\": {\"source\": \"monotonic\", \"ticks\": 1, \"monotonic_ns\": 1000000, \"realtime_ns\": 5,\n"
             "  \"ticks_per_second\": 1000},\n"
             " \"libc\": \"glibc 2.36\", \"allocator\": \"libc.so.6\", \"page_size\": 4096, \"options\": {},\n"
             " \"live\": {\"kind\": \"file\", \"directory\": null}}\n",
             cwd, script);
    made_file(folder, "meta.json", text);
}

/* ---- Writers ----------------------------------------------------------------------------------------------------- */

static void write_file_header(const struct made_writer *writer) {
    struct residue_file_header h = {.skip_magic = RESIDUE_SKIP_FILE,
                                    .skip_size = RESIDUE_HEADER_SIZE - 8,
                                    .magic = RESIDUE_FILE_MAGIC,
                                    .major = RESIDUE_FORMAT_MAJOR,
                                    .minor = RESIDUE_FORMAT_MINOR,
                                    .writer = writer->number,
                                    .trace_id = MADE_TRACE_ID,
                                    .pid = PID};
    FILE *file = fopen(writer->log, "w");
    must(file && fwrite(&h, sizeof h, 1, file) == 1 && fclose(file) == 0, writer->log);
}

struct made_writer *made_open(const char *folder, uint32_t number) {
    struct made_writer *writer = calloc(1, sizeof *writer);
    must(writer != NULL, "calloc");
    char name[32];
    snprintf(name, sizeof name, number ? "t%u.log" : "process.log", number);
    writer->log = join(folder, name);
    snprintf(name, sizeof name, number ? "t%u.live" : "process.live", number);
    writer->live = join(folder, name);
    writer->number = number;
    for (int kind = 0; kind < RESIDUE_KINDS; kind++) {
        writer->segment[kind].sequence = 1;
        writer->segment[kind].bytes = malloc(CAPACITY);
        must(writer->segment[kind].bytes != NULL, "malloc");
    }
    writer->segment[RESIDUE_NODE].first_node = 1;
    write_file_header(writer);
    return writer;
}

void made_close(struct made_writer *writer) {
    for (int kind = 0; kind < RESIDUE_KINDS; kind++)
        free(writer->segment[kind].bytes);
    free(writer->ring);
    free(writer->log);
    free(writer->live);
    free(writer);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static void put(struct made_writer *writer, enum residue_kind kind, const void *record, size_t size) {
    struct made_segment *segment = &writer->segment[kind];
    must(segment->used + size <= CAPACITY, "open segment");
    memcpy(segment->bytes + segment->used, record, size);
    segment->used += size;
    segment->records++;
}

void made_alloc(struct made_writer *writer, uint64_t time, uint64_t address, uint32_t size, uint32_t node) {
    struct residue_alloc r = {time, residue_where(address, RESIDUE_API_MALLOC), size, node};
    put(writer, RESIDUE_ALLOC, &r, sizeof r);
}

void made_free_by(struct made_writer *writer, uint64_t time, uint64_t address, enum residue_api api) {
    struct residue_free r = {time, residue_where(address, api)};
    put(writer, RESIDUE_FREE, &r, sizeof r);
}

void made_free(struct made_writer *writer, uint64_t time, uint64_t address) {
    made_free_by(writer, time, address, RESIDUE_API_FREE);
}

void made_large(struct made_writer *writer, uint64_t time, enum residue_api api, uint64_t address, uint64_t size,
                uint32_t node, uint32_t detail) {
    struct residue_large r = {time, residue_where(address, api), size, node, detail};
    put(writer, RESIDUE_LARGE, &r, sizeof r);
}

uint32_t made_node(struct made_writer *writer, enum residue_node_kind kind, uint64_t pc, uint32_t parent,
                   uint32_t owner, enum residue_source source) {
    struct residue_node r = {
        .pc = pc, .parent = parent, .owner = owner, .kind = (uint8_t)kind, .source = (uint8_t)source};
    put(writer, RESIDUE_NODE, &r, sizeof r);
    return (uint32_t)writer->segment[RESIDUE_NODE].first_node + writer->segment[RESIDUE_NODE].records - 1;
}

void made_tagged(struct made_writer *writer, void *fixed, size_t size, const char *first, const char *second) {
    struct residue_tagged *head = fixed;
    uint8_t record[4096] = {0};
    size_t a = first ? strlen(first) : 0, b = second ? strlen(second) : 0, whole = (size + a + b + 7) / 8 * 8;
    must(whole <= sizeof record, "tagged record");
    head->size = (uint16_t)whole;
    memcpy(record, fixed, size);
    if (a)
        memcpy(record + size, first, a);
    if (b)
        memcpy(record + size + a, second, b);
    put(writer, RESIDUE_OTHER, record, whole);
}

void made_module(struct made_writer *writer, uint64_t time, uint32_t id, uint64_t bias, const char *path) {
    struct residue_module r = {.head = {.tag = RESIDUE_TAG_MODULE, .time = time},
                               .id = id,
                               .path_size = (uint16_t)strlen(path),
                               .start = bias,
                               .end = bias + 0x100000,
                               .bias = bias};
    made_tagged(writer, &r, sizeof r, NULL, path);
}

void made_barrier(struct made_writer *writer, uint64_t time, enum residue_barrier_reason reason, const char *name) {
    struct residue_barrier r = {
        .head = {.tag = RESIDUE_TAG_BARRIER, .time = time}, .reason = reason, .name_size = (uint32_t)strlen(name)};
    made_tagged(writer, &r, sizeof r, name, NULL);
}

void made_memory(struct made_writer *writer, uint64_t time, uint64_t rss) {
    struct residue_memory r = {.head = {.tag = RESIDUE_TAG_MEMORY, .time = time},
                               .virtual_bytes = 10 * rss,
                               .rss_bytes = rss,
                               .shared_bytes = rss / 2};
    made_tagged(writer, &r, sizeof r, NULL, NULL);
}

void made_thread(struct made_writer *writer, uint64_t time, uint32_t tid, uint32_t serial, const char *name) {
    struct residue_thread r = {.head = {.tag = RESIDUE_TAG_THREAD, .time = time}, .tid = tid, .serial = serial};
    memcpy(r.name, name, strnlen(name, sizeof r.name));
    made_tagged(writer, &r, sizeof r, NULL, NULL);
}

void made_end(struct made_writer *writer, uint64_t time) {
    struct residue_end_of_process r = {.head = {.tag = RESIDUE_TAG_END, .time = time}};
    made_tagged(writer, &r, sizeof r, NULL, NULL);
}

void made_ring(struct made_writer *writer, size_t capacity) {
    writer->ring = calloc(capacity, sizeof *writer->ring);
    must(writer->ring != NULL, "calloc");
    writer->ring_capacity = capacity;
}

void made_ring_entry(struct made_writer *writer, uint64_t time, uint64_t address, uint32_t size, uint32_t node) {
    writer->ring[writer->ring_head++ % writer->ring_capacity] =
        (struct residue_alloc){time, address ? residue_where(address, RESIDUE_API_MALLOC) : 0, size, node};
}

void made_ring_uncounted(struct made_writer *writer) {
    writer->ring_head--;
}

/* ---- Segments ---------------------------------------------------------------------------------------------------- */

static size_t record_size(enum residue_kind kind) {
    static const size_t size[] = {24, 16, 32, 24, 0};
    return size[kind];
}

void made_planes(const uint8_t *rows, uint8_t *planes, size_t record, size_t count) {
    uint8_t *to = planes;
    for (size_t word = 0; word < record; word += 8)
        for (size_t byte = 0; byte < 8; byte++)
            for (size_t i = 0; i < count; i++) {
                uint64_t now, before = 0;
                memcpy(&now, rows + i * record + word, sizeof now);
                if (i)
                    memcpy(&before, rows + (i - 1) * record + word, sizeof before);
                *to++ = (uint8_t)((now - before) >> (8 * byte));
            }
}

void made_kin(const uint8_t *rows, uint8_t *kin, size_t count, uint64_t first) {
    uint16_t last[RESIDUE_KIN_SLOTS] = {0};
    for (size_t i = 0; i < count; i++) {
        struct residue_node node, like = {.pc = 0};
        uint64_t word[3], other[3];
        memcpy(&node, rows + i * sizeof node, sizeof node);
        int64_t at = residue_kin_of(rows, (uint32_t)i, node.parent, first, last);
        if (at >= 0)
            memcpy(&like, rows + (size_t)at * sizeof like, sizeof like);
        node.parent = (uint32_t)(first + i - 1) - node.parent;
        node.owner -= like.owner;
        memcpy(word, &node, sizeof word);
        memcpy(other, &like, sizeof other);
        word[0] -= other[0];
        word[2] -= other[2];
        for (size_t byte = 0; byte < 24; byte++)
            kin[byte * count + i] = (uint8_t)(word[byte / 8] >> (8 * (byte % 8)));
    }
}

size_t made_content(uint8_t *content, const uint8_t *rows, size_t size, enum residue_kind kind,
                    enum residue_encoding *encoding, uint64_t first) {
    size_t record = record_size(kind), count = record ? size / record : 0;
    struct residue_trie_state state = {.first = 0};
    if (*encoding == RESIDUE_PLANES && record) {
        made_planes(rows, content, record, count);
    } else if (*encoding == RESIDUE_KIN && kind == RESIDUE_NODE) {
        made_kin(rows, content, count, first);
    } else if (*encoding == RESIDUE_FIELDS && record && kind != RESIDUE_NODE) {
        residue_to_fields(content, rows, (uint32_t)count, (uint32_t)record, kind);
    } else if (*encoding == RESIDUE_TRIE && kind == RESIDUE_NODE) {
        return residue_to_trie(content, rows, (uint32_t)count, first, &state);
    } else if (*encoding != RESIDUE_SUMS || record || !residue_to_sums(content, rows, (uint32_t)size)) {
        *encoding = RESIDUE_ROWS;
        memcpy(content, rows, size);
    } else {
        return residue_to_sums(content, rows, (uint32_t)size);
    }
    return size;
}

static uint64_t first_of(enum residue_kind kind, const struct made_segment *segment) {
    uint64_t time;
    if (kind == RESIDUE_NODE)
        return segment->first_node;
    memcpy(&time, segment->bytes + (kind == RESIDUE_OTHER ? 8 : 0), sizeof time);
    return time;
}

static uint64_t last_of(enum residue_kind kind, const struct made_segment *segment) {
    uint64_t time = 0;
    if (kind == RESIDUE_NODE)
        return segment->first_node + segment->records - 1;
    for (size_t at = 0; at < segment->used;) {
        uint16_t size = (uint16_t)record_size(kind);
        if (kind == RESIDUE_OTHER)
            memcpy(&size, segment->bytes + at + 2, sizeof size);
        memcpy(&time, segment->bytes + at + (kind == RESIDUE_OTHER ? 8 : 0), sizeof time);
        at += size;
    }
    return time;
}

void made_append(struct made_writer *writer, enum residue_kind kind, enum residue_encoding encoding) {
    const struct made_segment *segment = &writer->segment[kind];
    uint8_t content[CAPACITY], packed[CAPACITY * 2];
    size_t content_size = made_content(content, segment->bytes, segment->used, kind, &encoding, segment->first_node);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    size_t size = ZSTD_compress2(zstd, packed, sizeof packed, content, content_size);
    ZSTD_freeCCtx(zstd);
    must(!ZSTD_isError(size), "zstd");
    struct residue_frame_header h = {.skip_magic = RESIDUE_SKIP_FRAME,
                                     .skip_size = RESIDUE_HEADER_SIZE - 8,
                                     .kind = (uint8_t)kind,
                                     .encoding = (uint8_t)encoding,
                                     .sequence = segment->sequence,
                                     .raw_size = (uint32_t)segment->used,
                                     .packed_size = (uint32_t)size,
                                     .first = first_of(kind, segment),
                                     .last = last_of(kind, segment),
                                     .records = segment->records};
    h.checksum = residue_fnv1a(&h, offsetof(struct residue_frame_header, checksum));
    FILE *file = fopen(writer->log, "a");
    must(file && fwrite(&h, sizeof h, 1, file) == 1 && fwrite(packed, 1, size, file) == size && fclose(file) == 0,
         writer->log);
}

void made_lose(struct made_writer *writer, enum residue_kind kind) {
    struct made_segment *segment = &writer->segment[kind];
    segment->first_node += segment->records;
    segment->used = 0;
    segment->records = 0;
    segment->sequence++;
}

void made_seal(struct made_writer *writer, enum residue_kind kind, enum residue_encoding encoding) {
    made_append(writer, kind, encoding);
    made_lose(writer, kind);
}

void made_live(struct made_writer *writer) {
    struct residue_live_header h = {.magic = RESIDUE_LIVE_MAGIC,
                                    .major = RESIDUE_FORMAT_MAJOR,
                                    .minor = RESIDUE_FORMAT_MINOR,
                                    .writer = writer->number,
                                    .trace_id = MADE_TRACE_ID,
                                    .pid = PID,
                                    .tid = PID + writer->number,
                                    .serial = writer->number};
    memcpy(h.counter, writer->counter, sizeof h.counter);
    FILE *file = fopen(writer->live, "w");
    must(file != NULL, writer->live);
    must(fseek(file, RESIDUE_LIVE_HEADER_SIZE, SEEK_SET) == 0, writer->live);
    for (uint32_t kind = 0; kind < RESIDUE_KINDS; kind++) {
        const struct made_segment *segment = &writer->segment[kind];
        h.segment[kind] = (struct residue_segment){.commit = residue_commit(segment->sequence, (uint32_t)segment->used),
                                                   .offset = RESIDUE_LIVE_HEADER_SIZE + kind * CAPACITY,
                                                   .capacity = CAPACITY};
        uint8_t padded[CAPACITY] = {0};
        memcpy(padded, segment->bytes, segment->used);
        must(fwrite(padded, 1, CAPACITY, file) == CAPACITY, writer->live);
    }
    if (writer->ring_capacity) {
        h.ring = (struct residue_ring){.offset = RESIDUE_LIVE_HEADER_SIZE + RESIDUE_KINDS * CAPACITY,
                                       .capacity = (uint32_t)writer->ring_capacity,
                                       .head = writer->ring_head};
        must(fwrite(writer->ring, sizeof *writer->ring, writer->ring_capacity, file) == writer->ring_capacity,
             writer->live);
    }
    rewind(file);
    must(fwrite(&h, sizeof h, 1, file) == 1 && fclose(file) == 0, writer->live);
}
