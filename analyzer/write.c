/*
 * Writing a log.
 *
 * "A file header, then frames until the end of the file." Records that are put are packed into frames like the recorder's, but
 * of FRAME_SIZE and at a zstd level for which it has no time. Kinds of which nothing is left out are copied frame by frame
 * as they are, so that sequence numbers and the ids of nodes stay; of these the open segment of the live file becomes the
 * last frame. The live file that is written has counters and neither segments nor a ring.
 *
 * An error is kept, everything after it is skipped, and who closes the output hears of it.
 */
#include "write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "memory.h"
#include "residue/planes.h"

#define FRAME_SIZE (256u << 10)
#define LEVEL 9

static void put_bytes(struct rsd_output *output, int fd, const void *bytes, size_t size) {
    const char *at = bytes;
    while (size && !output->error) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            output->error = put < 0 ? errno : ENOSPC;
            return;
        }
        at += put;
        size -= (size_t)put;
        output->bytes += (size_t)put;
    }
}

static int create(struct rsd_output *output, const char *folder, const char *name) {
    char *path = rsd_format("%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        output->error = errno;
    free(path);
    return fd;
}

FILE *rsd_create(const char *path, int how) {
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

void rsd_output_open(struct rsd_output *output, const char *folder, const struct rsd_trace *trace,
                     const struct rsd_writer *writer) {
    *output = (struct rsd_output){.writer = writer,
                                  .rows = rsd_alloc(FRAME_SIZE),
                                  .planes = rsd_alloc(FRAME_SIZE),
                                  .packed = rsd_alloc(ZSTD_compressBound(RSD_MAX_CONTENT))};
    struct residue_file_header header = {.skip_magic = RESIDUE_SKIP_FILE,
                                         .skip_size = RESIDUE_HEADER_SIZE - 8,
                                         .magic = RESIDUE_FILE_MAGIC,
                                         .major = RESIDUE_FORMAT_MAJOR,
                                         .minor = RESIDUE_FORMAT_MINOR,
                                         .writer = writer->number,
                                         .trace_id = trace->meta.trace_id,
                                         .pid = (uint32_t)trace->meta.pid};
    output->log = create(output, folder, writer->log_name);
    put_bytes(output, output->log, &header, sizeof header);
}

static void put_frame(struct rsd_output *output, struct residue_frame_header *header, const uint8_t *content) {
    size_t size = ZSTD_compress(output->packed, ZSTD_compressBound(RSD_MAX_CONTENT), content, header->raw_size, LEVEL);
    if (ZSTD_isError(size)) {
        output->error = EINVAL;
        return;
    }
    header->skip_magic = RESIDUE_SKIP_FRAME;
    header->skip_size = RESIDUE_HEADER_SIZE - 8;
    header->packed_size = (uint32_t)size;
    header->checksum = residue_fnv1a(header, offsetof(struct residue_frame_header, checksum));
    put_bytes(output, output->log, header, sizeof *header);
    put_bytes(output, output->log, output->packed, size);
}

static uint64_t last_time(const struct rsd_output *output) {
    uint64_t time = 0;
    const uint8_t *end = output->rows + output->used;
    size_t size;
    for (const uint8_t *at = output->rows; at < end && (size = rsd_record_at(output->kind, at, end)); at += size)
        time = rsd_time_at(output->kind, at);
    return time;
}

static void flush(struct rsd_output *output) {
    if (!output->records)
        return;
    size_t size = rsd_record_size(output->kind);
    struct residue_frame_header header = {.kind = (uint8_t)output->kind,
                                          .encoding = size ? RESIDUE_FIELDS : RESIDUE_ROWS,
                                          .sequence = ++output->sequence,
                                          .raw_size = (uint32_t)output->used,
                                          .first = rsd_time_at(output->kind, output->rows),
                                          .last = last_time(output),
                                          .records = output->records};
    if (size)
        residue_to_fields(output->planes, output->rows, output->records, (uint32_t)size, output->kind);
    put_frame(output, &header, size ? output->planes : output->rows);
    output->records = 0;
    output->used = 0;
}

void rsd_output_begin(struct rsd_output *output, enum residue_kind kind) {
    output->kind = kind;
    output->sequence = 0;
}

void rsd_output_put(struct rsd_output *output, const void *record, size_t size) {
    if (output->used + size > FRAME_SIZE)
        flush(output);
    memcpy(output->rows + output->used, record, size);
    output->used += size;
    output->records++;
}

void rsd_output_end(struct rsd_output *output) {
    flush(output);
}

static void copy_frame(struct rsd_output *output, const struct rsd_frame *frame) {
    size_t size = RESIDUE_HEADER_SIZE + frame->packed_size, got = 0;
    uint8_t *bytes = rsd_alloc(size);
    while (got < size) {
        ssize_t n = pread(output->writer->log, bytes + got, size - got, (off_t)(frame->offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (got == size)
        put_bytes(output, output->log, bytes, size);
    else
        output->error = EIO;
    free(bytes);
}

static void copy_open(struct rsd_output *output, enum residue_kind kind, uint64_t first_node) {
    const struct rsd_open_segment *open = &output->writer->open[kind];
    uint32_t records = 0;
    size_t size;
    uint64_t first = 0, last = 0;
    for (const uint8_t *at = open->rows, *end = at + open->size; at < end && (size = rsd_record_at(kind, at, end));
         at += size, records++) {
        first = records ? first : rsd_time_at(kind, at);
        last = rsd_time_at(kind, at);
    }
    if (!records)
        return;
    bool node = kind == RESIDUE_NODE;
    struct residue_frame_header header = {.kind = (uint8_t)kind,
                                          .encoding = RESIDUE_ROWS,
                                          .sequence = open->sequence,
                                          .raw_size = (uint32_t)open->size,
                                          .first = node ? first_node : first,
                                          .last = node ? first_node + records - 1 : last,
                                          .records = records};
    put_frame(output, &header, open->rows);
}

void rsd_output_copy(struct rsd_output *output, enum residue_kind kind) {
    const struct rsd_frames *frames = &output->writer->frames[kind];
    for (size_t i = 0; i < frames->count; i++)
        copy_frame(output, &frames->list[i]);
    copy_open(output, kind, frames->count ? frames->list[frames->count - 1].last + 1 : 1);
}

void rsd_live_header(struct residue_live_header *header, const struct rsd_writer *writer, const struct rsd_meta *meta) {
    *header = (struct residue_live_header){.magic = RESIDUE_LIVE_MAGIC,
                                           .major = RESIDUE_FORMAT_MAJOR,
                                           .minor = RESIDUE_FORMAT_MINOR,
                                           .writer = writer->number,
                                           .trace_id = meta->trace_id,
                                           .pid = (uint32_t)meta->pid,
                                           .tid = writer->tid,
                                           .serial = writer->serial};
    memcpy(header->counter, writer->counter, sizeof header->counter);
}

int rsd_output_close(struct rsd_output *output, const char *folder, const struct rsd_trace *trace) {
    const struct rsd_writer *writer = output->writer;
    struct residue_live_header header;
    rsd_live_header(&header, writer, &trace->meta);
    int live = create(output, folder, writer->live_name);
    put_bytes(output, live, &header, sizeof header);
    const int fds[] = {output->log, live};
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0 && close(fds[i]) && !output->error)
            output->error = errno;
    free(output->rows);
    free(output->planes);
    free(output->packed);
    return output->error;
}
