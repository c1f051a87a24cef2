/* Call sites as a report shows them: joined by name, ranked, with their blocks. */
#ifndef RSD_GROUP_H
#define RSD_GROUP_H

#include "analysis.h"
#include "metric.h"
#include "names/names.h"

struct rsd_size {
    uint64_t bytes, blocks;
};

struct rsd_steps { /* blocks that were made between one mark and the next, and are still there */
    size_t count;  /* of the stretches that end with a mark */
    uint64_t least, most;
};

struct rsd_group {
    uint64_t id;            /* the same in each run */
    char *label;            /* what the members have in common; NULL: their stack, by name */
    struct rsd_site site;   /* sums over the members; the stack of the largest one */
    int64_t value;          /* by which it is ranked */
    double error;           /* the standard error of that; 0: it is exact */
    struct rsd_size *sizes; /* of the outstanding blocks, most bytes first; of those that are shown only */
    size_t size_count;
    uint64_t detailed;                /* blocks in `sizes` */
    struct rsd_steps steps;           /* of the marks in the window; of those that are shown only */
    double age_p10, age_p50, age_p90; /* seconds before the moment of analysis */
    struct rsd_trend trend;           /* STEADY and not looked into below RSD_JUDGED_GROWTH */
    double *level;                    /* its curve, RSD_LEVELS values; NULL where it was not looked into */
    const struct rsd_lasts *lasts;    /* the same without what died young; NULL where that is not known */
};

#define RSD_JUDGED_GROWTH 1024 /* bytes, up or down */

#define RSD_NO_GROUP UINT32_MAX

struct rsd_groups {
    struct rsd_group *list; /* by rank, from 0 */
    size_t count, capacity;
    uint32_t *of_site; /* index in `list` by site; RSD_NO_GROUP for the tracer's own */
    size_t site_count;
    enum rsd_metric metric;       /* by which they are ranked */
    size_t shown;                 /* how many are wanted */
    int peak;                     /* by PEAK: the slice at whose end all together had most; values are of then, ... */
    double peak_bytes;            /* ... when it was this */
    double (*levels)[RSD_LEVELS]; /* the curves of those that have one */
    struct rsd_lasts *lasts;
};

/* How sites are joined and ranked. */
struct rsd_grouping {
    enum rsd_metric metric;
    /* What the sites of a group have in common, to be freed; NULL: the names on their stacks. */
    char *(*label)(void *context, uint32_t stack);
    void *context;
};

/* Join the sites of one set, judge their curves over the window, and rank them; by growth leaks come first. `lasting`: NULL
 * where it is not known what died young. */
void rsd_groups_make(struct rsd_groups *groups, const struct rsd_sites *sites, const struct rsd_series *series,
                     const struct rsd_lasting *lasting, const struct rsd_span *span,
                     const struct rsd_grouping *grouping, struct rsd_names *names);
/* The curve that a group's verdict was told from; NULL where it has none. */
const double *rsd_group_curve(const struct rsd_group *group);
/* Growth over the window by that curve: without what died young, unless `trend.whole`. */
int64_t rsd_group_growth(const struct rsd_group *group);
/* Rank them again, by other verdicts. */
void rsd_groups_rank(struct rsd_groups *groups);
void rsd_groups_free(struct rsd_groups *groups);
/* Find sizes and ages of the first `shown` groups; `mappings`: they are of mappings, not of blocks. */
void rsd_groups_detail(struct rsd_groups *groups, size_t shown, const struct rsd_analysis *analysis, bool mappings);
/* The index of the group that a user names by its id or its rank; groups->count when there is none. */
size_t rsd_groups_find(const struct rsd_groups *groups, const char *name);

#endif
