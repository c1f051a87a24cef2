/*
 * The curves of all call sites, sparse: what did not change in a slice costs nothing. A slice ends with one walk over
 * the sites, so the pass over the events knows nothing of this.
 *
 * In a trace with a nursery the levels are exact at barriers. Between two a block that was in a ring then and died in it
 * later is missing: it lowers the curve by what is short-lived, and what is short-lived is no leak.
 */
#include "series.h"

#include <string.h>

#include "memory.h"

void rsd_series_note(struct rsd_series *series, const struct rsd_sites *sites, uint32_t slice) {
    if (sites->count > series->site_count) {
        series->last = rsd_realloc(series->last, sites->count * sizeof *series->last);
        memset(series->last + series->site_count, 0, (sites->count - series->site_count) * sizeof *series->last);
        series->site_count = sites->count;
    }
    for (size_t i = 0; i < sites->count; i++) {
        uint64_t bytes = sites->list[i].now.live_bytes;
        if (bytes == series->last[i])
            continue;
        RSD_ROOM(series->changes, series->count, series->capacity);
        series->changes[series->count++] = (struct rsd_change){slice, (uint32_t)i, bytes};
        series->last[i] = bytes;
    }
}

void rsd_series_free(struct rsd_series *series) {
    free(series->changes);
    free(series->last);
    *series = (struct rsd_series){0};
}

double (*rsd_series_rows(const struct rsd_series *series, const uint32_t *row, size_t rows))[RSD_LEVELS] {
    double(*level)[RSD_LEVELS] = rsd_zalloc(rows, sizeof *level);
    uint64_t *last = rsd_zalloc(series->site_count, sizeof *last);
    for (size_t i = 0; i < series->count; i++) { /* steps first, ... */
        const struct rsd_change *change = &series->changes[i];
        if (row[change->site] < rows)
            level[row[change->site]][change->slice] += (double)change->bytes - (double)last[change->site];
        last[change->site] = change->bytes;
    }
    for (size_t i = 0; i < rows; i++) /* ... then levels */
        for (int slice = 1; slice < RSD_LEVELS; slice++)
            level[i][slice] += level[i][slice - 1];
    free(last);
    return level;
}
