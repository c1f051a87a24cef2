/*
 * The verdict on a process.
 *
 * Each cause of growth is put into bytes over the window, and the largest that matters is the verdict:
 *
 *     leak        growth of the call sites whose curves leak; of mappings, as far as they are resident
 *     js-heap     growth of what V8 mapped for itself, if that curve leaks
 *     bundled     growth of the resident bytes of a library's mappings that did not become more
 *     retention   growth of what malloc keeps after it was freed; or that it is most of RSS
 *     plateau     growth of the call sites that grew and stopped; or what warm-up left and the whole window holds
 *     churn       the largest fall of all native memory
 *
 * When V8 compiles a function anew its allocations may come by another way: one call site's blocks are replaced by another's,
 * which looks like a leak of the second; and a cache replaces by one line what it was filled with by another. So to the curves
 * of all that leaks is added what others have lost since they had most (but for churn, which gets it back), and only if the
 * sum leaks, there is a leak.
 *
 * A leak is named even where something else is larger: what else there is may stop, a leak does not. Only beside a heap of
 * V8's or a library's allocator that grows it must be a tenth of that: their bookkeeping grows with them. What matters is at least MATERIAL, and a five-hundredth of RSS.
 */
#include "judge/verdict.h"

#include <math.h>
#include <string.h>

#include "memory.h"

#define MATERIAL (128 << 10) /* bytes: a leak of 1 MB a minute, seen for 30 s, is four times this */
#define MATERIAL_SHARE 0.002 /* of RSS */
#define COARSE (4 << 20)     /* bytes: what is known by pages and at two moments only must be more */
#define LEAK_SHARE 0.1       /* of what V8 or a bundled allocator grew by */
#define RETAINED_SHARE 0.4   /* of RSS: malloc keeps so much that it is the story, however it came about */
#define CHURN_SHARE 0.1      /* of RSS */
#define WARM_SHARE 0.2       /* of RSS: what warm-up left is worth a word */

struct sums {
    int64_t leaking, filled, startup;
    size_t leaks;
    double level[RSD_LEVELS]; /* of what leaks, less what others lost */
    struct rsd_trend trend;   /* of that */
};

static void add_curve(double *sum, const double *level) {
    for (int i = 0; i < RSD_LEVELS && level; i++)
        sum[i] += level[i];
}

/* What a curve has lost since its top. */
static void add_losses(double *sum, const double *level) {
    int top = 0;
    for (int i = 1; i < RSD_LEVELS && level; i++)
        if (level[i] > level[top])
            top = i;
    for (int i = top; i < RSD_LEVELS && level; i++)
        sum[i] += level[i] - level[top];
}

static void add_group(struct sums *sums, const struct rsd_group *group) {
    int64_t growth = rsd_site_growth(&group->site);
    switch (group->trend.verdict) {
    case RSD_VERDICT_LEAK:
        sums->leaking += growth;
        sums->leaks++;
        add_curve(sums->level, group->level);
        return;
    case RSD_VERDICT_CHURN:
        return;
    case RSD_VERDICT_PLATEAU:
        sums->filled += growth;
        break;
    case RSD_VERDICT_STARTUP:
        sums->startup += growth;
        break;
    default:
        break;
    }
    add_losses(sums->level, group->level);
}

/* What moved from one call site to another did not leak: at most the sum of both grew. */
static void join_curves(struct sums *sums, double seconds) {
    sums->trend = rsd_trend_of(sums->level, seconds);
    int64_t growth = (int64_t)(sums->level[RSD_SLICES] - sums->level[0]);
    if (growth < sums->leaking)
        sums->leaking = growth > 0 ? growth : 0;
    if (sums->trend.verdict == RSD_VERDICT_LEAK)
        return;
    sums->filled += sums->leaking;
    sums->leaking = 0;
    sums->leaks = 0;
}

static uint32_t owner_of(const struct rsd_analysis *a, const struct rsd_group *group) {
    return rsd_owner_of(&a->history, &a->stacks, group->site.stack);
}

/* The curve of everything that V8 mapped. */
static struct rsd_trend trend_of_v8(const struct rsd_analysis *a, const struct rsd_groups *mappings, double seconds) {
    double level[RSD_LEVELS] = {0};
    for (size_t i = 0; i < mappings->count; i++)
        if (rsd_is_node(&a->history, owner_of(a, &mappings->list[i])))
            add_curve(level, mappings->list[i].level);
    return rsd_trend_of(level, seconds);
}

