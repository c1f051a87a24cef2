/*
 * Groups: what a report calls a call site.
 *
 * Sites whose stacks have the same hash (names.c), or another thing in common that the caller names, are one group. They are
 * ranked by a metric (by growth those that leak come first), then by outstanding bytes, then by bytes allocated, and at last by id, so that the order is the same each
 * time.
 *
 * Sizes and ages are not kept while events are merged. When it is known which groups are shown, one walk over the live
 * set counts the sizes of their blocks exactly, and their ages in buckets of a sixteenth of an octave, from which the
 * deciles are taken: within 3 %, at 2.5 KiB per group however many blocks it has.
 */
#include "group.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"

#define CHANCE 4.0 /* standard errors of its growth: below, a call site of a sampled trace is not called a leak */

/* ---- Joining and ranking ----------------------------------------------------------------------------------------- */

static void add_sums(struct rsd_sums *to, const struct rsd_sums *from) {
    to->live_bytes += from->live_bytes;
    to->live_blocks += from->live_blocks;
    to->calls += from->calls;
    to->bytes += from->bytes;
    to->temporaries += from->temporaries;
    to->live_variance += from->live_variance;
    to->kept_variance += from->kept_variance;
    to->bytes_variance += from->bytes_variance;
    to->calls_variance += from->calls_variance;
    to->temporaries_variance += from->temporaries_variance;
    to->unseen_bytes = fmax(to->unseen_bytes, from->unseen_bytes);
    to->unseen_blocks = fmax(to->unseen_blocks, from->unseen_blocks);
}

