/* Two reports, call site by call site. */
#ifndef RSD_DIFF_H
#define RSD_DIFF_H

#include "report/report.h"

enum rsd_side { RSD_A, RSD_B };

/* What values are divided by. */
enum rsd_per { RSD_PER_RUN, RSD_PER_MINUTE, RSD_PER_MARK };

struct rsd_difference {                /* one call site, or several that read the same */
    double value[2];                   /* of the metric, by side, divided as was asked for */
    uint64_t outstanding[2], calls[2]; /* of each side; calls in the window */
    uint32_t stack[2];                 /* of the largest member; RSD_NO_STACK: the side has none */
    bool moved; /* the stacks are not the same by name: only the modules and the JavaScript on them are */
};

struct rsd_diff {
    struct rsd_report *side[2];
    enum rsd_metric metric;
    enum rsd_per per;
    struct rsd_difference *list; /* largest change first */
    size_t count, capacity;
    double total[2];
    double matched; /* share of the outstanding bytes of both that stand on call sites of both; 1 when there are none */
};

void rsd_diff_make(struct rsd_diff *diff, struct rsd_report *a, struct rsd_report *b, enum rsd_per per);
void rsd_diff_free(struct rsd_diff *diff);

/* "gone" (B holds nothing any more), "new" (A held nothing), "grew", "shrank", "same" */
const char *rsd_difference_name(const struct rsd_difference *difference);
/* One sentence on what became of the leak. */
const char *rsd_diff_verdict(const struct rsd_diff *diff);

void rsd_diff_text(const struct rsd_diff *diff, size_t top, FILE *out);
void rsd_diff_json(const struct rsd_diff *diff, size_t top, FILE *out);

#endif
