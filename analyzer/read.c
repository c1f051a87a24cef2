/*
 * A writer's two files, in the order of FORMAT.md: the log, then the live file, then the rule for the ring.
 *
 * The log is indexed, not read: one header of 64 bytes per segment is kept, and cursor.c fetches contents when their
 * time has come. The live file is small and may change under our eyes, so it is copied.
 *
 * Why live before log. Let n be the sequence number in the commit word that we saw. The writer appends segment n to
 * the log *before* it stores n + 1. So a log that is read later than the commit word holds all segments below n, and
 * perhaps n and newer ones. If it holds n, our copy is a prefix of it and is dropped; if not, our copy continues the
 * log without a gap. The other order loses: a log read first may lack n, and the live file then shows n + 1.
 *
 * Why the rings before the ALLOC segment, and the young before the elders, by the same argument further in: an entry that
 * leaves a ring alive is written to the next place first. What we copied from a ring and then find in the segment or the log is
 * not newer than the last ALLOC record, and the rings' rule drops it. While we copy, slots may be overwritten: entries below
 * head' - capacity + 1, with head' read after the copy, are not trusted when head' differs from head. They have left
 * the ring, so they are dead or further on.
 *
 * A copy of a segment is good if the sequence number is the same before and after: within one number bytes are only
 * added, so those up to the first `used` do not change. The two segments of a kind are copied as a pair: the second may be
 * two numbers ahead of the first only if the first was sealed meanwhile, and its number is then another.
 *
 * Events come before NODE and OTHER, so that every node that an event names is in the copy or in the log. What is newer than
 * the copies (the log may hold it) is cut off by time in cursor.c.
 */
#include "read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

#define COPY_ATTEMPTS 1000
#define MOST_ENTRIES (1u << 20) /* of a ring, 3.2 */

/* ---- 2. The log -------------------------------------------------------------------------------------------------- */

