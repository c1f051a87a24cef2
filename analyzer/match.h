/* Several reports, call site by call site: versions of a library, or workers of one service. */
#ifndef RSD_MATCH_H
#define RSD_MATCH_H

#include "per.h"
#include "report/report.h"

struct rsd_part {                /* of a row, on one side */
    double value;                /* of the metric, divided as was asked for */
    double error;                /* the standard error of that; 0: it is exact */
    uint64_t outstanding, calls; /* calls in the window */
    uint32_t stack;              /* of the largest member; RSD_NO_STACK: the side has none */
    bool leaks;                  /* a member's curve is that of a leak */
};

/* How the stacks of a row's sides are related. */
enum rsd_kinship {
    RSD_SAME,    /* the same by name */
    RSD_RENAMED, /* the same modules and JavaScript, other functions in them */
    RSD_MOVED,   /* the same native functions, other JavaScript above them */
};

struct rsd_row { /* one call site, or several that read the same */
    struct rsd_part *part;
    enum rsd_kinship kinship;
    double weight; /* by which rows are ordered */
};

struct rsd_match {
    struct rsd_report *side[RSD_TRACES_MOST];
    size_t sides;
    enum rsd_metric metric;
    struct rsd_per per;
    struct rsd_row *list;
    size_t count, capacity;
    double total[RSD_TRACES_MOST], error[RSD_TRACES_MOST]; /* sums of the rows */
    /* Share of the outstanding bytes that stand on call sites of every side, of all and of each; 1 when there are none. */
    double matched, matched_of[RSD_TRACES_MOST];
};

/* Match the call sites of `sides` reports, which outlive the match. `kin`: what is left over gets a second chance, as renamed
 * or moved. Each side must be divisible (rsd_per_parts). */
void rsd_match_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per,
                    bool kin);
void rsd_match_free(struct rsd_match *match);
/* Largest weight first. */
void rsd_match_order(struct rsd_match *match,
                     double (*weight)(const struct rsd_match *match, const struct rsd_row *row));
/* A side on which the row has a stack: the one with the largest value. */
size_t rsd_match_shown(const struct rsd_match *match, const struct rsd_row *row);
/* The standard error of the sum over all sides, or of a difference of two; 0: it is exact. */
double rsd_match_error(const struct rsd_match *match, const struct rsd_row *row);
/* Does the process of this side leak, by its verdict? */
bool rsd_match_leaks(const struct rsd_match *match, size_t side);
/* "A", "A and C", "A, B and C" of the sides that leak, or that do not; to be freed. */
char *rsd_match_leaking(const struct rsd_match *match, bool leaking);
/* What the stacks of a renamed or moved row say where they differ, "A: save; B: save_image"; NULL for another row. To be
 * freed. */
char *rsd_match_kinship(const struct rsd_match *match, const struct rsd_row *row);
/* "same", "renamed", "moved" */
const char *rsd_kinship_name(enum rsd_kinship kinship);

static inline int rsd_side_letter(size_t side) {
    return 'A' + (int)side;
}

#endif
