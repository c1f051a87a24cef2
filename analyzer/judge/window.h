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
    const char *start, *end; /* what these moments are */
    char *why;               /* the two as a sentence */
    bool may_move;           /* nobody chose its start */
    bool from_mark;          /* it begins at a mark */
};

struct rsd_curve_point {
    uint64_t time;
    double bytes;
};

/* False: there is no such mark. */
bool rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running);
/* What is known once the events have been read: the start moves to the knee of this curve, if it has one and that comes
 * later. True: it has moved. */
bool rsd_window_follow(struct rsd_window *window, const struct rsd_history *history,
                       const struct rsd_curve_point *curve, size_t count);

#endif
