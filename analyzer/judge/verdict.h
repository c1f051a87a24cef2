/* What happened to the process's memory, in one word, with the figures that it rests on. */
#ifndef RSD_VERDICT_H
#define RSD_VERDICT_H

#include "group.h"

enum rsd_cause {
    RSD_CAUSE_SHORT,     /* it cannot be told, for one of these reasons: */
    RSD_CAUSE_NONE,      /* nothing grows that would matter */
    RSD_CAUSE_LEAK,      /* blocks of the malloc family, or mappings, that are never given back */
    RSD_CAUSE_PLATEAU,   /* native memory grew and stopped: a cache that filled */
    RSD_CAUSE_CHURN,     /* it rises and falls */
    RSD_CAUSE_STARTUP,   /* it grew at the start of the window only */
    RSD_CAUSE_RETENTION, /* the program freed it, malloc keeps it */
    RSD_CAUSE_JS_HEAP,   /* V8's own heap grows */
    RSD_CAUSE_BUNDLED,   /* a library's own allocator grows in what it mapped before */
};

enum rsd_doubt {
    RSD_DOUBT_LENGTH,  /* the window is too short, or has too few steps */
    RSD_DOUBT_NOTHING, /* recording was off all the time */
    RSD_DOUBT_COARSE,  /* samples are too few for what is to be told */
};

struct rsd_judgement {
    enum rsd_cause cause;
    enum rsd_doubt doubt;  /* SHORT */
    int64_t bytes;         /* what the cause accounts for in the window */
    double rate;           /* bytes per second; leak, js-heap: from the curves, else bytes over the window */
    double p;              /* LEAK: of the curve of all that leaks */
    double late;           /* LEAK: share of the growth in the window's second half */
    double late_rate;      /* LEAK: bytes per second in its last quarter */
    double since_s;        /* LEAK: when it began, if that was late in the window; else 0 */
    uint64_t every;        /* SHORT by COARSE: bytes from sample to sample */
    double more_s;         /* SHORT by LENGTH: seconds that the recording should go on */
    struct rsd_trend rows; /* RETENTION, BUNDLED: of the ledgers; verdict SHORT where these are too few */
    bool by_mappings;      /* LEAK: mappings leak, not blocks */
    uint32_t owner;        /* BUNDLED, LEAK by mappings: the library, or RSD_NO_BINARY */
    size_t leaks;          /* call sites that leak; 0: all together do, and none of them alone */
    int64_t rss_growth;    /* over the window */
    uint64_t rss_end;
};

/* `heap` and `mappings` are the groups of the analysis. Of those that look like leaks some turn out to have MOVED, and they are
 * ranked anew. */
void rsd_judge(struct rsd_judgement *judgement, const struct rsd_analysis *analysis, struct rsd_groups *heap,
               struct rsd_groups *mappings, struct rsd_names *names);

#define RSD_SLOWING 0.4 /* LEAK: with less of the growth in the second half it slows down */

/* "leak", "js-heap", ... as in JSON */
const char *rsd_cause_name(enum rsd_cause cause);
/* What it means and what to do, in one or two sentences. */
const char *rsd_judgement_advice(const struct rsd_judgement *judgement);

#endif
