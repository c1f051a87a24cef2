/* A progress bar on stderr, for work that lasts more than a second in front of a person. */
#ifndef RSD_PROGRESS_H
#define RSD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct rsd_progress {
    bool wanted, shown;
    uint64_t whole;
    double begin, next; /* seconds on the monotonic clock */
};

void rsd_progress_begin(struct rsd_progress *progress, uint64_t whole, bool quiet);
void rsd_progress_at(struct rsd_progress *progress, uint64_t done);
void rsd_progress_end(struct rsd_progress *progress);

#endif
