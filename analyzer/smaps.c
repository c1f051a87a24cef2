/*
 * Samples of /proc/self/smaps. "MAPPING: one line group of /proc/self/smaps with resident pages"; the records of a sample
 * stand one behind the other in the order of addresses, so a sample ends where an address goes back. The last one of a
 * trace may have been cut off by a kill: one with less than half of the bytes of the sample before is taken for cut.
 */
#include "smaps.h"

#include "memory.h"

static void drop(struct rsd_smaps *smaps) {
    for (size_t i = 0; i < smaps->count; i++)
        free(smaps->list[i].name);
    free(smaps->list);
    *smaps = (struct rsd_smaps){0};
}

void rsd_smaps_free(struct rsd_smaps_list *list) {
    for (size_t i = 0; i < list->count; i++)
        drop(&list->sample[i]);
    *list = (struct rsd_smaps_list){0};
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

/* No room: every second one goes. */
static void thin_out(struct rsd_smaps_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (i % 2)
            drop(&list->sample[i]);
        else
            list->sample[kept++] = list->sample[i];
    list->count = kept;
    list->step *= 2;
}

/* The last of the list is the newest there is; the one before it, and all further ones, are there to stay. */
static void take(struct rsd_smaps_list *list, struct rsd_smaps *sample) {
    bool newest_stays = list->count < 2 || (list->passed - 1) % list->step == 0;
    if (!newest_stays)
        drop(&list->sample[--list->count]);
    if (list->count == RSD_SMAPS_MOST)
        thin_out(list);
    list->sample[list->count++] = *sample;
    list->passed++;
    *sample = (struct rsd_smaps){0};
}

static void keep(struct rsd_smaps_list *list, struct rsd_smaps *sample, uint64_t from, bool is_last) {
    const struct rsd_smaps *before = list->count ? &list->sample[list->count - 1] : NULL;
    bool cut = is_last && before && total(sample) < total(before) / 2;
    if (sample->time && sample->time >= from && !cut)
        take(list, sample);
    drop(sample);
}

void rsd_smaps_read(struct rsd_smaps_list *list, struct rsd_trace *trace, struct rsd_source *source, uint64_t from,
                    uint64_t to) {
    struct rsd_smaps sample = {0};
    struct rsd_cursor cursor;
    size_t place = rsd_trace_place(trace, RESIDUE_PROCESS_WRITER);
    *list = (struct rsd_smaps_list){.step = 1};
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
                keep(list, &sample, from, false);
            add(&sample, &r);
        }
        more = rsd_cursor_next(&cursor);
    }
    keep(list, &sample, from, true);
    rsd_cursor_close(&cursor);
}
