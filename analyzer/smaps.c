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

/* A sample is whole: it is the first, or takes the place of the last. */
static void keep(struct rsd_smaps ends[2], struct rsd_smaps *sample, uint64_t from, bool is_last) {
    bool cut = is_last && ends[1].time && total(sample) < total(&ends[1]) / 2;
    if (sample->time && sample->time >= from && !cut) {
        rsd_smaps_free(&ends[1]);
        ends[1] = *sample;
        *sample = (struct rsd_smaps){0};
        if (!ends[0].time)
            copy(&ends[0], &ends[1]);
    }
    rsd_smaps_free(sample);
}

void rsd_smaps_read(struct rsd_smaps ends[2], struct rsd_trace *trace, struct rsd_source *source, uint64_t from,
                    uint64_t to) {
    struct rsd_smaps sample = {0};
    struct rsd_cursor cursor;
    size_t place = rsd_trace_place(trace, RESIDUE_PROCESS_WRITER);
    ends[0] = ends[1] = (struct rsd_smaps){0};
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
            if (sample.count && r.mapping.start <= sample.list[sample.count - 1].start)
                keep(ends, &sample, from, false);
            add(&sample, &r);
        }
        more = rsd_cursor_next(&cursor);
    }
    keep(ends, &sample, from, true);
    rsd_cursor_close(&cursor);
}
