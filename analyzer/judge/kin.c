/*
 * Kin.
 *
 * When V8 compiles a function anew its allocations may come by another way: one call site's blocks are replaced by another's,
 * which looks like a leak of the second; and a cache replaces by one line what it was filled with by another. Both are kin:
 * the same code makes the blocks (names/names.c). So of the call sites that leak, those that are kin are a family; to their curves is
 * added what others of their kin have lost since they had most (but for churn that gets it back, and for what still others
 * gained at the same time), and only if the sum leaks, the family does.
 *
 * Of all these curves what died young is left out (lasting.c): garbage that was collected did not move. And what other code made
 * and freed says nothing about a leak: a cache that is emptied beside it does not hide it.
 */
#include "judge/kin.h"

#include <math.h>
#include <string.h>

#include "memory.h"

#define PARTS 8
#define MOVED 3         /* times what leaks have gained in a part: losses come in lumps, as a collector makes them */
#define BACK_SHARE 0.25 /* of what churn lost: what it gets back */
#define LEFT_SHARE 0.2  /* of what leaks, after what others lost is subtracted */

/* Call sites that leak and are kin, and what became of those of their kin that do not. */
struct family {
    int64_t leaking;
    size_t leaks;
    bool moved;                /* it does not leak after all */
    double level[RSD_LEVELS];  /* of what leaks, less what others lost */
    double lost[RSD_LEVELS];   /* by slice: what others have lost, of those that have had their top; ... */
    double gained[RSD_LEVELS]; /* ... and gained: between them it only moved */
};

/* All families. */
struct kin {
    struct rsd_growth *growth;
    struct rsd_names *names;
    struct rsd_intern keys;
    struct family *families; /* by number in `keys` */
    size_t count, capacity;
};

static void add_curve(double *sum, const double *level) {
    for (int i = 0; i < RSD_LEVELS && level; i++)
        sum[i] += level[i];
}

static int top_of(const double *level) {
    int top = 0;
    for (int i = 1; i < RSD_LEVELS; i++)
        if (level[i] > level[top])
            top = i;
    return top;
}

/* Does it rise again when it has fallen from its top? */
static bool comes_back(const double *level) {
    double fallen = 0, risen = 0;
    for (int i = top_of(level) + 1; i < RSD_LEVELS; i++) {
        fallen += fmax(0, level[i - 1] - level[i]);
        risen += fmax(0, level[i] - level[i - 1]);
    }
    return risen > BACK_SHARE * fallen;
}

static void add_changes(struct family *family, const double *level) {
    int top = top_of(level);
    for (int i = 1; i < RSD_LEVELS; i++) {
        double change = level[i] - level[i - 1];
        if (i > top)
            family->lost[i] += change;
        else if (change > 0)
            family->gained[i] += change;
    }
}

static uint32_t family_of(struct kin *kin, const struct rsd_group *group) {
    uint64_t key = rsd_names_kin(kin->names, group->site.stack);
    return rsd_intern(&kin->keys, &key, sizeof key);
}

static const double *lasting_of(const struct rsd_group *group) {
    return group->lasts ? group->lasts->level : group->level;
}

static void add_leak(struct kin *kin, const struct rsd_group *group) {
    struct rsd_growth *sums = kin->growth;
    uint32_t number = family_of(kin, group);
    if (number == kin->count) {
        RSD_ROOM(kin->families, kin->count, kin->capacity);
        kin->families[kin->count++] = (struct family){0};
    }
    struct family *family = &kin->families[number];
    int64_t growth = rsd_group_growth(group);
    if (growth > sums->most_leaking) {
        sums->most_leaking = growth;
        sums->stack = group->site.stack;
    }
    family->leaking += growth;
    family->leaks++;
    add_curve(family->level, rsd_group_curve(group));
}

