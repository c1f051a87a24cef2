/*
 * The metrics: one table in the header, so that report, flame, diff and export know the same ones by the same names.
 */
#include "metric.h"

#include <math.h>
#include <string.h>

static const char *const key[] = {
#define X(name, key, title, text) key,
    RSD_METRICS(X)
#undef X
};

bool rsd_metric_named(const char *name, enum rsd_metric *metric) {
    for (int i = 0; i < RSD_METRIC_COUNT; i++)
        if (strcmp(name, key[i]) == 0) {
            *metric = (enum rsd_metric)i;
            return true;
        }
    return false;
}

const char *rsd_metric_name(enum rsd_metric metric) {
    return key[metric];
}

const char *rsd_metric_title(enum rsd_metric metric) {
    static const char *const title[] = {
#define X(name, key, title, text) title,
        RSD_METRICS(X)
#undef X
    };
    return title[metric];
}

const char *rsd_metric_list(void) {
    return "growth, outstanding, peak, temporary, allocated or calls";
}

bool rsd_metric_is_bytes(enum rsd_metric metric) {
    return metric != RSD_METRIC_TEMPORARY && metric != RSD_METRIC_CALLS;
}

int64_t rsd_metric_of(const struct rsd_site *site, enum rsd_metric metric) {
    switch (metric) {
    case RSD_METRIC_GROWTH:
        return rsd_site_growth(site);
    case RSD_METRIC_TEMPORARY:
        return (int64_t)(site->now.temporaries - site->start.temporaries);
    case RSD_METRIC_ALLOCATED:
        return (int64_t)(site->now.bytes - site->start.bytes);
    case RSD_METRIC_CALLS:
        return (int64_t)(site->now.calls - site->start.calls);
    default:
        return (int64_t)site->now.live_bytes;
    }
}

static double variance_of(const struct rsd_site *site, enum rsd_metric metric, int64_t value) {
    const struct rsd_sums *now = &site->now, *start = &site->start;
    switch (metric) {
    case RSD_METRIC_GROWTH: /* what was there all the time cannot have made it grow */
        return now->live_variance + start->live_variance - 2 * now->kept_variance;
    case RSD_METRIC_TEMPORARY:
        return now->temporaries_variance - start->temporaries_variance;
    case RSD_METRIC_ALLOCATED:
        return now->bytes_variance - start->bytes_variance;
    case RSD_METRIC_CALLS:
        return now->calls_variance - start->calls_variance;
    case RSD_METRIC_PEAK:
        return now->bytes ? now->bytes_variance / (double)now->bytes * (double)value : 0;
    default:
        return now->live_variance;
    }
}

double rsd_metric_error(const struct rsd_site *site, enum rsd_metric metric, int64_t value) {
    double seen = fmax(0, variance_of(site, metric, value)); /* sums of doubles that should be 0 may end below it */
    return sqrt(seen + (rsd_metric_is_bytes(metric) ? site->now.unseen_bytes : site->now.unseen_blocks));
}
