/*
 * Segments, sealing and the commit word.
 *
 * A record is copied into the writer's open segment, which lies in a MAP_SHARED file, and becomes part of the trace by
 * one store of the commit word (sequence << 32 | used). Of each kind there are two segments. When the open one is full, the
 * writer goes on in the other, and the full one is sealed, by the thread that is there for it (sealer.c) or by the
 * writer itself, where that thread is not there yet, or not done with the one before:
 *
 *     hand over   the other's commit = (sequence + 1) << 32             one store
 *     seal        frame = header + zstd(encoding(records))              in memory
 *                 append the frame to the log                           one write; the file is opened for it and closed again
 *                 the full one's commit = 0                             one store
 *
 * A kill before the append leaves the records in the live segment; between the append and the store they are in both,
 * with the same sequence number, and the reader takes one. There is no third case. A write that comes back short is
 * followed up; one that fails is cut off again. What the sealing thread could not write the writer tries again when it needs the
 * room; if that fails recording stops, for a log with a hole would accuse the innocent.
 *
 * The recorder keeps no descriptor open: a program that closes what it does not know closes nothing of ours, and one
 * that runs out of descriptors has not lost any to us. What is open for a moment is so where the program cannot reach it
 * (sys.c).
 *
 * Where the live files stand: in the trace directory on file systems on which reserved blocks stay reserved (else a
 * store into the mapping could raise SIGBUS on a full disk), otherwise in /dev/shm, otherwise in private memory. The same
 * order when the first of them cannot be made: no shared mappings there, /dev/shm full.
 *
 * Threads: a writer is entered by the one thread that has it. Its full segments are sealed by whoever holds `sealing`:
 *
 *     waiting   a bit a kind: set by the writer (release) once content[kind] is filled in, cleared by the sealing
 *               thread (release) once the segment is empty. Set: content[kind] and that segment are the sealing thread's.
 *
 * Frames of one kind come into the log in order, for the next segment is not handed over before that bit is clear.
 */
#include "log.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>

#include "init.h"
#include "nursery.h"
#include "process.h"
#include "sample.h"
#include "sealer.h"
#include "sys.h"

#define XFS_MAGIC 0x58465342
#define WAIT_NS 50000u

/* Bytes of each segment, by kind, and of the space that it has. */
#define LARGE_ROOM 16384u
#define ROOM RSD_SEGMENT_MOST
static const uint32_t segment_capacity[RESIDUE_KINDS] = {
    [RESIDUE_ALLOC] = 65520, /* whole records of 24 */
    [RESIDUE_FREE] = ROOM,   [RESIDUE_LARGE] = LARGE_ROOM, [RESIDUE_NODE] = 65520, [RESIDUE_OTHER] = ROOM,
};
#define ELDERS_OFFSET (RESIDUE_LIVE_HEADER_SIZE + 2 * ((RESIDUE_KINDS - 1) * ROOM + LARGE_ROOM))
#define RING_OFFSET (ELDERS_OFFSET + RSD_NURSERY_ELDERS * sizeof(struct residue_alloc))
#define LIVE_SIZE(entries) (RING_OFFSET + (entries) * sizeof(struct residue_alloc))
#define LIVE_FIRST LIVE_SIZE(RSD_NURSERY_FIRST)
#define LIVE_MOST                                                                                                      \
    LIVE_SIZE(RSD_NURSERY_MOST) /* mapped from the start: what lies behind the file's end is not touched */

/* ---- names of files ---- */

static enum { LIVE_FILE, LIVE_SHM, LIVE_PRIVATE } live_kind;
static char shm_directory[64];

const char *rsd_log_live_kind(void) {
    static const char *const name[] = {"file", "shm", "private"};
    return name[live_kind];
}

const char *rsd_log_live_directory(void) {
    return live_kind == LIVE_SHM ? shm_directory : NULL;
}

static void name_file(char *out, const char *directory, uint32_t writer, const char *suffix) {
    if (writer == RESIDUE_PROCESS_WRITER)
        snprintf(out, RSD_PATH_SIZE, "%s/process.%s", directory, suffix);
    else
        snprintf(out, RSD_PATH_SIZE, "%s/t%u.%s", directory, writer, suffix);
}