static void sum_mappings(struct sums *sums, const struct rsd_analysis *a, const struct rsd_groups *mappings) {
    for (size_t i = 0; i < mappings->count; i++)
        if (!rsd_is_node(&a->history, owner_of(a, &mappings->list[i])))
            add_group(sums, &mappings->list[i]);
}

/* ---- From the ledger ---------------------------------------------------------------------------------------------- */

static int64_t row_growth(const struct rsd_analysis *a, enum rsd_ledger_row row) {
    if (!a->ledger[0].time || !a->ledger[1].time)
        return 0;
    return (int64_t)(a->ledger[1].row[row] - a->ledger[0].row[row]);
}

static struct rsd_owner before(const struct rsd_analysis *a, uint32_t binary) {
    for (size_t i = 0; i < a->ledger[0].owner_count; i++)
        if (a->ledger[0].owners[i].binary == binary)
            return a->ledger[0].owners[i];
    return (struct rsd_owner){.binary = binary};
}

/* The library whose resident mappings grew most, where its mappings did not become more than half as much more. */
static int64_t bundled_growth(const struct rsd_analysis *a, uint32_t *owner) {
    int64_t most = 0;
    for (size_t i = 0; i < a->ledger[1].owner_count; i++) {
        const struct rsd_owner *now = &a->ledger[1].owners[i];
        struct rsd_owner then = before(a, now->binary);
        int64_t resident = (int64_t)(now->resident - then.resident), mapped = (int64_t)(now->mapped - then.mapped);
        if (resident > most && mapped < resident / 2) {
            most = resident;
            *owner = now->binary;
        }
    }
    return most;
}

/* ---- The whole ---------------------------------------------------------------------------------------------------- */

static double largest_fall(const struct rsd_analysis *a) {
    double top = 0, fall = 0;
    for (size_t i = 0; i < a->point_count; i++) {
        if (a->timeline[i].time < a->window.from)
            continue;
        top = fmax(top, (double)a->timeline[i].live_bytes);
        fall = fmax(fall, top - (double)a->timeline[i].live_bytes);
    }
    return fall;
}

/* What is held all the time from the end of warm-up on; 0 where the window does not begin there. */
static int64_t held_since_warm_up(const struct rsd_analysis *a) {
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < a->point_count; i++)
        if (a->timeline[i].time >= a->window.from && a->timeline[i].live_bytes < least)
            least = a->timeline[i].live_bytes;
    return a->window.from_s > 0 && least != UINT64_MAX ? (int64_t)least : 0;
}

static void find_rss(struct rsd_judgement *j, const struct rsd_analysis *a) {
    uint64_t first = 0;
    for (size_t i = 0; i < a->point_count; i++) {
        if (a->timeline[i].time < a->window.from)
            continue;
        first = first ? first : a->timeline[i].rss_bytes;
        j->rss_end = a->timeline[i].rss_bytes;
    }
    j->rss_growth = (int64_t)(j->rss_end - first);
}

/* The cause so far, if this one accounts for no more. */
static void consider(struct rsd_judgement *j, enum rsd_cause cause, int64_t bytes, int64_t least) {
    if (bytes < least || bytes <= j->bytes)
        return;
    j->cause = cause;
    j->bytes = bytes;
}

static void take_leak(struct rsd_judgement *j, const struct sums *sums, bool mappings) {
    j->cause = RSD_CAUSE_LEAK;
    j->bytes = sums->leaking;
    j->rate = sums->trend.rate;
    j->p = sums->trend.p;
    j->late = sums->trend.late;
    j->leaks = sums->leaks;
    j->by_mappings = mappings;
}

