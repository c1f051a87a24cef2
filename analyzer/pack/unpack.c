/*
 * Reading a pack: zstd, in it tar, in it the files of a trace.
 *
 * Logs are read at many places at a time (each writer's stream goes on by itself), which a compressed stream does not
 * allow, so each file is unpacked into one without a name in TMPDIR, /var/tmp, /tmp or the current folder, whichever is
 * first to take one. Nothing is left behind, however the command ends. Memory is the two buffers of zstd's stream and its
 * window, at most 128 MiB.
 *
 * A pack may come from anywhere. Its names are compared and never opened, so none leads anywhere; those with `..`, links,
 * devices and second files of a name are complained of all the same, for whoever unpacks it with tar next. The content is
 * mostly compressed frames, which do not compress again: a pack that unpacks to more than 16 times its size and a
 * gibibyte is not one. A pack that ends too early or is damaged further on is read up to there, like a log.
 */
#include "pack/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "memory.h"
#include "pack/tar.h"

#define MOST_FILES 20000
#define MOST_TIMES 16                   /* what a pack may unpack to, in its own size */
#define MOST_BESIDE (UINT64_C(1) << 30) /* and beyond that: live files are mostly zeros */

struct file {
    char *name;
    int fd;
};

struct rsd_unpacked {
    struct file *list;
    size_t count, capacity;
};

struct unpacking {
    struct rsd_unpacked *to;
    struct rsd_problems *problems;
    const char *path;
    int fd;
    ZSTD_DCtx *zstd;
    ZSTD_inBuffer in;
    uint8_t *in_bytes, *out_bytes;
    size_t in_size, out_size;       /* of the buffers */
    size_t out_at, out_end;         /* unpacked and not taken yet */
    uint64_t read, unpacked, limit; /* bytes */
    bool within_frame, broken;
    char *fatal; /* why nothing of it is used; or NULL */
};

/* ---- The stream ---------------------------------------------------------------------------------------------------- */

static uint64_t offset_of(const struct unpacking *u) {
    return u->read - (u->in.size - u->in.pos);
}

static const char *base_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool damaged(struct unpacking *u, const char *why) {
    u->broken = true;
    rsd_problem(u->problems, base_of(u->path), offset_of(u), "%s: what follows in the pack is lost", why);
    return false;
}

static void too_large(struct unpacking *u) {
    u->fatal =
        rsd_format("%s: offset %" PRIu64 ": unpacks to more than %" PRIu64 " bytes: that is not the pack of a trace",
                   u->path, offset_of(u), u->limit);
}

static bool read_more(struct unpacking *u) {
    ssize_t got;
    while ((got = read(u->fd, u->in_bytes, u->in_size)) < 0 && errno == EINTR)
        continue;
    u->in = (ZSTD_inBuffer){u->in_bytes, got > 0 ? (size_t)got : 0, 0};
    u->read += u->in.size;
    return got > 0;
}

/* Unpack some more. False: the stream is at its end, or, with a problem or u->fatal, cannot be read on. */
static bool unpack_more(struct unpacking *u) {
    ZSTD_outBuffer out = {u->out_bytes, u->out_size, 0};
    while (!out.pos) {
        if (u->in.pos == u->in.size && !read_more(u))
            return u->within_frame && damaged(u, "it is cut");
        size_t left = ZSTD_decompressStream(u->zstd, &out, &u->in);
        if (ZSTD_isError(left))
            return damaged(u, ZSTD_getErrorName(left));
        u->within_frame = left != 0;
    }
    u->out_at = 0;
    u->out_end = out.pos;
    u->unpacked += out.pos;
    if (u->unpacked > u->limit)
        too_large(u);
    return !u->fatal;
}

/* The next bytes, at most `most`, in place; 0 as unpack_more's false. */
static size_t take_some(struct unpacking *u, size_t most, const uint8_t **bytes) {
    if (u->out_at == u->out_end && !unpack_more(u))
        return 0;
    size_t size = u->out_end - u->out_at < most ? u->out_end - u->out_at : most;
    *bytes = u->out_bytes + u->out_at;
    u->out_at += size;
    return size;
}

