/* A trace, analysed: what report, flame and stat show. */
#ifndef RSD_ANALYSIS_H
#define RSD_ANALYSIS_H

#include "judge/ledger.h"
#include "judge/window.h"
#include "late.h"
#include "pairing.h"
#include "series.h"
#include "smaps.h"
#include "stacks.h"
#include "trace.h"

struct rsd_point { /* of the timeline: one MEMORY record */
    uint64_t time;
    uint64_t rss_bytes, live_bytes, mapped_bytes;
};

struct rsd_analysis {
    struct rsd_trace trace;
    struct rsd_source source;
    struct rsd_history history;
    struct rsd_stacks stacks;
    struct rsd_window window;
    struct rsd_span span; /* the window, for trends */
    struct rsd_late late;
    struct rsd_pairing pairing; /* as it stands at the end of the window */
    struct rsd_sums heap_start, mappings_start;
    struct rsd_series heap_series, mapping_series;
    struct rsd_smaps_list smaps;               /* of the window */
    struct rsd_ledger ledgers[RSD_SMAPS_MOST]; /* of these */
    size_t ledger_count;
    struct rsd_ledger ledger[2]; /* the first and the last of them; time 0 where there is none */
    struct rsd_point *timeline;
    size_t point_count;
    uint64_t events; /* merged */
};

struct rsd_analysis_options {
    struct rsd_window_options window;
    bool quiet; /* no progress bar */
};

/* Open and analyse the trace at `path`. False, with *why (to be freed): nothing could be read. */
bool rsd_analyse(struct rsd_analysis *analysis, const char *path, const struct rsd_analysis_options *options,
                 char **why);
/* The same without the events: history only, for a list of traces. */
bool rsd_analyse_outline(struct rsd_analysis *analysis, const char *path, char **why);
void rsd_analysis_free(struct rsd_analysis *analysis);

/* How the process ended. *value: exit status or signal when it is known, else -1. */
enum rsd_end rsd_analysis_end(const struct rsd_analysis *analysis, int *value);

#endif