void rsd_judge(struct rsd_judgement *j, const struct rsd_analysis *a, const struct rsd_groups *heap,
               const struct rsd_groups *mappings) {
    double seconds = a->window.to_s - a->window.from_s;
    struct sums blocks = {0}, maps = {0};
    *j = (struct rsd_judgement){.cause = RSD_CAUSE_NONE, .owner = RSD_NO_BINARY};
    find_rss(j, a);
    if (seconds < RSD_TREND_SHORTEST) {
        j->cause = RSD_CAUSE_SHORT;
        return;
    }
    for (size_t i = 0; i < heap->count; i++)
        add_group(&blocks, &heap->list[i]);
    sum_mappings(&maps, a, mappings);
    join_curves(&blocks, seconds);
    join_curves(&maps, seconds);

    uint64_t retained = a->ledger[1].row[RSD_LEDGER_RETAINED];
    int64_t least = (int64_t)fmax(MATERIAL, MATERIAL_SHARE * (double)j->rss_end), fall = (int64_t)largest_fall(a);
    int64_t coarse = least > COARSE ? least : COARSE, kept = row_growth(a, RSD_LEDGER_RETAINED);
    int64_t resident_maps = row_growth(a, RSD_LEDGER_MAPPED);
    bool inherited = a->trace.meta.forked_from != 0; /* stands in the same row, and is in use */
    bool keeps_most = !inherited && (double)retained > RETAINED_SHARE * (double)a->ledger[1].rss_bytes;
    struct rsd_trend v8 = trend_of_v8(a, mappings, seconds);
    uint32_t owner = RSD_NO_BINARY;

    consider(j, RSD_CAUSE_STARTUP, blocks.startup, coarse);
    consider(j, RSD_CAUSE_PLATEAU, blocks.filled, coarse);
    if ((double)held_since_warm_up(a) > WARM_SHARE * (double)j->rss_end)
        consider(j, RSD_CAUSE_PLATEAU, held_since_warm_up(a), coarse);
    if ((double)fall > CHURN_SHARE * (double)j->rss_end)
        consider(j, RSD_CAUSE_CHURN, fall, coarse);
    if (keeps_most || (kept > coarse && kept > j->rss_growth / 2)) {
        j->cause = RSD_CAUSE_RETENTION;
        j->bytes = keeps_most && (int64_t)retained > kept ? (int64_t)retained : kept;
    }
    if (v8.verdict == RSD_VERDICT_LEAK)
        consider(j, RSD_CAUSE_JS_HEAP, row_growth(a, RSD_LEDGER_V8), coarse);
    consider(j, RSD_CAUSE_BUNDLED, bundled_growth(a, &owner), coarse);
    j->owner = j->cause == RSD_CAUSE_BUNDLED ? owner : RSD_NO_BINARY;
    j->rate = j->cause == RSD_CAUSE_JS_HEAP ? v8.rate : (double)j->bytes / seconds;

    int64_t mapped = maps.leaking < resident_maps ? maps.leaking : resident_maps;
    bool others_grow = j->cause == RSD_CAUSE_JS_HEAP || j->cause == RSD_CAUSE_BUNDLED;
    double beside = others_grow ? LEAK_SHARE * (double)j->bytes : 0;
    bool blocks_leak = blocks.leaking >= least && (double)blocks.leaking >= beside;
    bool maps_leak = mapped >= coarse && (double)mapped >= beside;
    if (maps_leak && (!blocks_leak || mapped > blocks.leaking))
        take_leak(j, &maps, true);
    else if (blocks_leak)
        take_leak(j, &blocks, false);
}

/* ---- Words -------------------------------------------------------------------------------------------------------- */

const char *rsd_cause_name(enum rsd_cause cause) {
    static const char *const name[] = {"too short", "none",      "leak",    "plateau",          "churn",
                                       "startup",   "retention", "js-heap", "bundled-allocator"};
    return name[cause];
}

const char *rsd_cause_advice(enum rsd_cause cause) {
    switch (cause) {
    case RSD_CAUSE_SHORT:
        return "What a cache, a collector or a leak does shows in tens of seconds: record for longer.";
    case RSD_CAUSE_NONE:
        return "No native memory grows that would matter.";
    case RSD_CAUSE_LEAK:
        return "It is held for good, and there is more of it all the time.";
    case RSD_CAUSE_PLATEAU:
        return "Native memory grew and stopped: a cache that filled. If the program runs out of memory with it, make "
               "the "
               "cache smaller.";
    case RSD_CAUSE_CHURN:
        return "What is held is given back, again and again. If the tops are too high, free earlier or do less at a "
               "time.";
    case RSD_CAUSE_STARTUP:
        return "It grew at the start of the window and no more. Record for longer, or say --from.";
    case RSD_CAUSE_RETENTION:
        return "The program freed this, and malloc keeps it in its arenas. Try MALLOC_ARENA_MAX=2, or jemalloc by "
               "LD_PRELOAD; neither frees what the program holds.";
    case RSD_CAUSE_JS_HEAP:
        return "This is JavaScript's own heap: take heap snapshots (node --heapsnapshot-signal=SIGUSR2); residue sees "
               "no "
               "further into it.";
    case RSD_CAUSE_BUNDLED:
        return "A library brings its own allocator and holds more in it. Its calls cannot be seen; its package is "
               "named.";
    }
    return "";
}
