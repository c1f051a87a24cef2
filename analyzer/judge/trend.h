/* What a curve of outstanding bytes says: does it grow without bound, fill up, swing, or stand? */
#ifndef RSD_TREND_H
#define RSD_TREND_H

#include <stdbool.h>
#include <stddef.h>

/* A curve is a level at the start of the window and one at the end of each of RSD_SLICES equal parts of it. */
#define RSD_SLICES 64
#define RSD_LEVELS (RSD_SLICES + 1)

enum rsd_verdict {
    RSD_VERDICT_SHORT,   /* the window is too short to tell */
    RSD_VERDICT_STEADY,  /* no growth to speak of */
    RSD_VERDICT_LEAK,    /* grows, and still does at the end */
    RSD_VERDICT_PLATEAU, /* grew and stopped: a cache that filled */
    RSD_VERDICT_STARTUP, /* the same, in the first fifth of the window */
    RSD_VERDICT_CHURN,   /* rises and falls: what is held is given back again */
    RSD_VERDICT_FALLING, /* is given back, and not taken again */
    RSD_VERDICT_UNCLEAR, /* grew, in too few steps to tell how it goes on */
    RSD_VERDICT_MOVED,   /* grew as a leak does, by what its kin lost: no curve says so, but verdict.c */
};

#define RSD_TREND_SHORTEST 5.0 /* seconds: a window below says nothing about what a collector or a cache will do */

struct rsd_trend {
    enum rsd_verdict verdict;
    double rate;      /* bytes per second: Theil-Sen slope of the floors */
    double p;         /* one-sided, Mann-Kendall on the floors: how likely so steady a rise is without a trend */
    double late_rate; /* the same of the window's last quarter */
    double since;     /* share of the window that has passed when the rise begins: 0, unless it begins late */
    double late;      /* share of the rise of the floors that lies in the second half; 0.5 for a straight line */
    int rises;        /* floors that are higher than the one before, of RSD_FLOORS - 1 */
    bool whole;       /* where it is known what lasts: told from all that was outstanding nevertheless */
};

#define RSD_FLOORS 16 /* the curve is judged by the lowest level in each sixteenth of the window */

#define RSD_TREND_STEPS 8 /* rises that make a trend plain; fewer are UNCLEAR, where chance could have them */

/* The window of a curve: how long, and how much of the process's work was done by each level, from 0 to 1. */
struct rsd_span {
    double seconds;
    double work[RSD_LEVELS];
};
/* A window in which work goes on evenly. */
struct rsd_span rsd_span_even(double seconds);

struct rsd_trend rsd_trend_of(const double level[RSD_LEVELS], const struct rsd_span *span);

/* What lasts of a curve: all but what died young. */
struct rsd_lasts {
    double level[RSD_LEVELS];
    double kept; /* of what was made in the first three quarters of the window: bytes outstanding at its end */
};

/* The same of a curve of which it is known what lasts. */
struct rsd_trend rsd_trend_of_lasting(const double level[RSD_LEVELS], const struct rsd_lasts *lasts,
                                      const struct rsd_span *span);

/* "leak", "plateau", ... as in JSON and in text */
const char *rsd_verdict_name(enum rsd_verdict verdict);

#endif
