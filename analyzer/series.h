/* How outstanding bytes of each call site went over the window. */
#ifndef RSD_SERIES_H
#define RSD_SERIES_H

#include "judge/trend.h"
#include "sites.h"

struct rsd_change { /* a site's new level at the end of a slice */
    uint32_t slice, site;
    uint64_t bytes;
};

struct rsd_series {
    struct rsd_change *changes; /* by slice */
    size_t count, capacity;
    uint64_t *last; /* by site: the level that was noted last */
    size_t site_count;
};

/* Note the levels of all sites at the end of slice 1 to RSD_SLICES; slice 0: at the start of the window. */
void rsd_series_note(struct rsd_series *series, const struct rsd_sites *sites, uint32_t slice);
void rsd_series_free(struct rsd_series *series);

#define RSD_NO_ROW UINT32_MAX

/* Sum the curves of the sites into rows: `row` gives the row of each site or RSD_NO_ROW. To be freed. */
double (*rsd_series_rows(const struct rsd_series *series, const uint32_t *row, size_t rows))[RSD_LEVELS];

#endif
