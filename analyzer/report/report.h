/* Reports on an analysed trace: for people, for programs, for flame graphs. */
#ifndef RSD_REPORT_H
#define RSD_REPORT_H

#include <stdio.h>

#include "analysis.h"
#include "group.h"
#include "judge/verdict.h"
#include "names/elf.h"
#include "names/names.h"
#include "text.h"

/* What call sites are joined by. */
enum rsd_by { RSD_BY_SITE, RSD_BY_JS, RSD_BY_PACKAGE, RSD_BY_MODULE };

struct rsd_report_options {
    size_t top;       /* call sites shown; 0: all */
    bool heavy;       /* as text, of these only the first few and those with a hundredth of the whole */
    const char *site; /* an id or a rank: show this one only; or NULL */
    enum rsd_metric metric;
    enum rsd_by by;
    bool internals;   /* show V8's own frames */
    bool source_maps; /* show JavaScript as its source maps have it */
    double work;      /* units of work done in the window, such as requests; 0: not known */
    uint64_t limit;   /* bytes of RSS that the process may have; 0: not known */
    struct rsd_places places;
};

/* Where the program lies, beside the same one in other traces (roots.h). */
struct rsd_root {
    char *from, *to; /* what lies below the one lies below the other in the first of the traces */
    char *folder;    /* there names are relative to it; empty: they are not */
};

struct rsd_report {
    struct rsd_analysis *analysis;
    struct rsd_names *names;
    struct rsd_groups heap, mappings;
    struct rsd_judgement judgement;
    struct rsd_report_options options;
    size_t top;           /* call sites shown; already within heap.count */
    size_t only;          /* the one that the user asked for, or SIZE_MAX */
    struct rsd_root root; /* once it is compared with others */
};

/* False, with a message on stderr: there is no such site. */
bool rsd_report_make(struct rsd_report *report, struct rsd_analysis *analysis,
                     const struct rsd_report_options *options);
void rsd_report_free(struct rsd_report *report);

void rsd_report_text(struct rsd_report *report, FILE *out);
void rsd_report_json(struct rsd_report *report, FILE *out);

/* Folded stacks by the metric of the options; of several reports the sum. */
void rsd_report_flame(struct rsd_report *report, FILE *out);
void rsd_reports_flame(struct rsd_report *const *reports, size_t count, FILE *out);
void rsd_report_stat(struct rsd_analysis *analysis, FILE *out);

/* The frames of a stack, one after the other, leaf first. Runs of code of JavaScript without names are one step. */
struct rsd_walk {
    struct rsd_names *names;
    const struct rsd_history *history;
    const struct rsd_stacks *stacks;
    uint32_t node;                  /* to be visited next */
    const struct rsd_named *frames; /* of the present node, not given out yet */
    size_t left;
    bool join_runs;
    size_t run;      /* of the present step: 0 for a frame, else how many nameless frames it stands for */
    size_t builtins; /* how many of those are V8's own */
};
void rsd_walk_begin(struct rsd_walk *walk, struct rsd_report *report, uint32_t stack, bool join_runs);
/* Is it a package, and another than node itself? */
bool rsd_is_foreign(const char *package);
/* Whose a stack is: "resizeAvatar /app/avatar.js:57", "sharp@0.33.5", "libvips-cpp.so.42"; to be freed. */
char *rsd_blame(struct rsd_report *report, uint32_t stack, enum rsd_by by);
/* The function by which the package that is to blame was entered: what its caller knows it by. NULL: no frame has a name. */
const struct rsd_named *rsd_culprit(struct rsd_report *report, uint32_t stack);
/* The next frame, NULL at the root side's end. With walk->run > 0 the frame is the first of the run. */
const struct rsd_named *rsd_walk_next(struct rsd_walk *walk);

/* That figures are estimates, and from which samples; NULL: they are exact. To be freed. */
char *rsd_estimates(const struct rsd_analysis *analysis);
/* " ± 12.0 KiB", or nothing when the error is 0: it is exact. */
struct rsd_short rsd_error_text(double error, bool bytes);

/* By the metric PEAK: when the call sites had what is shown of them, in seconds. */
double rsd_peak_s(const struct rsd_report *report);

/* argv as one line; to be freed. */
char *rsd_command_line(const struct rsd_meta *meta);
/* "exit", "signal", "running", "unknown" */
const char *rsd_end_name(enum rsd_end end);
/* "cfi", ... as in the JSON; NULL for a frame that needed no source. */
const char *rsd_source_name(enum residue_source source);
/* Why a stack is incomplete; NULL when it reaches the root. */
const char *rsd_end_text(unsigned end);

struct rsd_recorder_sums {
    uint64_t counter[RESIDUE_COUNTER_SLOTS];
    uint64_t dropped;
    uint64_t stacks, complete; /* stacks walked, and those that reach a root */
};
void rsd_recorder_sums(const struct rsd_trace *trace, struct rsd_recorder_sums *sums);

#endif
