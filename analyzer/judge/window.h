/* The analysed window: from which moment to which, and why. */
#ifndef RSD_WINDOW_H
#define RSD_WINDOW_H

#include "history.h"

enum rsd_at { RSD_AT_DEFAULT, RSD_AT_TEARDOWN, RSD_AT_END, RSD_AT_EXIT };

struct rsd_window_options {
    bool has_from, has_to;
    double from, to; /* seconds */
    enum rsd_at at;
};

struct rsd_window {
    uint64_t from, to; /* what happened at `from` is before the window, what happened at `to` is inside */
    double from_s, to_s;
    char *why;
};

void rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running);

#endif