static int by_value(const struct rsd_group *a, const struct rsd_group *b) {
    if (a->value != b->value)
        return a->value > b->value ? -1 : 1;
    if (a->site.now.live_bytes != b->site.now.live_bytes)
        return a->site.now.live_bytes > b->site.now.live_bytes ? -1 : 1;
    if (a->site.now.bytes != b->site.now.bytes)
        return a->site.now.bytes > b->site.now.bytes ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static int by_rank(const void *first, const void *second) {
    return by_value(first, second);
}

const double *rsd_group_curve(const struct rsd_group *group) {
    return group->lasts && !group->trend.whole ? group->lasts->level : group->level;
}

int64_t rsd_group_growth(const struct rsd_group *group) {
    const double *level = rsd_group_curve(group);
    return level ? (int64_t)(level[RSD_SLICES] - level[0]) : rsd_site_growth(&group->site);
}

/* Leaks by what has leaked, which is less than they grew by where there is garbage among it, or more. */
static int leaks_first(const void *first, const void *second) {
    const struct rsd_group *a = first, *b = second;
    bool a_leaks = a->trend.verdict == RSD_VERDICT_LEAK, b_leaks = b->trend.verdict == RSD_VERDICT_LEAK;
    if (a_leaks != b_leaks)
        return a_leaks ? -1 : 1;
    int64_t more = a_leaks ? rsd_group_growth(a) - rsd_group_growth(b) : 0;
    return more ? (more > 0 ? -1 : 1) : by_value(a, b);
}

static void join(struct rsd_groups *groups, const struct rsd_sites *sites, const struct rsd_grouping *grouping,
                 struct rsd_names *names, struct rsd_intern *ids) {
    uint64_t *largest = NULL; /* outstanding bytes of the largest member, by group */
    size_t capacity = 0;
    for (size_t i = 0; i < sites->count; i++) {
        const struct rsd_site *site = &sites->list[i];
        groups->of_site[i] = RSD_NO_GROUP;
        if (site->stack == RSD_TRACER_STACK)
            continue;
        char *label = grouping->label ? grouping->label(grouping->context, site->stack) : NULL;
        uint64_t id = label ? residue_fnv1a(label, strlen(label)) : rsd_names_hash(names, site->stack);
        uint32_t number = rsd_intern(ids, &id, sizeof id);
        if (number == groups->count) {
            RSD_ROOM(largest, groups->count, capacity);
            RSD_ROOM(groups->list, groups->count, groups->capacity);
            largest[number] = 0;
            groups->list[groups->count++] = (struct rsd_group){.id = id, .label = label, .site.stack = site->stack};
            label = NULL;
        }
        free(label);
        struct rsd_group *group = &groups->list[number];
        add_sums(&group->site.now, &site->now);
        add_sums(&group->site.start, &site->start);
        if (site->now.live_bytes > largest[number]) {
            largest[number] = site->now.live_bytes;
            group->site.stack = site->stack;
        }
        groups->of_site[i] = number;
    }
    free(largest);
}

/* Give a curve to each group that grew or shrank by more than a trifle, or to all. */
static void find_curves(struct rsd_groups *groups, const struct rsd_series *series, const struct rsd_lasting *lasting,
                        bool all) {
    uint32_t *row = rsd_alloc(groups->count * sizeof *row), *of_site = rsd_alloc(series->site_count * sizeof *of_site);
    uint32_t rows = 0;
    for (size_t i = 0; i < groups->count; i++)
        row[i] = all || llabs(rsd_site_growth(&groups->list[i].site)) >= RSD_JUDGED_GROWTH ? rows++ : RSD_NO_ROW;
    for (size_t i = 0; i < series->site_count; i++)
        of_site[i] = groups->of_site[i] == RSD_NO_GROUP ? RSD_NO_ROW : row[groups->of_site[i]];
    groups->levels = rsd_series_rows(series, of_site, rows);
    groups->lasts = lasting ? rsd_lasting_rows(lasting, of_site, series->site_count, groups->levels, rows) : NULL;
    for (size_t i = 0; i < groups->count; i++) {
        if (row[i] == RSD_NO_ROW)
            continue;
        groups->list[i].level = groups->levels[row[i]];
        groups->list[i].lasts = lasting ? &groups->lasts[row[i]] : NULL;
    }
    free(row);
    free(of_site);
}

/* A few samples more at the end than at the start are no leak. */
static bool may_be_chance(const struct rsd_group *group) {
    return (double)rsd_group_growth(group) < CHANCE * rsd_metric_error(&group->site, RSD_METRIC_GROWTH, 0);
}

static void judge(struct rsd_groups *groups, const struct rsd_span *span) {
    for (size_t i = 0; i < groups->count; i++) {
        struct rsd_group *group = &groups->list[i];
        if (group->lasts)
            group->trend = rsd_trend_of_lasting(group->level, group->lasts, span);
        else if (group->level)
            group->trend = rsd_trend_of(group->level, span);
        else
            group->trend.verdict = span->seconds < RSD_TREND_SHORTEST ? RSD_VERDICT_SHORT : RSD_VERDICT_STEADY;
        if (group->trend.verdict == RSD_VERDICT_LEAK && may_be_chance(group))
            group->trend.verdict = RSD_VERDICT_UNCLEAR;
    }
}

/* The slice at whose end all together had most. */
static void find_peak(struct rsd_groups *groups) {
    double total[RSD_LEVELS] = {0};
    for (size_t i = 0; i < groups->count; i++)
        for (int slice = 0; slice < RSD_LEVELS; slice++)
            total[slice] += groups->list[i].level[slice];
    for (int slice = 0; slice < RSD_LEVELS; slice++)
        if (total[slice] > groups->peak_bytes) {
            groups->peak = slice;
            groups->peak_bytes = total[slice];
        }
}

static void find_values(struct rsd_groups *groups, enum rsd_metric metric) {
    if (metric == RSD_METRIC_PEAK)
        find_peak(groups);
    for (size_t i = 0; i < groups->count; i++) {
        struct rsd_group *group = &groups->list[i];
        group->value =
            metric == RSD_METRIC_PEAK ? (int64_t)group->level[groups->peak] : rsd_metric_of(&group->site, metric);
        group->error = rsd_metric_error(&group->site, metric, group->value);
    }
}

/* of_site follows by way of the ids, which are numbered as the groups were. */
void rsd_groups_rank(struct rsd_groups *groups) {
    struct rsd_intern ids = {0};
    uint32_t *now = rsd_alloc(groups->count * sizeof *now);
    for (size_t i = 0; i < groups->count; i++)
        rsd_intern(&ids, &groups->list[i].id, sizeof groups->list[i].id);
    if (groups->count)
        qsort(groups->list, groups->count, sizeof *groups->list,
              groups->metric == RSD_METRIC_GROWTH ? leaks_first : by_rank);
    for (size_t i = 0; i < groups->count; i++)
        now[rsd_intern(&ids, &groups->list[i].id, sizeof groups->list[i].id)] = (uint32_t)i;
    for (size_t i = 0; i < groups->site_count; i++)
        if (groups->of_site[i] != RSD_NO_GROUP)
            groups->of_site[i] = now[groups->of_site[i]];
    rsd_intern_free(&ids);
    free(now);
}

void rsd_groups_make(struct rsd_groups *groups, const struct rsd_sites *sites, const struct rsd_series *series,
                     const struct rsd_lasting *lasting, const struct rsd_span *span,
                     const struct rsd_grouping *grouping, struct rsd_names *names) {
    struct rsd_intern ids = {0};
    *groups = (struct rsd_groups){.of_site = rsd_alloc(sites->count * sizeof *groups->of_site),
                                  .site_count = sites->count,
                                  .metric = grouping->metric};
    join(groups, sites, grouping, names, &ids);
    find_curves(groups, series, lasting, grouping->metric == RSD_METRIC_PEAK);
    judge(groups, span);
    find_values(groups, grouping->metric);
    rsd_intern_free(&ids);
    rsd_groups_rank(groups);
}

void rsd_groups_free(struct rsd_groups *groups) {
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->list[i].sizes);
        free(groups->list[i].label);
    }
    free(groups->list);
    free(groups->levels);
    free(groups->lasts);
    free(groups->of_site);
    *groups = (struct rsd_groups){0};
}