/* As many bytes as there are up to `size`, into `to`. */
static size_t take(struct unpacking *u, void *to, size_t size) {
    const uint8_t *bytes;
    size_t got = 0;
    for (size_t some; got < size && (some = take_some(u, size - got, &bytes)); got += some)
        memcpy((uint8_t *)to + got, bytes, some);
    return got;
}

/* ---- Files --------------------------------------------------------------------------------------------------------- */

/* A file that no folder names. */
static int open_nameless(void) {
    const char *const folder[] = {getenv("TMPDIR"), "/var/tmp", "/tmp", "."};
    int fd = -1;
    for (size_t i = 0; i < sizeof folder / sizeof *folder && fd < 0; i++) {
        if (!folder[i] || !*folder[i])
            continue;
        char *path = rsd_format("%s/residue-unpack-XXXXXX", folder[i]);
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
        free(path);
    }
    return fd;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size) {
    while (size) {
        ssize_t done = write(fd, bytes, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        size -= (size_t)done;
    }
    return true;
}

/* Copy `size` bytes of the stream to `fd`, to nowhere when it is -1. */
static bool copy(struct unpacking *u, int fd, uint64_t size) {
    while (size) {
        const uint8_t *bytes;
        size_t some = take_some(u, size < SIZE_MAX ? (size_t)size : SIZE_MAX, &bytes);
        if (!some)
            return false;
        if (fd >= 0 && !write_all(fd, bytes, some)) {
            u->fatal = rsd_format("%s: cannot be unpacked: %s (TMPDIR may name a folder with more room)", u->path,
                                  strerror(errno));
            return false;
        }
        size -= some;
    }
    return true;
}

static const struct file *find(const struct rsd_unpacked *unpacked, const char *name) {
    for (size_t i = 0; i < unpacked->count; i++)
        if (strcmp(unpacked->list[i].name, name) == 0)
            return &unpacked->list[i];
    return NULL;
}

/* Take the file over; what was unpacked of it before the stream broke counts. */
static bool take_file(struct unpacking *u, const char *name, uint64_t size) {
    if (size > u->limit) { /* before anything of it fills a disk */
        too_large(u);
        return false;
    }
    int fd = u->to->count < MOST_FILES ? open_nameless() : -1;
    if (fd < 0) {
        u->fatal = rsd_format("%s: cannot be unpacked: %s (TMPDIR names the folder that is used)", u->path,
                              u->to->count < MOST_FILES ? strerror(errno) : "too many files");
        return false;
    }
    RSD_ROOM(u->to->list, u->to->count, u->to->capacity);
    u->to->list[u->to->count++] = (struct file){rsd_strdup(name), fd};
    return copy(u, fd, size);
}

/* ---- Members ------------------------------------------------------------------------------------------------------- */

/* "Plain files, below at most one folder": the name without it. NULL, with *why: it is something else. */
static const char *name_in(const struct rsd_tar_header *h, char *path, size_t size, const char **why) {
    bool has_prefix = !h->magic[5] && *h->prefix;
    snprintf(path, size, "%.*s%s%.*s", has_prefix ? (int)sizeof h->prefix : 0, h->prefix, has_prefix ? "/" : "",
             (int)sizeof h->name, h->name);
    const char *name = strncmp(path, "./", 2) == 0 ? path + 2 : path, *slash = strchr(name, '/');
    const char *base = slash ? slash + 1 : name;
    *why = NULL;
    if (h->type != RSD_TAR_FILE && h->type != RSD_TAR_OLD_FILE)
        *why = "is no plain file";
    else if (*name == '/' || strncmp(name, "../", 3) == 0 || !*base || *base == '.' || strchr(base, '/'))
        *why = "is not a file of one folder";
    return *why ? NULL : base;
}

static bool is_passed_over(char type) {
    return type == RSD_TAR_FOLDER || type == RSD_TAR_PAX || type == RSD_TAR_PAX_ALL;
}

static bool is_log(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".log") == 0 || strcmp(dot, ".live") == 0);
}

