/*
 * Writing a pack: the files of a trace through tar and zstd, in buffers of a fixed size.
 *
 * meta.json and status.json come first, so that a list of packs need not unpack them; then what each writer wrote; names
 * last. Owner and group are left out and the time of each file is that of its last change, so one directory always gives the
 * same pack. Of a process that still runs it is the state at one instant, as trace.c takes it. Logs are compressed already
 * and hardly shrink; zstd passes over what does not compress quickly.
 */
#include "pack/pack.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "memory.h"
#include "names/stored.h"
#include "pack/live.h"
#include "pack/tar.h"

#define LEVEL 3
#define CHUNK (256 << 10)

struct packing {
    FILE *out;
    ZSTD_CCtx *zstd;
    uint8_t *chunk, *packed;
    size_t packed_size;
    const char *folder; /* that all members are in */
    char *why;
};

/* ---- The stream ---------------------------------------------------------------------------------------------------- */

static bool put(struct packing *p, const void *bytes, size_t size, ZSTD_EndDirective end) {
    ZSTD_inBuffer in = {bytes, size, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {p->packed, p->packed_size, 0};
        left = ZSTD_compressStream2(p->zstd, &out, &in, end);
        if (ZSTD_isError(left))
            p->why = rsd_strdup(ZSTD_getErrorName(left));
        else if (fwrite(out.dst, 1, out.pos, p->out) != out.pos)
            p->why = rsd_format("it could not be written: %s", strerror(errno));
    } while (!p->why && (in.pos < in.size || (end == ZSTD_e_end && left)));
    return !p->why;
}

static bool put_header(struct packing *p, const char *name, uint64_t size, int64_t mtime) {
    struct rsd_tar_header header;
    char *path = rsd_format("%s/%s", p->folder, name);
    rsd_tar_make(&header, path, size, mtime > 0 ? (uint64_t)mtime : 0);
    free(path);
    return put(p, &header, sizeof header, ZSTD_e_continue);
}

static bool put_padding(struct packing *p, uint64_t size) {
    static const uint8_t zeros[RSD_TAR_BLOCK];
    return put(p, zeros, rsd_tar_padding(size), ZSTD_e_continue);
}

/* ---- Members ------------------------------------------------------------------------------------------------------- */

static bool put_content(struct packing *p, const char *name, int fd, uint64_t size) {
    for (uint64_t at = 0; at < size;) {
        size_t wanted = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        ssize_t got = pread(fd, p->chunk, wanted, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            p->why = rsd_format("%s: offset %" PRIu64 ": %s", name, at,
                                got < 0 ? strerror(errno) : "it became shorter while it was read");
            return false;
        }
        if (!put(p, p->chunk, (size_t)got, ZSTD_e_continue))
            return false;
        at += (uint64_t)got;
    }
    return true;
}

/* A file of the trace; one that is not there is left out. Closes `fd`. */
static bool put_file(struct packing *p, const char *name, int fd) {
    struct stat info;
    if (fd < 0 && errno == ENOENT)
        return true;
    bool done = fd >= 0 && fstat(fd, &info) == 0;
    if (!done)
        p->why = rsd_format("%s: %s", name, strerror(errno));
    done = done && put_header(p, name, (uint64_t)info.st_size, info.st_mtime) &&
           put_content(p, name, fd, (uint64_t)info.st_size) && put_padding(p, (uint64_t)info.st_size);
    if (fd >= 0)
        close(fd);
    return done;
}

/* Made here: it has the time of the process's start, and so is the same whenever it is made. */
static bool put_made(struct packing *p, const struct rsd_trace *trace, const char *name, const void *bytes,
                     size_t size) {
    return put_header(p, name, size, (int64_t)(trace->meta.realtime_ns / 1000000000)) &&
           put(p, bytes, size, ZSTD_e_continue) && put_padding(p, size);
}

/* "`pack.json`: the process still ran": what is later than the instant of the copy does not count. */
static bool put_cutoff(struct packing *p, const struct rsd_trace *trace) {
    char text[64];
    int size = snprintf(text, sizeof text, "{\"cutoff\": %" PRIu64 "}\n", trace->cutoff);
    return !trace->running || put_made(p, trace, "pack.json", text, (size_t)size);
}

/* As long as it was when it was indexed. */
static bool put_log(struct packing *p, const struct rsd_writer *writer) {
    struct stat info;
    return writer->log < 0 || fstat(writer->log, &info) ||
           (put_header(p, writer->log_name, writer->log_size, info.st_mtime) &&
            put_content(p, writer->log_name, writer->log, writer->log_size) && put_padding(p, writer->log_size));
}

static bool put_live(struct packing *p, const struct rsd_trace *trace, const struct rsd_writer *writer) {
    if (!trace->running || trace->meta.cutoff)
        return put_file(p, writer->live_name, rsd_trace_live(trace, writer));
    size_t size;
    uint8_t *image = writer->has_live ? rsd_live_image(writer, &trace->meta, &size) : NULL;
    bool done = !image || put_made(p, trace, writer->live_name, image, size);
    free(image);
    return done;
}

static bool put_files(struct packing *p, const struct rsd_trace *trace) {
    static const char *const first[] = {"meta.json", "status.json"};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        if (!put_file(p, first[i], rsd_folder_file(&trace->folder, first[i])))
            return false;
    if (!put_cutoff(p, trace))
        return false;
    for (size_t i = 0; i < trace->writer_count; i++)
        if (!put_log(p, &trace->writers[i]) || !put_live(p, trace, &trace->writers[i]))
            return false;
    return true;
}

/* ---- The whole ----------------------------------------------------------------------------------------------------- */

/* "residue.4711", whatever the directory or the pack is called by now. */
static char *folder_of(const struct rsd_trace *trace) {
    return trace->meta.found ? rsd_format("residue.%" PRId64, trace->meta.pid) : rsd_strdup("residue");
}

static void begin(struct packing *p) {
    p->zstd = ZSTD_createCCtx();
    if (!p->zstd)
        rsd_no_memory();
    ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1);
    p->packed_size = ZSTD_CStreamOutSize();
    p->packed = rsd_alloc(p->packed_size);
    p->chunk = rsd_alloc(CHUNK);
}

bool rsd_pack(const struct rsd_trace *trace, const uint8_t *names, size_t size, FILE *out, char **why) {
    static const uint8_t end[2 * RSD_TAR_BLOCK];
    char *folder = folder_of(trace);
    struct packing p = {.out = out, .folder = folder};
    begin(&p);
    bool done = put_files(&p, trace) && put_made(&p, trace, RSD_NAMES_FILE, names, size) &&
                put(&p, end, sizeof end, ZSTD_e_end);
    ZSTD_freeCCtx(p.zstd);
    free(p.packed);
    free(p.chunk);
    free(folder);
    *why = p.why;
    return done;
}