static bool keeps_reservations(const char *directory) {
    struct statfs fs;
    if (rsd_sys_statfs(directory, &fs) < 0)
        return false;
    return fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_MAGIC || fs.f_type == TMPFS_MAGIC;
}

static void settle_for_next_kind(void) {
    if (live_kind == LIVE_SHM) {
        rsd_sys_rmdir(shm_directory);
        live_kind = LIVE_PRIVATE;
        return;
    }
    snprintf(shm_directory, sizeof shm_directory, "/dev/shm/residue.%016llx", (unsigned long long)rsd_trace.id);
    bool usable = keeps_reservations("/dev/shm") && rsd_sys_mkdir(shm_directory, 0700) == 0;
    live_kind = usable ? LIVE_SHM : LIVE_PRIVATE;
}

void rsd_log_init(void) {
    live_kind = LIVE_FILE;
    if (!keeps_reservations(rsd_trace.directory))
        settle_for_next_kind();
}

/* ---- opening ---- */

static const int new_file = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW;

/* Writer 0 and those of a mode without a nursery have no rings. */
static size_t first_size(uint32_t number) {
    return rsd_trace.nursery && number != RESIDUE_PROCESS_WRITER ? LIVE_FIRST : ELDERS_OFFSET;
}

struct live_file {
    const char *path;
    size_t size;
    void *live;
};

static long map_live_file(void *p) {
    struct live_file *file = p;
    int fd = rsd_sys_open(file->path, new_file, 0600);
    if (fd < 0)
        return fd;
    long error = rsd_sys_file_may_grow(file->size) ? rsd_sys_reserve(fd, file->size) : -EFBIG;
    if (error == 0)
        file->live = rsd_sys_map_file(fd, LIVE_MOST, &error);
    rsd_sys_close(fd);
    if (!file->live)
        rsd_sys_unlink(file->path);
    return error;
}

static struct residue_live_header *open_live_as(uint32_t number, long *error) {
    if (live_kind == LIVE_PRIVATE) {
        void *live = rsd_sys_memory(LIVE_MOST);
        *error = live ? 0 : -ENOMEM;
        return live;
    }
    char path[RSD_PATH_SIZE];
    name_file(path, live_kind == LIVE_SHM ? shm_directory : rsd_trace.directory, number, "live");
    struct live_file file = {path, first_size(number), NULL};
    *error = rsd_sys_apart(map_live_file, &file);
    return file.live;
}

/* The first writer finds out whether the place is any good. */
static struct residue_live_header *open_live(uint32_t number, long *error) {
    struct residue_live_header *live = open_live_as(number, error);
    while (!live && number == RESIDUE_PROCESS_WRITER && live_kind != LIVE_PRIVATE && *error != -EFBIG) {
        settle_for_next_kind();
        live = open_live_as(number, error);
    }
    return live;
}

/* Bytes and the file that they go to. */
struct written {
    const char *path;
    const void *bytes;
    size_t size;
};

static long write_new(void *p) {
    const struct written *file = p;
    int fd = rsd_sys_open(file->path, new_file, 0600);
    if (fd < 0)
        return fd;
    long error = rsd_sys_write_all(fd, file->bytes, file->size);
    rsd_sys_close(fd);
    return error;
}

static long create_log(uint32_t number) {
    char path[RSD_PATH_SIZE];
    name_file(path, rsd_trace.directory, number, "log");
    struct residue_file_header header = {
        .skip_magic = RESIDUE_SKIP_FILE,
        .skip_size = RESIDUE_HEADER_SIZE - 8,
        .magic = RESIDUE_FILE_MAGIC,
        .major = RESIDUE_FORMAT_MAJOR,
        .minor = RESIDUE_FORMAT_MINOR,
        .writer = number,
        .trace_id = rsd_trace.id,
        .pid = (uint32_t)rsd_trace.pid,
    };
    return rsd_sys_apart(write_new, &(struct written){path, &header, sizeof header});
}