/* A call site that does not leak; all that do are known. */
static void add_other(struct kin *kin, const struct rsd_group *group) {
    struct rsd_growth *sums = kin->growth;
    int64_t growth = rsd_group_growth(group);
    switch (group->trend.verdict) {
    case RSD_VERDICT_CHURN:
        if (!group->level || comes_back(lasting_of(group)))
            return;
        break;
    case RSD_VERDICT_PLATEAU:
        sums->filled += growth;
        break;
    case RSD_VERDICT_STARTUP:
        sums->startup += growth;
        break;
    case RSD_VERDICT_UNCLEAR:
        sums->unclear += growth;
        if (growth > sums->most_unclear) {
            sums->most_unclear = growth;
            sums->rises = group->trend.rises;
        }
        break;
    default:
        break;
    }
    uint32_t number = kin->count && group->level ? family_of(kin, group) : UINT32_MAX;
    if (number < kin->count)
        add_changes(&kin->families[number], lasting_of(group));
}

/* What moves is lost about when it is gained: in each eighth of the window no more is subtracted than the leaks can have taken
 * over in it. Returns how much that is. */
static double subtract_losses(struct family *family) {
    double lost = 0, was = family->level[0];
    for (int part = 0; part < PARTS; part++) {
        int first = 1 + part * RSD_SLICES / PARTS, last = first + RSD_SLICES / PARTS - 1;
        double loss = 0, least = -MOVED * fmax(0, family->level[last] - was), share;
        for (int i = first; i <= last; i++)
            loss += fmin(0, family->lost[i] + family->gained[i]);
        share = loss < least ? least / loss : 1;
        was = family->level[last];
        for (int i = first; i <= last; i++) {
            lost += share * fmin(0, family->lost[i] + family->gained[i]);
            family->level[i] += lost;
        }
    }
    return -lost;
}

/* What moved from one call site to its kin did not leak: at most the sum of both grew. A sum that is small against what it
 * is the difference of is noise. */
static bool still_leaks(struct family *family, const struct rsd_span *span) {
    if (subtract_losses(family) <= 0)
        return true;
    double growth = family->level[RSD_SLICES] - family->level[0];
    bool large = growth >= LEFT_SHARE * (double)family->leaking;
    if (growth < (double)family->leaking)
        family->leaking = growth > 0 ? (int64_t)growth : 0;
    return large && rsd_trend_of(family->level, span).verdict == RSD_VERDICT_LEAK;
}

/* All families together must be plain: of many call sites some rise by chance. */
static void join_families(struct kin *kin, const struct rsd_span *span) {
    struct rsd_growth *sums = kin->growth;
    double level[RSD_LEVELS] = {0};
    for (size_t i = 0; i < kin->count; i++) {
        struct family *family = &kin->families[i];
        family->moved = !still_leaks(family, span);
        if (family->moved) {
            sums->filled += family->leaking;
            continue;
        }
        sums->leaking += family->leaking;
        sums->leaks += family->leaks;
        add_curve(level, family->level);
    }
    sums->trend = rsd_trend_of(level, span);
    if (sums->trend.verdict == RSD_VERDICT_LEAK && sums->trend.p < RSD_PLAIN)
        return;
    sums->filled += sums->leaking;
    sums->leaking = 0;
    sums->leaks = 0;
}

bool rsd_growth_sum(struct rsd_growth *growth, struct rsd_group *const *list, size_t count, const struct rsd_span *span,
                    struct rsd_names *names) {
    struct kin kin = {.growth = growth, .names = names};
    bool moved = false;
    *growth = (struct rsd_growth){0};
    for (size_t i = 0; i < count; i++)
        if (list[i]->trend.verdict == RSD_VERDICT_LEAK)
            add_leak(&kin, list[i]);
    for (size_t i = 0; i < count; i++)
        if (list[i]->trend.verdict != RSD_VERDICT_LEAK)
            add_other(&kin, list[i]);
    join_families(&kin, span);
    for (size_t i = 0; i < count; i++) {
        if (list[i]->trend.verdict != RSD_VERDICT_LEAK || !kin.families[family_of(&kin, list[i])].moved)
            continue;
        list[i]->trend.verdict = RSD_VERDICT_MOVED;
        moved = true;
    }
    free(kin.families);
    rsd_intern_free(&kin.keys);
    return moved;
}