static bool take_member(struct unpacking *u, const struct rsd_tar_header *h, uint64_t size, bool outline) {
    char path[sizeof h->prefix + sizeof h->name + 2];
    const char *why, *name = name_in(h, path, sizeof path, &why);
    if (name && find(u->to, name)) {
        why = "is there twice";
        name = NULL;
    }
    if (name && outline && is_log(name) && find(u->to, "meta.json"))
        return false;
    if (!name && !is_passed_over(h->type))
        rsd_problem(u->problems, base_of(u->path), offset_of(u), "the member %s %s: it is left out", path, why);
    return (name ? take_file(u, name, size) : copy(u, -1, size)) && copy(u, -1, rsd_tar_padding(size));
}

static void take_members(struct unpacking *u, bool outline) {
    static const struct rsd_tar_header none;
    struct rsd_tar_header header;
    uint64_t size;
    for (;;) {
        size_t got = take(u, &header, sizeof header);
        if (got < sizeof header) {
            if (!u->fatal && !u->broken)
                damaged(u, got ? "the archive is cut" : "the archive has no end");
            return;
        }
        if (memcmp(&header, &none, sizeof none) == 0)
            break;
        if (!rsd_tar_check(&header, &size)) {
            damaged(u, "no header of a tar archive");
            return;
        }
        if (!take_member(u, &header, size, outline))
            return;
    }
    while (copy(u, -1, RSD_TAR_BLOCK)) /* up to zstd's checksum */
        continue;
}

/* ---- The whole ----------------------------------------------------------------------------------------------------- */

static bool is_zstd(int fd) {
    uint32_t magic;
    return pread(fd, &magic, sizeof magic, 0) == sizeof magic && magic == ZSTD_MAGICNUMBER;
}

static void begin(struct unpacking *u, uint64_t pack_size) {
    u->limit = MOST_BESIDE + MOST_TIMES * pack_size;
    u->zstd = ZSTD_createDCtx();
    u->in_size = ZSTD_DStreamInSize();
    u->out_size = ZSTD_DStreamOutSize();
    u->in_bytes = rsd_alloc(u->in_size);
    u->out_bytes = rsd_alloc(u->out_size);
    if (!u->zstd)
        rsd_no_memory();
}

static void end(struct unpacking *u) {
    ZSTD_freeDCtx(u->zstd);
    free(u->in_bytes);
    free(u->out_bytes);
}

struct rsd_unpacked *rsd_unpack(int fd, const char *path, bool outline, struct rsd_problems *problems, char **why) {
    struct stat info;
    if (fstat(fd, &info) || !S_ISREG(info.st_mode) || !is_zstd(fd)) {
        *why = rsd_format("%s: neither a trace directory nor a pack of one", path);
        return NULL;
    }
    struct unpacking u = {.to = rsd_zalloc(1, sizeof *u.to), .problems = problems, .path = path, .fd = fd};
    size_t known = problems->count;
    begin(&u, (uint64_t)info.st_size);
    take_members(&u, outline);
    end(&u);
    if (!u.fatal && !u.to->count) {
        char *first = problems->count > known ? rsd_problem_text(&problems->list[known]) : rsd_strdup("it is empty");
        u.fatal = rsd_format("%s: there is no trace in it: %s", path, first);
        free(first);
    }
    if (!u.fatal)
        return u.to;
    rsd_unpacked_free(u.to);
    *why = u.fatal;
    return NULL;
}

void rsd_unpacked_free(struct rsd_unpacked *unpacked) {
    if (!unpacked)
        return;
    for (size_t i = 0; i < unpacked->count; i++) {
        close(unpacked->list[i].fd);
        free(unpacked->list[i].name);
    }
    free(unpacked->list);
    free(unpacked);
}

int rsd_unpacked_file(const struct rsd_unpacked *unpacked, const char *name) {
    const struct file *file = find(unpacked, name);
    errno = ENOENT;
    int fd = file ? fcntl(file->fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (fd >= 0)
        lseek(fd, 0, SEEK_SET);
    return fd;
}

void rsd_unpacked_each(const struct rsd_unpacked *unpacked, void (*visit)(void *context, const char *name),
                       void *context) {
    for (size_t i = 0; i < unpacked->count; i++)
        visit(context, unpacked->list[i].name);
}