/* Two segments of each kind, one behind the other. */
static void place_segments(struct residue_live_header *live) {
    uint32_t at = RESIDUE_LIVE_HEADER_SIZE;
    for (uint32_t kind = 0; kind < RESIDUE_KINDS; kind++) {
        uint32_t room = kind == RESIDUE_LARGE ? LARGE_ROOM : ROOM;
        live->segment[kind] = (struct residue_segment){residue_commit(1, 0), at, segment_capacity[kind], {0}};
        live->second[kind] = (struct residue_segment){0, at + room, segment_capacity[kind], {0}};
        at += 2 * room;
    }
}

/* The magic goes in last: a reader that sees it sees a complete header. */
static void fill_live_header(struct residue_live_header *live, uint32_t number) {
    live->major = RESIDUE_FORMAT_MAJOR;
    live->minor = RESIDUE_FORMAT_MINOR;
    live->writer = number;
    live->trace_id = rsd_trace.id;
    live->pid = (uint32_t)rsd_trace.pid;
    place_segments(live);
    if (rsd_trace.nursery && number != RESIDUE_PROCESS_WRITER) {
        live->ring.offset = RING_OFFSET;
        live->ring.capacity = RSD_NURSERY_FIRST;
        live->elders.offset = ELDERS_OFFSET;
        live->elders.capacity = RSD_NURSERY_ELDERS_FIRST;
    }
    atomic_thread_fence(memory_order_release);
    memcpy(live->magic, RESIDUE_LIVE_MAGIC, sizeof live->magic);
}

struct opening {
    uint32_t number;
    struct residue_live_header *live;
    long error;
};

static long open_files(void *p) {
    struct opening *o = p;
    o->error = create_log(o->number);
    o->live = o->error < 0 ? NULL : open_live(o->number, &o->error);
    return 0;
}

/* Both files by one thread, where it takes one. */
bool rsd_writer_open(struct rsd_writer *writer, uint32_t number) {
    struct opening opening = {.number = number};
    rsd_sys_apart(open_files, &opening);
    struct residue_live_header *live = opening.live;
    if (!live) {
        rsd_stop(opening.error, "cannot create the files of a writer");
        return false;
    }
    fill_live_header(live, number);
    rsd_sample_note_live(first_size(number));
    *writer = (struct rsd_writer){.live = live, .number = number, .counter = live->counter, .first_node = 1};
    for (uint32_t kind = 0; kind < RESIDUE_KINDS; kind++)
        writer->segment[kind] = (struct rsd_segment){
            .commit = (_Atomic uint64_t *)&live->segment[kind].commit,
            .bytes = (unsigned char *)live + live->segment[kind].offset,
            .capacity = segment_capacity[kind],
            .sequence = 1,
        };
    return true;
}

void rsd_writer_release(struct rsd_writer *writer) {
    if (writer->live)
        rsd_sys_unmap(writer->live, LIVE_MOST);
    writer->live = NULL;
}

void rsd_writer_isolate(struct rsd_writer *writer) {
    if (!writer->live)
        return;
    rsd_sys_replace_by_memory(writer->live, LIVE_MOST);
    for (uint32_t kind = 0; kind < RESIDUE_KINDS; kind++)
        writer->segment[kind].used = writer->segment[kind].records = 0;
    atomic_store(&writer->waiting, 0);
}

struct longer {
    const char *path;
    const struct residue_live_header *live;
    uint32_t entries;
};