size_t rsd_groups_find(const struct rsd_groups *groups, const char *name) {
    char *end;
    unsigned long rank = strtoul(name, &end, 10);
    if (*name && !*end && strlen(name) < 16 && rank >= 1)
        return rank <= groups->count ? rank - 1 : groups->count;
    for (size_t i = 0; i < groups->count; i++) {
        char id[20];
        snprintf(id, sizeof id, "%016" PRIx64, groups->list[i].id);
        if (strcmp(id, name) == 0)
            return i;
    }
    return groups->count;
}

/* ---- Sizes and ages ---------------------------------------------------------------------------------------------- */

#define PARTS 16     /* of an octave */
#define MARKS 64     /* looked at */
#define BUCKETS 640  /* 40 octaves of microseconds: two weeks */
#define LONGEST 1e12 /* seconds; a damaged clock may say more */

struct detail {
    struct rsd_groups *groups;
    const struct rsd_history *history;
    uint64_t from, moment;  /* of the window */
    bool from_mark;         /* it begins at a mark */
    struct rsd_intern keys; /* (group, size) */
    struct rsd_size *counts;
    size_t count, capacity;
    uint64_t (*ages)[BUCKETS];
    uint64_t mark[MARKS]; /* the first in the window */
    size_t marks;
    uint64_t (*born)[MARKS]; /* blocks, by the mark that came next */
};

