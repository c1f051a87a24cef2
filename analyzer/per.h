/* What values are divided by, so that runs of different length or work can be compared: `--per`. */
#ifndef RSD_PER_H
#define RSD_PER_H

#include <stddef.h>

#include "judge/window.h"

#define RSD_TRACES_MOST 26 /* in one comparison: each has a letter */

enum rsd_per_kind { RSD_PER_RUN, RSD_PER_MINUTE, RSD_PER_MARK, RSD_PER_REQUEST };

struct rsd_per {
    enum rsd_per_kind kind;
    double requests[RSD_TRACES_MOST]; /* REQUEST: how many each trace served */
    size_t request_count;
};

/* What a value of trace `number` is divided by; 0, with why in a few words: it cannot be told. */
double rsd_per_parts(const struct rsd_per *per, const struct rsd_window *window, size_t number, const char **why);
/* "run", "minute", "mark", "request" as in JSON */
const char *rsd_per_name(const struct rsd_per *per);

#endif
