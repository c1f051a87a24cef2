/* How outstanding bytes of each call site went over the window, without what died young. */
#ifndef RSD_LASTING_H
#define RSD_LASTING_H

#include "judge/trend.h"
#include "live.h"

/* A block lasts if it lived for so many slices of the window: an eighth of it. */
#define RSD_LASTING_SLICES (RSD_SLICES / 8)

struct rsd_lasted {            /* of one call site, in bytes */
    double change[RSD_LEVELS]; /* of what lasted, in the slice that ends with that level */
    double
        young[RSD_LASTING_SLICES]; /* made in each of the last slices, and outstanding at the end: may last, or not */
    double kept;                   /* made in the first three quarters, and outstanding at the end */
};

struct rsd_lasting {
    uint64_t from, length; /* of the window, ticks */
    uint64_t age;          /* that lasts, ticks */
    struct rsd_lasted *list;
    size_t count, capacity;
    uint32_t *of_site; /* place in `list` + 1, 0: none */
    size_t site_count;
};

void rsd_lasting_open(struct rsd_lasting *lasting, uint64_t from, uint64_t to);
void rsd_lasting_close(struct rsd_lasting *lasting);

/* A block died at an age that lasts. */
void rsd_lasting_died(struct rsd_lasting *lasting, uint32_t site, double bytes, uint64_t born, uint64_t died);
/* A block is outstanding at the end of the window. */
void rsd_lasting_stayed(struct rsd_lasting *lasting, uint32_t site, double bytes, uint64_t born);

/* Sum the curves of the sites into rows, as rsd_series_rows does; `level` are the rows of that. To be freed. */
struct rsd_lasts *rsd_lasting_rows(const struct rsd_lasting *lasting, const uint32_t *row, size_t sites,
                                   double (*level)[RSD_LEVELS], size_t rows);

#endif
