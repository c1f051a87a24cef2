/* The analysed window: from which moment to which, and why. */
#ifndef RSD_WINDOW_H
#define RSD_WINDOW_H

#include "history.h"

enum rsd_at { RSD_AT_DEFAULT, RSD_AT_TEARDOWN, RSD_AT_END, RSD_AT_EXIT };

struct rsd_window_options {
    bool has_from, has_to;
    double from, to;                 /* seconds */
    const char *from_mark, *to_mark; /* names of marks, instead; or NULL */
    enum rsd_at at;
};

struct rsd_window {
    size_t marks;      /* marks inside, the one at its end included */
    uint64_t from, to; /* what happened at `from` is before the window, what happened at `to` is inside */
    double from_s, to_s;
    char *why;
};

/* False: there is no such mark. */
bool rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running);

#endif