bool rsd_read_at(int fd, void *to, size_t size, uint64_t offset) {
    uint8_t *at = to;
    while (size) {
        ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* 1: "A reader refuses a file whose major it does not know and names both versions." */
static bool version_ok(const char *name, unsigned major, unsigned minor, struct rsd_problems *problems) {
    if (major >= RESIDUE_FORMAT_OLDEST && major <= RESIDUE_FORMAT_MAJOR)
        return true;
    rsd_problem(problems, name, 8, "format %u.%u; this residue reads %u.x to %u.x: the file is left out", major, minor,
                RESIDUE_FORMAT_OLDEST, RESIDUE_FORMAT_MAJOR);
    return false;
}

/* "The same in all files of the trace". */
static bool trace_ok(const char *name, uint64_t trace_id, struct rsd_identity *identity,
                     struct rsd_problems *problems) {
    if (!identity->trace_id)
        identity->trace_id = trace_id;
    if (identity->trace_id == trace_id)
        return true;
    rsd_problem(problems, name, 16, "belongs to trace %016" PRIx64 ", not %016" PRIx64 ": the file is left out",
                trace_id, identity->trace_id);
    return false;
}

/* 2.1: the file header. A damaged one is a problem and no more: frames have their own. */
static bool file_header_ok(struct rsd_writer *writer, struct rsd_identity *identity, struct rsd_problems *problems) {
    struct residue_file_header h;
    if (!rsd_read_at(writer->log, &h, sizeof h, 0)) {
        if (writer->log_size)
            rsd_problem(problems, writer->log_name, 0, "cut within the file header");
        return false;
    }
    if (h.skip_magic != RESIDUE_SKIP_FILE || memcmp(h.magic, RESIDUE_FILE_MAGIC, sizeof h.magic) != 0) {
        rsd_problem(problems, writer->log_name, 0, "no file header: looking for frames behind it");
        return true;
    }
    if (h.writer != writer->number)
        rsd_problem(problems, writer->log_name, 20, "says it is of writer %u", h.writer);
    return version_ok(writer->log_name, h.major, h.minor, problems) &&
           trace_ok(writer->log_name, h.trace_id, identity, problems);
}

/* 2.2: "sequence number of the segment: per writer and kind, from 1, without gaps"; "A gap in the sequence is that many
 * segments lost". */
static void add_frame(struct rsd_writer *writer, const struct residue_frame_header *h, uint64_t offset,
                      struct rsd_problems *problems) {
    struct rsd_frames *frames = &writer->frames[h->kind];
    if (h->sequence <= frames->last_sequence) {
        rsd_problem(problems, writer->log_name, offset, "segment %u after segment %u: dropped", h->sequence,
                    frames->last_sequence);
        return;
    }
    uint32_t lost = h->sequence - frames->last_sequence - 1;
    if (lost)
        rsd_problem(problems, writer->log_name, offset, "%u segments of kind %u lost before this one", lost, h->kind);
    writer->lost += lost;
    frames->last_sequence = h->sequence;
    if (!h->records)
        return;
    RSD_ROOM(frames->list, frames->count, frames->capacity);
    frames->list[frames->count++] = (struct rsd_frame){
        .offset = offset,
        .first = h->first,
        .last = h->last,
        .sequence = h->sequence,
        .records = h->records,
        .raw_size = h->raw_size,
        .packed_size = h->packed_size,
        .kind = h->kind,
        .encoding = h->encoding,
    };
}

/* "After a frame that cannot be read a reader goes on at the next valid frame header." */
static uint64_t next_header(const struct rsd_writer *writer, uint64_t offset) {
    static const uint8_t magic[8] = {0x5b, 0x2a, 0x4d, 0x18, RESIDUE_HEADER_SIZE - 8};
    uint8_t chunk[65536];
    while (offset + RESIDUE_HEADER_SIZE <= writer->log_size) {
        uint64_t left = writer->log_size - offset;
        size_t size = left < sizeof chunk ? (size_t)left : sizeof chunk;
        if (!rsd_read_at(writer->log, chunk, size, offset))
            break;
        struct residue_frame_header h;
        for (uint8_t *at = chunk; (at = memmem(at, size - (size_t)(at - chunk), magic, sizeof magic)); at++) {
            uint64_t found = offset + (uint64_t)(at - chunk);
            if (rsd_read_at(writer->log, &h, sizeof h, found) && !rsd_frame_check(&h))
                return found;
        }
        if (size < sizeof chunk)
            break;
        offset += size - sizeof magic + 1;
    }
    return writer->log_size;
}

static void index_frames(struct rsd_writer *writer, bool running, struct rsd_problems *problems) {
    uint64_t offset = RESIDUE_HEADER_SIZE;
    while (offset < writer->log_size) {
        struct residue_frame_header h;
        uint64_t left = writer->log_size - offset;
        const char *why = "cut within a frame header";
        if (left >= sizeof h)
            why = rsd_read_at(writer->log, &h, sizeof h, offset) ? rsd_frame_check(&h) : "cannot be read";
        if (!why && h.packed_size > left - sizeof h)
            why = "cut within a frame";
        if (!why) {
            add_frame(writer, &h, offset, problems);
            offset += sizeof h + h.packed_size;
            continue;
        }
        uint64_t next = next_header(writer, offset + 1);
        if (!running || next < writer->log_size)
            rsd_problem(problems, writer->log_name, offset, "%s: %" PRIu64 " bytes skipped", why, next - offset);
        offset = next;
    }
}

/* ---- 3. The live file -------------------------------------------------------------------------------------------- */

struct live {
    const uint8_t *bytes; /* mapped; may change while we read */
    const struct residue_live_header *header;
    uint64_t size;   /* of the file; more is mapped, for it may get longer */
    uint64_t mapped; /* bytes */
    int fd;
    struct rsd_problems *problems;
};

static bool live_header_ok(const struct rsd_writer *writer, const struct live *live, struct rsd_identity *identity) {
    const struct residue_live_header *h = live->header;
    static const char none[sizeof h->magic];
    if (memcmp(h->magic, none, sizeof none) == 0)
        return false; /* made, and not yet in use */
    if (memcmp(h->magic, RESIDUE_LIVE_MAGIC, sizeof h->magic) != 0) {
        rsd_problem(live->problems, writer->live_name, 0, "no live header: the file is left out");
        return false;
    }
    if (h->writer != writer->number)
        rsd_problem(live->problems, writer->live_name, 12, "says it is of writer %u", h->writer);
    return version_ok(writer->live_name, h->major, h->minor, live->problems) &&
           trace_ok(writer->live_name, h->trace_id, identity, live->problems);
}

static uint64_t load(const uint64_t *word) {
    return atomic_load_explicit((const _Atomic uint64_t *)word, memory_order_acquire);
}

/* Where the descriptor of a segment stands: the first of its kind, or the second. */
static const struct residue_segment *descriptor(const struct residue_live_header *h, enum residue_kind kind, int side) {
    return side ? &h->second[kind] : &h->segment[kind];
}

static uint64_t descriptor_offset(enum residue_kind kind, int side) {
    return (side ? offsetof(struct residue_live_header, second) : offsetof(struct residue_live_header, segment)) +
           sizeof(struct residue_segment) * (uint64_t)kind;
}

/* Where a segment lies, by a descriptor that was read once: the program may write to the file as it likes. */
struct place {
    const struct residue_segment *descriptor;
    uint32_t offset, capacity;
};

static struct place place_of(const struct live *live, enum residue_kind kind, int side) {
    const struct residue_segment *s = descriptor(live->header, kind, side);
    return (struct place){s, __atomic_load_n(&s->offset, __ATOMIC_RELAXED),
                          __atomic_load_n(&s->capacity, __ATOMIC_RELAXED)};
}

/* 3.1: "A segment with capacity 0 is not in use. A commit word that says more than the capacity is damage." */
static bool segment_ok(const struct rsd_writer *writer, const struct live *live, const struct place *s,
                       enum residue_kind kind, int side) {
    uint64_t commit = load(&s->descriptor->commit), at = descriptor_offset(kind, side);
    if (!s->capacity)
        return false;
    if ((uint64_t)s->offset + s->capacity > live->size || s->capacity > RSD_MAX_CONTENT || s->offset % 8) {
        rsd_problem(live->problems, writer->live_name, at, "segment of kind %d lies outside of the file", kind);
        return false;
    }
    if (residue_commit_used(commit) > s->capacity) {
        rsd_problem(live->problems, writer->live_name, at, "segment of kind %d: %u bytes used of %u", kind,
                    residue_commit_used(commit), s->capacity);
        return false;
    }
    return true;
}

static void drop(struct rsd_open_segment *open) {
    free(open->rows);
    *open = (struct rsd_open_segment){0};
}

/* What `copy` has room for; false if the segment was sealed meanwhile. */
static bool copy_segment(struct rsd_open_segment *copy, const struct live *live, const struct place *s) {
    uint64_t commit = load(&s->descriptor->commit);
    uint32_t used = residue_commit_used(commit);
    if (used > s->capacity)
        return false;
    copy->sequence = residue_commit_sequence(commit);
    copy->size = used;
    memcpy(copy->rows, live->bytes + s->offset, used);
    atomic_thread_fence(memory_order_acquire);
    return residue_commit_sequence(load(&s->descriptor->commit)) == copy->sequence;
}

static bool copy_pair(struct rsd_open_segment copy[2], const struct live *live, const struct place place[2]) {
    for (int side = 0; side < 2; side++)
        if (copy[side].rows && !copy_segment(&copy[side], live, &place[side]))
            return false;
    return !copy[0].rows || residue_commit_sequence(load(&place[0].descriptor->commit)) == copy[0].sequence;
}

static void copy_segments(struct rsd_writer *writer, const struct live *live, enum residue_kind kind) {
    struct rsd_open_segment *copy = writer->copy[kind];
    const struct place place[2] = {place_of(live, kind, 0), place_of(live, kind, 1)};
    for (int side = 0; side < 2; side++)
        if (segment_ok(writer, live, &place[side], kind, side))
            copy[side].rows = rsd_alloc(place[side].capacity);
    for (int i = 0; i < COPY_ATTEMPTS; i++)
        if (copy_pair(copy, live, place))
            return;
    for (int side = 0; side < 2; side++)
        drop(&copy[side]);
    rsd_problem(live->problems, writer->live_name, descriptor_offset(kind, 0),
                "segments of kind %d could not be copied", kind);
}

/* The file may have been made longer, for a ring that doubled since it was mapped. */
static void look_at_size(struct live *live) {
    struct stat info;
    if (!fstat(live->fd, &info) && info.st_size > 0)
        live->size = (uint64_t)info.st_size < live->mapped ? (uint64_t)info.st_size : live->mapped;
}

static bool ring_ok(const struct rsd_writer *writer, struct live *live, const struct residue_ring *ring,
                    uint32_t offset, uint32_t capacity) {
    uint64_t end = offset + (uint64_t)capacity * sizeof(struct residue_alloc);
    bool sound = capacity <= MOST_ENTRIES && offset % 8 == 0;
    if (sound && end > live->size)
        look_at_size(live);
    if (sound && end <= live->size)
        return true;
    rsd_problem(live->problems, writer->live_name, (uint64_t)((const uint8_t *)ring - live->bytes),
                "the ring lies outside of the file, or is too large");
    return false;
}

/* 3.2: "The entries `head - capacity` to `head - 1`, each at its number modulo the capacity, are the youngest
 * allocations. An entry with `where` 0 is dead." Those of times up to `to` are taken. */
static void take_ring(struct rsd_writer *writer, const struct residue_alloc *entries, uint64_t capacity, uint64_t head,
                      uint64_t after, uint64_t to) {
    uint64_t begin = head > capacity ? head - capacity : 0, end = head;
    if (after > head && after >= capacity)
        begin = after - capacity + 1;
    if (head < capacity) /* written, perhaps, and not counted yet */
        end++;
    writer->ring = rsd_realloc(writer->ring, (writer->ring_count + capacity) * sizeof *writer->ring);
    for (uint64_t i = begin; i < end; i++) {
        struct residue_alloc entry = entries[i % capacity];
        entry.where &= ~RESIDUE_WHERE_LEAVING;
        if (entry.where && entry.time <= to)
            writer->ring[writer->ring_count++] = entry;
    }
}

/* "The capacity may double" while we look: what was copied is then only a part. */
static void copy_ring(struct rsd_writer *writer, struct live *live, const struct residue_ring *ring, uint64_t to) {
    const _Atomic uint32_t *shown = (const _Atomic uint32_t *)&ring->capacity;
    for (int i = 0; i < COPY_ATTEMPTS; i++) {
        uint32_t capacity = atomic_load_explicit(shown, memory_order_acquire);
        uint32_t offset = __atomic_load_n(&ring->offset, __ATOMIC_RELAXED);
        uint64_t size = (uint64_t)capacity * sizeof(struct residue_alloc);
        if (!offset || !capacity || !ring_ok(writer, live, ring, offset, capacity))
            return;
        uint64_t head = load(&ring->head);
        struct residue_alloc *entries = rsd_alloc(size);
        memcpy(entries, live->bytes + offset, size);
        atomic_thread_fence(memory_order_acquire);
        bool same = atomic_load_explicit(shown, memory_order_relaxed) == capacity;
        if (same)
            take_ring(writer, entries, capacity, head, load(&ring->head), to);
        free(entries);
        if (same)
            return;
    }
}

/* 3.2: "A young entry counts only if its time is greater than `moved`; an elder only if it is not". `moved` is looked at
 * between the two: what had not moved by then was in the young ones' ring when that was copied, or is newer than that. */
static void copy_rings(struct rsd_writer *writer, struct live *live) {
    copy_ring(writer, live, &live->header->ring, UINT64_MAX);
    uint64_t moved = load(&live->header->elders.moved);
    size_t kept = 0;
    for (size_t i = 0; i < writer->ring_count; i++)
        if (writer->ring[i].time > moved)
            writer->ring[kept++] = writer->ring[i];
    writer->ring_count = kept;
    copy_ring(writer, live, &live->header->elders, moved);
}

static void copy_live(struct rsd_writer *writer, struct live *live) {
    copy_rings(writer, live);
    for (int kind = 0; kind < RESIDUE_KINDS; kind++)
        copy_segments(writer, live, (enum residue_kind)kind);
    writer->has_live = true;
    writer->tid = live->header->tid;
    writer->serial = live->header->serial;
    for (size_t i = 0; i < RESIDUE_COUNTER_SLOTS; i++)
        writer->counter[i] = load(&live->header->counter[i]);
}

void rsd_writer_read_live(struct rsd_writer *writer, int fd, struct rsd_identity *identity,
                          struct rsd_problems *problems) {
    struct stat info;
    if (fd < 0 || fstat(fd, &info)) {
        rsd_problem(problems, writer->live_name, RSD_NO_OFFSET, "cannot be opened: %m");
    } else if (info.st_size < (off_t)RESIDUE_LIVE_HEADER_SIZE) {
        if (info.st_size)
            rsd_problem(problems, writer->live_name, (uint64_t)info.st_size, "cut within the live header");
    } else {
        size_t size = (size_t)info.st_size, mapped = size + MOST_ENTRIES * sizeof(struct residue_alloc);
        void *bytes = mmap(NULL, mapped, PROT_READ, MAP_SHARED, fd, 0);
        if (bytes != MAP_FAILED) {
            struct live live = {bytes, bytes, size, mapped, fd, problems};
            if (live_header_ok(writer, &live, identity))
                copy_live(writer, &live);
            munmap(bytes, mapped);
        } else {
            rsd_problem(problems, writer->live_name, RSD_NO_OFFSET, "cannot be mapped: %m");
        }
    }
    if (fd >= 0)
        close(fd);
}

/* ---- Log and live together --------------------------------------------------------------------------------------- */

static void widen(uint64_t from, uint64_t to, uint64_t *first, uint64_t *last) {
    if (from < *first)
        *first = from;
    if (to > *last)
        *last = to;
}

/* A record's time where the segment begins, and that of its last one. */
static void open_span(enum residue_kind kind, const struct rsd_open_segment *open, uint64_t *first, uint64_t *last) {
    if (!open->size)
        return;
    const uint8_t *at = open->rows, *end = open->rows + open->size;
    for (size_t size; at < end && (size = rsd_record_at(kind, at, end)); at += size)
        widen(rsd_time_at(kind, at), rsd_time_at(kind, at), first, last);
}

/* The time of the last record before an open segment, log and older segment taken together. */
static uint64_t last_time(const struct rsd_writer *writer, enum residue_kind kind) {
    const struct rsd_frames *frames = &writer->frames[kind];
    uint64_t first = UINT64_MAX, last = frames->count ? frames->list[frames->count - 1].last : 0;
    if (kind == RESIDUE_NODE)
        return 0;
    open_span(kind, &writer->open[kind], &first, &last);
    return last;
}

/* 3.1: "a live segment whose sequence number is in the log already is a copy and is dropped; otherwise its records are
 * newer than those of the log". `last`: the number before it. */
static void join_segment(struct rsd_writer *writer, enum residue_kind kind, int side, uint32_t *last,
                         struct rsd_problems *problems) {
    const struct rsd_open_segment *copy = &writer->copy[kind][side];
    struct rsd_open_segment *open = &writer->open[kind];
    if (copy->sequence <= *last)
        return;
    uint32_t lost = copy->sequence - *last - 1;
    *last = copy->sequence;
    if (lost)
        rsd_problem(problems, writer->live_name, descriptor_offset(kind, side),
                    "%u segments of kind %d lost before this one", lost, kind);
    writer->lost += lost;
    if (lost && kind == RESIDUE_NODE && copy->size) { /* the live file does not say with which id it begins */
        rsd_problem(problems, writer->live_name, RSD_NO_OFFSET,
                    "the ids of its nodes are lost: stacks will be missing");
        return;
    }
    const char *why = NULL;
    size_t good = rsd_rows_check(kind, copy->rows, copy->size, last_time(writer, kind), &why);
    if (why)
        rsd_problem(problems, writer->live_name, RSD_NO_OFFSET, "segment of kind %d, byte %zu: %s", kind, good, why);
    if (!open->sequence)
        open->sequence = copy->sequence;
    open->rows = rsd_realloc(open->rows, open->size + good);
    memcpy(open->rows + open->size, copy->rows, good);
    open->size += good;
}

/* The older of the two first. */
static void join_segments(struct rsd_writer *writer, enum residue_kind kind, struct rsd_problems *problems) {
    struct rsd_open_segment *copy = writer->copy[kind];
    uint32_t last = writer->frames[kind].last_sequence;
    int older = copy[1].sequence && copy[1].sequence < copy[0].sequence;
    join_segment(writer, kind, older, &last, problems);
    join_segment(writer, kind, !older, &last, problems);
    for (int side = 0; side < 2; side++)
        drop(&copy[side]);
}

static int by_time(const void *first, const void *second) {
    const struct residue_alloc *a = first, *b = second;
    return a->time < b->time ? -1 : a->time > b->time;
}

/* 3.2: "either only if its time is greater than that of the writer's last ALLOC record", and "the entry at
 * `head` modulo the capacity may be the youngest of all": hence the sorting. */
static void join_ring(struct rsd_writer *writer) {
    const struct rsd_open_segment *open = &writer->open[RESIDUE_ALLOC];
    const struct rsd_frames *frames = &writer->frames[RESIDUE_ALLOC];
    uint64_t last = frames->count ? frames->list[frames->count - 1].last : 0;
    if (open->size)
        last = rsd_time_at(RESIDUE_ALLOC, open->rows + open->size - sizeof(struct residue_alloc));
    size_t kept = 0;
    for (size_t i = 0; i < writer->ring_count; i++)
        if (writer->ring[i].time > last)
            writer->ring[kept++] = writer->ring[i];
    writer->ring_count = kept;
    if (kept)
        qsort(writer->ring, kept, sizeof *writer->ring, by_time);
}

void rsd_writer_read_log(struct rsd_writer *writer, int fd, struct rsd_identity *identity,
                         struct rsd_problems *problems) {
    struct stat info;
    writer->log = fd;
    if (writer->log < 0 || fstat(writer->log, &info)) {
        if (errno != ENOENT || !identity->running)
            rsd_problem(problems, writer->log_name, RSD_NO_OFFSET, "cannot be opened: %m");
    } else {
        writer->log_size = (uint64_t)info.st_size;
        if (file_header_ok(writer, identity, problems))
            index_frames(writer, identity->running, problems);
    }
    for (int kind = 0; kind < RESIDUE_KINDS; kind++)
        join_segments(writer, (enum residue_kind)kind, problems);
    join_ring(writer);
}

bool rsd_writer_span(const struct rsd_writer *writer, enum residue_kind kind, uint64_t *first, uint64_t *last) {
    const struct rsd_frames *frames = &writer->frames[kind];
    *first = UINT64_MAX;
    *last = 0;
    if (frames->count)
        widen(frames->list[0].first, frames->list[frames->count - 1].last, first, last);
    open_span(kind, &writer->open[kind], first, last);
    if (kind == RESIDUE_ALLOC && writer->ring_count)
        widen(writer->ring[0].time, writer->ring[writer->ring_count - 1].time, first, last);
    return *first <= *last;
}

void rsd_writer_free(struct rsd_writer *writer) {
    for (int kind = 0; kind < RESIDUE_KINDS; kind++) {
        free(writer->frames[kind].list);
        free(writer->open[kind].rows);
    }
    free(writer->ring);
    free(writer->log_name);
    free(writer->live_name);
    if (writer->log >= 0)
        close(writer->log);
}