static size_t bucket_of(double seconds) {
    double shown = seconds < LONGEST ? seconds : LONGEST;
    uint64_t us = shown > 0 ? (uint64_t)(shown * 1e6) : 0;
    if (us < PARTS)
        return us;
    unsigned octave = 63 - (unsigned)__builtin_clzll(us);
    size_t bucket = (octave - 3) * PARTS + (us >> (octave - 4) & (PARTS - 1));
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The middle of a bucket. */
static double seconds_of(size_t bucket) {
    if (bucket < PARTS)
        return (double)bucket / 1e6;
    uint64_t octave = bucket / PARTS + 3, part = bucket % PARTS;
    return ((double)(UINT64_C(1) << octave) * (1 + ((double)part + 0.5) / PARTS)) / 1e6;
}

static void count_birth(struct detail *d, uint32_t group, uint64_t blocks, uint64_t time) {
    size_t next = 0;
    while (next < d->marks && d->mark[next] < time)
        next++;
    if (next < d->marks && time > d->from)
        d->born[group][next] += blocks;
}

static void find_marks(struct detail *d, const struct rsd_window *window) {
    for (size_t i = 0; i < d->history->barrier_count && d->marks < MARKS; i++) {
        const struct rsd_barrier *barrier = &d->history->barriers[i];
        if (rsd_barrier_counts_work(barrier) && barrier->time > window->from && barrier->time <= window->to)
            d->mark[d->marks++] = barrier->time;
    }
}

/* Between the marks: what came before the first is warm-up, unless the window begins at a mark of its own. */
static void find_steps(const struct detail *d, size_t group) {
    struct rsd_steps *steps = &d->groups->list[group].steps;
    for (size_t i = d->from_mark ? 0 : 1; i < d->marks; i++) {
        uint64_t born = d->born[group][i];
        steps->least = !steps->count || born < steps->least ? born : steps->least;
        steps->most = born > steps->most ? born : steps->most;
        steps->count++;
    }
}

static void count_block(struct detail *d, uint32_t site, uint64_t bytes, uint64_t blocks, uint64_t time) {
    uint32_t group = d->groups->of_site[site];
    if (group >= d->groups->shown)
        return;
    uint64_t key[2] = {group, bytes};
    uint32_t number = rsd_intern(&d->keys, key, sizeof key);
    if (number == d->count) {
        RSD_ROOM(d->counts, d->count, d->capacity);
        d->counts[d->count++] = (struct rsd_size){.bytes = bytes};
        d->groups->list[group].size_count++;
    }
    d->counts[number].blocks += blocks;
    d->groups->list[group].detailed += blocks;
    count_birth(d, group, blocks, time);
    double age = time < d->moment ? (double)(d->moment - time) / d->history->rate : 0;
    d->ages[group][bucket_of(age)] += blocks;
}

static void visit_block(void *context, const struct rsd_block *block) {
    const struct detail *d = context;
    uint64_t blocks = rsd_weigh(&d->history->sampling, block).blocks;
    count_block(context, block->site, rsd_block_size(block), blocks, block->time);
}

static void visit_range(void *context, const struct rsd_range *range) {
    if (rsd_range_used(range))
        count_block(context, range->site, range->end - range->start, 1, range->time);
}

static int by_bytes(const void *first, const void *second) {
    const struct rsd_size *a = first, *b = second;
    uint64_t x = a->bytes * a->blocks, y = b->bytes * b->blocks;
    return x != y ? (x > y ? -1 : 1) : a->bytes > b->bytes ? -1 : a->bytes < b->bytes;
}

static double quantile(const uint64_t *ages, uint64_t blocks, double part) {
    uint64_t seen = 0, wanted = (uint64_t)(part * (double)(blocks - 1)) + 1;
    for (size_t i = 0; i < BUCKETS; i++)
        if ((seen += ages[i]) >= wanted)
            return seconds_of(i);
    return 0;
}

static void give_out(struct detail *d) {
    for (size_t i = 0; i < d->groups->shown; i++) {
        struct rsd_group *group = &d->groups->list[i];
        group->sizes = rsd_alloc(group->size_count * sizeof *group->sizes);
        group->size_count = 0;
        if (!group->detailed)
            continue;
        find_steps(d, i);
        group->age_p10 = quantile(d->ages[i], group->detailed, 0.1);
        group->age_p50 = quantile(d->ages[i], group->detailed, 0.5);
        group->age_p90 = quantile(d->ages[i], group->detailed, 0.9);
    }
    for (size_t i = 0; i < d->count; i++) {
        uint64_t key[2];
        memcpy(key, d->keys.list[i].bytes, sizeof key);
        struct rsd_group *group = &d->groups->list[key[0]];
        group->sizes[group->size_count++] = d->counts[i];
    }
    for (size_t i = 0; i < d->groups->shown; i++)
        if (d->groups->list[i].size_count)
            qsort(d->groups->list[i].sizes, d->groups->list[i].size_count, sizeof(struct rsd_size), by_bytes);
}

void rsd_groups_detail(struct rsd_groups *groups, size_t shown, const struct rsd_analysis *analysis, bool mappings) {
    groups->shown = shown < groups->count ? shown : groups->count;
    struct detail d = {.groups = groups,
                       .history = &analysis->history,
                       .from = analysis->window.from,
                       .moment = analysis->window.to,
                       .from_mark = analysis->window.from_mark};
    find_marks(&d, &analysis->window);
    d.born = rsd_zalloc(groups->shown, sizeof *d.born);
    d.ages = rsd_zalloc(groups->shown, sizeof *d.ages);
    if (mappings)
        rsd_maps_each(&analysis->pairing.maps, visit_range, &d);
    else
        rsd_live_each(&analysis->pairing.live, visit_block, &d);
    give_out(&d);
    rsd_intern_free(&d.keys);
    free(d.counts);
    free(d.ages);
    free(d.born);
}
