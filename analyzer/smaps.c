/*
 * Samples of /proc/self/smaps. "MAPPING: one line group of /proc/self/smaps with resident pages"; the records of a sample
 * stand one behind the other in the order of addresses, so a sample ends where an address goes back. The last one of a
 * trace may have been cut off by a kill: one with less than half of the bytes of the sample before is taken for cut.
 */
#include "smaps.h"

#include "memory.h"

void rsd_smaps_free(struct rsd_smaps *smaps) {
    for (size_t i = 0; i < smaps->count; i++)
        free(smaps->list[i].name);
    free(smaps->list);
    *smaps = (struct rsd_smaps){0};
}

static void add(struct rsd_smaps *sample, const struct rsd_tagged *r) {
    RSD_ROOM(sample->list, sample->count, sample->capacity);
    sample->list[sample->count++] = (struct rsd_resident){.start = r->mapping.start,
                                                          .end = r->mapping.end,
                                                          .bytes = r->mapping.rss_bytes,
                                                          .anonymous_bytes = r->mapping.anonymous_bytes,
                                                          .prot = r->mapping.prot,
                                                          .name = rsd_strndup(r->first.bytes, r->first.size)};
    sample->time = r->time;
}

static uint64_t total(const struct rsd_smaps *sample) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < sample->count; i++)
        bytes += sample->list[i].bytes;
    return bytes;
}

static void copy(struct rsd_smaps *to, const struct rsd_smaps *from) {
    *to = (struct rsd_smaps){.time = from->time, .list = rsd_alloc(from->count * sizeof *to->list)};
    for (; to->count < from->count; to->count++) {
        to->list[to->count] = from->list[to->count];
        to->list[to->count].name = rsd_strdup(from->list[to->count].name);
    }
    to->capacity = to->count;
}

/* Hand each sample up to `to` to `take`, which may keep it and leave an empty one behind. */
static void each_sample(struct rsd_trace *trace, struct rsd_source *source, uint64_t to,
                        void (*take)(void *context, struct rsd_smaps *sample, bool is_last), void *context) {
    struct rsd_smaps sample = {0};
    struct rsd_cursor cursor;
    size_t place = rsd_trace_place(trace, RESIDUE_PROCESS_WRITER);
    if (place == trace->writer_count)
        return;
    bool more = rsd_cursor_open(&cursor, &trace->writers[place], RESIDUE_OTHER, source);
    while (more && cursor.time <= to) {
        struct rsd_tagged r;
        if (!rsd_cursor_load(&cursor)) {
            more = cursor.time != UINT64_MAX;
            continue;
        }
        if (cursor.time > to)
            break;
        size_t size = rsd_record_at(RESIDUE_OTHER, cursor.record, cursor.end);
        if (rsd_tagged_parse(&r, cursor.record, size) == RSD_TAGGED_OK && r.tag == RESIDUE_TAG_MAPPING) {
            if (sample.count && r.mapping.start <= sample.list[sample.count - 1].start) {
                take(context, &sample, false);
                rsd_smaps_free(&sample);
            }
            add(&sample, &r);
        }
        more = rsd_cursor_next(&cursor);
    }
    take(context, &sample, true);
    rsd_smaps_free(&sample);
    rsd_cursor_close(&cursor);
}

struct ends {
    struct rsd_smaps *end; /* two */
    uint64_t from;
};

static bool is_cut(const struct rsd_smaps *sample, const struct rsd_smaps *before, bool is_last) {
    return is_last && before->time && total(sample) < total(before) / 2;
}

/* A sample is whole: it is the first, or takes the place of the last. */
static void keep_ends(void *context, struct rsd_smaps *sample, bool is_last) {
    const struct ends *ends = context;
    if (!sample->time || sample->time < ends->from || is_cut(sample, &ends->end[1], is_last))
        return;
    rsd_smaps_free(&ends->end[1]);
    ends->end[1] = *sample;
    *sample = (struct rsd_smaps){0};
    if (!ends->end[0].time)
        copy(&ends->end[0], &ends->end[1]);
}

void rsd_smaps_read(struct rsd_smaps ends[2], struct rsd_trace *trace, struct rsd_source *source, uint64_t from,
                    uint64_t to) {
    ends[0] = ends[1] = (struct rsd_smaps){0};
    each_sample(trace, source, to, keep_ends, &(struct ends){ends, from});
}

struct some { /* every `stride`th sample; when there is no room, every second one goes */
    struct rsd_smaps *list;
    size_t count, most, seen, stride;
};

static void thin_out(struct some *some) {
    size_t kept = 0;
    for (size_t i = 0; i < some->count; i++)
        if (i % 2 == 0)
            some->list[kept++] = some->list[i];
        else
            rsd_smaps_free(&some->list[i]);
    some->count = kept;
    some->stride *= 2;
}

static void keep_some(void *context, struct rsd_smaps *sample, bool is_last) {
    struct some *some = context;
    if (!sample->time || (some->count && is_cut(sample, &some->list[some->count - 1], is_last)))
        return;
    if (some->count == some->most)
        thin_out(some);
    if (some->seen++ % some->stride != 0)
        return;
    some->list[some->count++] = *sample;
    *sample = (struct rsd_smaps){0};
}

size_t rsd_smaps_read_some(struct rsd_smaps **list, size_t most, struct rsd_trace *trace, struct rsd_source *source,
                           uint64_t to) {
    struct some some = {.list = rsd_alloc(most * sizeof *some.list), .most = most, .stride = 1};
    each_sample(trace, source, to, keep_some, &some);
    *list = some.list;
    return some.count;
}
