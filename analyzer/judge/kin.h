/* Growth of call sites, summed by what becomes of it. What moved from one to its kin is no leak. */
#ifndef RSD_KIN_H
#define RSD_KIN_H

#include "group.h"

struct rsd_growth { /* over the window, bytes */
    int64_t leaking, filled, startup, unclear;
    int rises; /* of the largest that is unclear */
    int64_t most_unclear;
    size_t leaks;           /* call sites that leak */
    struct rsd_trend trend; /* of all that leaks */
    int64_t most_leaking;   /* of one call site ... */
    uint32_t stack;         /* ... and its stack */
};

#define RSD_PLAIN 0.001 /* p of a curve that was looked for among many; of all that leaks together */

/* Sum the groups of a list. Those that look like leaks and have moved are MOVED from now on. True: there are some. */
bool rsd_growth_sum(struct rsd_growth *growth, struct rsd_group *const *list, size_t count, const struct rsd_span *span,
                    struct rsd_names *names);

#endif