/* If the name still leads to the live file: what is mapped is that file. */
static long reserve_more(void *p) {
    const struct longer *l = p;
    char there[offsetof(struct residue_live_header, pid)];
    int fd = rsd_sys_open(l->path, O_RDWR | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    bool longer = rsd_sys_read(fd, there, sizeof there) == sizeof there && memcmp(there, l->live, sizeof there) == 0 &&
                  rsd_sys_file_may_grow(LIVE_SIZE(l->entries)) && rsd_sys_reserve(fd, LIVE_SIZE(l->entries)) == 0;
    rsd_sys_close(fd);
    return longer ? 0 : -EIO;
}

static bool lengthen(const struct residue_live_header *live, uint32_t entries) {
    char path[RSD_PATH_SIZE];
    name_file(path, live_kind == LIVE_SHM ? shm_directory : rsd_trace.directory, live->writer, "live");
    return rsd_sys_apart(reserve_more, &(struct longer){path, live, entries}) == 0;
}

bool rsd_writer_grow_ring(struct rsd_writer *writer, uint32_t entries) {
    struct residue_ring *ring = &writer->live->ring;
    if (live_kind != LIVE_PRIVATE && !lengthen(writer->live, entries))
        return false;
    rsd_sample_note_live((entries - ring->capacity) * sizeof(struct residue_alloc));
    atomic_store_explicit((_Atomic uint32_t *)&ring->capacity, entries, memory_order_release);
    return true;
}

/* ---- sealing ---- */

/* A frame that could not be written whole is cut off again: the log ends with a whole frame. */
static long append_to(int fd, const struct written *frame) {
    long end = rsd_sys_size(fd);
    long error = end;
    if (end >= 0)
        error = rsd_sys_file_may_grow((uint64_t)end + frame->size) ? rsd_sys_write_all(fd, frame->bytes, frame->size)
                                                                   : -EFBIG;
    if (error < 0 && end >= 0)
        rsd_sys_truncate(fd, (uint64_t)end);
    return error;
}

/* A copy of this process that came to be earlier in the hook, by a fork in a signal handler, must not write the frame as
 * well. Later none can: signals are blocked. */
static long append_frame(void *p) {
    const struct written *frame = p;
    int fd = rsd_is_other_process() ? -EPERM : rsd_sys_open(frame->path, O_WRONLY | O_APPEND | O_NOFOLLOW, 0);
    if (fd < 0)
        return fd;
    long error = append_to(fd, frame);
    rsd_sys_close(fd);
    return error;
}

static long append(uint32_t number, const void *bytes, size_t size) {
    char path[RSD_PATH_SIZE];
    name_file(path, rsd_trace.directory, number, "log");
    return rsd_sys_apart(append_frame, &(struct written){path, bytes, size});
}

/* The one of the two that is not open: the full one, or the empty one. */
static struct residue_segment *other_segment(const struct rsd_writer *writer, enum residue_kind kind) {
    struct residue_segment *first = &writer->live->segment[kind];
    return (void *)writer->segment[kind].commit == &first->commit ? &writer->live->second[kind] : first;
}

static void count_seal(struct rsd_writer *writer, uint64_t raw, uint64_t packed, uint64_t since) {
    uint64_t ticks = rsd_clock_ticks() - since;
    writer->counter[RESIDUE_COUNTER_SEALS]++;
    writer->counter[RESIDUE_COUNTER_SEAL_TICKS] += ticks;
    writer->counter[RESIDUE_COUNTER_RAW_BYTES] += raw;
    writer->counter[RESIDUE_COUNTER_PACKED_BYTES] += packed;
    if (ticks > writer->counter[RESIDUE_COUNTER_SEAL_MAX])
        writer->counter[RESIDUE_COUNTER_SEAL_MAX] = ticks;
}

/* Write out the full segment of a kind that waits. A negative errno when that failed: it stays as it is. -EBUSY: not now. */
static long seal(struct rsd_writer *writer, enum residue_kind kind) {
    uint64_t began = rsd_clock_ticks();
    const struct rsd_content *content = &writer->content[kind];
    long error;
    struct rsd_compressor *c = rsd_compressor_take(&error);
    if (!c)
        return error;
    const unsigned char *frame;
    size_t size = rsd_frame_build(c, kind, content, &frame);
    error = size ? append(writer->number, frame, size) : -EINVAL;
    rsd_compressor_give(c);
    if (error < 0)
        return error;
    atomic_store_explicit((_Atomic uint64_t *)&other_segment(writer, kind)->commit, 0, memory_order_release);
    count_seal(writer, content->used, size, began);
    rsd_sample_note_log(size);
    atomic_fetch_and_explicit(&writer->waiting, ~(1u << kind), memory_order_release);
    return 0;
}

static bool waits(const struct rsd_writer *writer, uint32_t kind) {
    return atomic_load_explicit(&writer->waiting, memory_order_acquire) & 1u << kind;
}

long rsd_writer_seal_waiting(struct rsd_writer *writer) {
    long error = 0;
    if (atomic_flag_test_and_set_explicit(&writer->sealing, memory_order_acquire))
        return -EBUSY;
    for (uint32_t kind = 0; kind < RESIDUE_KINDS && error == 0; kind++)
        if (waits(writer, kind))
            error = seal(writer, (enum residue_kind)kind);
    atomic_flag_clear_explicit(&writer->sealing, memory_order_release);
    return error;
}

/* Until no segment of the kind waits. It is our own work unless somebody is at it; what the sealer could not do, we try again,
 * and say if it cannot be done. */
static bool seal_now(struct rsd_writer *writer, enum residue_kind kind) {
    while (waits(writer, kind)) {
        long error = rsd_writer_seal_waiting(writer);
        if (error == -EBUSY) {
            rsd_sys_sleep_ns(WAIT_NS);
        } else if (error < 0) {
            rsd_stop(error, "cannot write the log");
            return false;
        }
    }
    return true;
}

static void hand_over(struct rsd_writer *writer, enum residue_kind kind) {
    struct rsd_segment *segment = &writer->segment[kind];
    struct residue_segment *other = other_segment(writer, kind);
    writer->content[kind] = (struct rsd_content){.bytes = segment->bytes,
                                                 .used = segment->used,
                                                 .records = segment->records,
                                                 .sequence = segment->sequence,
                                                 .first_node = writer->first_node,
                                                 .last_node = writer->last_node};
    if (kind == RESIDUE_NODE)
        writer->first_node = writer->last_node + 1;
    *segment = (struct rsd_segment){.commit = (_Atomic uint64_t *)&other->commit,
                                    .bytes = (unsigned char *)writer->live + other->offset,
                                    .capacity = segment->capacity,
                                    .sequence = segment->sequence + 1};
    atomic_store_explicit(segment->commit, residue_commit(segment->sequence, 0), memory_order_release);
    atomic_fetch_or_explicit(&writer->waiting, 1u << kind, memory_order_release);
}

/* A copy of this process (append_frame) must not open a segment in what is the parent's file. */
static bool turn_page(struct rsd_writer *writer, enum residue_kind kind) {
    if (rsd_is_other_process() || !seal_now(writer, kind))
        return false;
    hand_over(writer, kind);
    return rsd_sealer_take(writer) || seal_now(writer, kind);
}

__attribute__((cold, noinline)) bool rsd_writer_seal(struct rsd_writer *writer, enum residue_kind kind) {
    uint64_t began = rsd_clock_ticks();
    bool turned = turn_page(writer, kind);
    if (turned && kind != RESIDUE_OTHER) /* a barrier may be under way, and a sample raises one */
        rsd_process_sample_if_due(began);
    writer->slow_ticks += rsd_clock_ticks() - began;
    return turned;
}

static long write_live(void *p) {
    const struct written *file = p;
    int fd = rsd_sys_open(file->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fd;
    rsd_sys_write_all(fd, file->bytes, file->size);
    rsd_sys_close(fd);
    return 0;
}

void rsd_writer_save_private(struct rsd_writer *writer) {
    if (live_kind != LIVE_PRIVATE)
        return;
    char path[RSD_PATH_SIZE];
    name_file(path, rsd_trace.directory, writer->number, "live");
    rsd_sys_apart(write_live, &(struct written){path, writer->live, LIVE_SIZE(writer->live->ring.capacity)});
}

/* ---- tagged records ---- */

bool rsd_writer_tagged(struct rsd_writer *writer, struct residue_tagged *head, size_t head_size, const void *first,
                       size_t first_size, const void *second, size_t second_size) {
    size_t size = (head_size + first_size + second_size + 7) & ~(size_t)7;
    unsigned char *room = rsd_writer_reserve(writer, RESIDUE_OTHER, (uint32_t)size);
    if (!room)
        return false;
    head->size = (uint16_t)size;
    head->time = head->time == RSD_SAME_TIME ? writer->last_tick : rsd_writer_tick(writer);
    memcpy(room, head, head_size);
    memcpy(room + head_size, first, first_size);
    memcpy(room + head_size + first_size, second, second_size);
    memset(room + head_size + first_size + second_size, 0, size - head_size - first_size - second_size);
    rsd_writer_commit(writer, RESIDUE_OTHER, (uint32_t)size);
    return true;
}
