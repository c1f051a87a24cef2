/*
 * The verdict on a process.
 *
 * Each cause of growth is put into bytes over the window, and the largest that matters is the verdict:
 *
 *     leak        growth of the call sites whose curves leak; of mappings, as far as they are resident
 *     js-heap     growth of what V8 mapped for itself, if that curve leaks
 *     bundled     growth of the resident bytes of a library's mappings that did not become more
 *     retention   growth of what malloc keeps after it was freed, beyond what comes and goes; or that it is most of RSS
 *     plateau     growth of the call sites that grew and stopped; or what warm-up left and the whole window holds
 *     churn       the largest fall of all native memory from which it rises again
 *
 * Of samples it is asked first whether they can tell: where what is to be judged may be chance, or unseen, the verdict is that.
 *
 * What only moved from one call site to another is taken out before that (kin.c).
 *
 * A leak is named even where something else is larger: what else there is may stop, a leak does not. Only beside a heap of
 * V8's or a library's allocator that grows it must be a tenth of that: their bookkeeping grows with them. What matters is at least MATERIAL, and a five-hundredth of RSS.
 */
#include "judge/verdict.h"

#include <math.h>
#include <string.h>

#include "judge/kin.h"
#include "memory.h"

#define MATERIAL (128 << 10) /* bytes: a leak of 1 MB a minute, seen for 30 s, is four times this */
#define MATERIAL_SHARE 0.002 /* of RSS */
#define COARSE (4 << 20)     /* bytes: what is known by pages and at two moments only must be more */
#define LEAK_SHARE 0.1       /* of what V8 or a bundled allocator grew by */
#define RETAINED_SHARE 0.4   /* of RSS: malloc keeps so much that it is the story, however it came about */
#define REUSED 1.25          /* of what comes and goes: malloc has as much free in between, and that is no retention */
#define JS_SHARE 0.05        /* of RSS: what V8's heap may grow by as it settles */
#define CHURN_SHARE 0.1      /* of RSS */
#define FEWEST_LEDGERS (RSD_FLOORS + 1)
#define UNCLEAR_LEAST (1 << 20) /* bytes: what grew in too few steps to tell is worth a word */
#define SHORT_RUN 30.0          /* seconds that show what a run of a few cannot */
#define WARM_SHARE 0.2          /* of RSS: what warm-up left is worth a word */

static void sum_blocks(struct rsd_growth *sums, const struct rsd_analysis *a, struct rsd_groups *heap,
                       struct rsd_names *names) {
    struct rsd_group **list = rsd_alloc(heap->count * sizeof *list);
    for (size_t i = 0; i < heap->count; i++)
        list[i] = &heap->list[i];
    if (rsd_growth_sum(sums, list, heap->count, &a->span, names))
        rsd_groups_rank(heap);
    free(list);
}

static uint32_t owner_of(const struct rsd_analysis *a, const struct rsd_group *group) {
    return rsd_owner_of(&a->history, &a->stacks, group->site.stack);
}

/* Mappings of V8's heap have a curve of their own; those of others, and of WebAssembly, are call sites as blocks are. */
static struct rsd_trend sum_mappings(struct rsd_growth *sums, const struct rsd_analysis *a, struct rsd_groups *mappings,
                                     struct rsd_names *names) {
    struct rsd_group **list = rsd_alloc(mappings->count * sizeof *list);
    double v8[RSD_LEVELS] = {0};
    size_t count = 0;
    for (size_t i = 0; i < mappings->count; i++) {
        struct rsd_group *group = &mappings->list[i];
        bool node = rsd_is_node(&a->history, owner_of(a, group));
        if (node && rsd_v8_kind_of(names, &a->stacks, group->site.stack) != RSD_V8_BUFFERS)
            for (int k = 0; k < RSD_LEVELS && group->level; k++)
                v8[k] += group->level[k];
        else
            list[count++] = group;
    }
    if (rsd_growth_sum(sums, list, count, &a->span, names))
        rsd_groups_rank(mappings);
    free(list);
    return rsd_trend_of(v8, &a->span);
}

/* ---- From the ledger ---------------------------------------------------------------------------------------------- */

static int64_t row_growth(const struct rsd_analysis *a, enum rsd_ledger_row row) {
    if (!a->ledger[0].time || !a->ledger[1].time)
        return 0;
    return (int64_t)(a->ledger[1].row[row] - a->ledger[0].row[row]);
}

/* A curve of the ledgers, if they are enough for one; else its verdict is SHORT. Between two samples it stands. */
static struct rsd_trend trend_of_ledgers(const struct rsd_analysis *a,
                                         uint64_t (*value)(const struct rsd_ledger *, uint32_t), uint32_t which) {
    double level[RSD_LEVELS];
    double seconds = a->window.to_s - a->window.from_s;
    if (a->ledger_count < FEWEST_LEDGERS)
        return (struct rsd_trend){.verdict = RSD_VERDICT_SHORT};
    size_t at = 0;
    for (int i = 0; i < RSD_LEVELS; i++) {
        double until = a->window.from_s + seconds * i / RSD_SLICES;
        while (at + 1 < a->ledger_count && rsd_history_seconds(&a->history, a->ledgers[at + 1].time) <= until)
            at++;
        level[i] = (double)value(&a->ledgers[at], which);
    }
    return rsd_trend_of(level, &a->span);
}

static uint64_t row_value(const struct rsd_ledger *ledger, uint32_t row) {
    return ledger->row[row];
}

static struct rsd_owner owner_in(const struct rsd_ledger *ledger, uint32_t binary) {
    for (size_t i = 0; i < ledger->owner_count; i++)
        if (ledger->owners[i].binary == binary)
            return ledger->owners[i];
    return (struct rsd_owner){.binary = binary};
}

static uint64_t owner_value(const struct rsd_ledger *ledger, uint32_t binary) {
    return owner_in(ledger, binary).resident;
}

/* How much the library's mappings hold more than at some moment in the first half of the window, from which on it mapped
 * less than half of that anew. */
static int64_t growth_within(const struct rsd_analysis *a, const struct rsd_owner *now) {
    double half = (a->window.from_s + a->window.to_s) / 2;
    int64_t most = 0;
    for (size_t i = 0; i + 1 < a->ledger_count && rsd_history_seconds(&a->history, a->ledgers[i].time) <= half; i++) {
        struct rsd_owner then = owner_in(&a->ledgers[i], now->binary);
        int64_t resident = (int64_t)(now->resident - then.resident), mapped = (int64_t)(now->mapped - then.mapped);
        if (resident > most && mapped < resident / 2)
            most = resident;
    }
    return most;
}

static int64_t bundled_growth(const struct rsd_analysis *a, uint32_t *owner) {
    int64_t most = 0;
    for (size_t i = 0; i < a->ledger[1].owner_count; i++) {
        int64_t growth = growth_within(a, &a->ledger[1].owners[i]);
        if (growth > most) {
            most = growth;
            *owner = a->ledger[1].owners[i].binary;
        }
    }
    return most;
}

/* What malloc has, held or not. */
static int64_t malloc_growth(const struct rsd_analysis *a) {
    return row_growth(a, RSD_LEDGER_NATIVE) + row_growth(a, RSD_LEDGER_OVERHEAD) + row_growth(a, RSD_LEDGER_RETAINED) +
           row_growth(a, RSD_LEDGER_UNSEEN) + row_growth(a, RSD_LEDGER_BEFORE);
}

/* ---- The whole ---------------------------------------------------------------------------------------------------- */

/* The deepest valley of native memory: how far it falls and rises again. */
static double deepest_valley(const struct rsd_analysis *a) {
    double top = 0, low = 0, deepest = 0;
    for (size_t i = 0; i < a->point_count; i++) {
        if (a->timeline[i].time < a->window.from)
            continue;
        double live = (double)a->timeline[i].live_bytes;
        deepest = fmax(deepest, fmin(top, live) - low);
        if (live >= top)
            top = low = live;
        low = fmin(low, live);
    }
    return deepest;
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

static void take_leak(struct rsd_judgement *j, const struct rsd_analysis *a, const struct rsd_growth *sums,
                      bool mappings) {
    const struct rsd_trend *trend = &sums->trend;
    j->cause = RSD_CAUSE_LEAK;
    j->bytes = sums->leaking;
    j->rate = trend->rate;
    j->late_rate = trend->late_rate;
    j->p = trend->p;
    j->late = trend->late;
    j->since_s = trend->since > 0 ? a->window.from_s + trend->since * (a->window.to_s - a->window.from_s) : 0;
    j->leaks = sums->leaks;
    j->by_mappings = mappings;
    if (mappings)
        j->owner = rsd_owner_of(&a->history, &a->stacks, sums->stack);
}

/* Of so many bytes samples at this rate tell nothing. */
static void take_coarse(struct rsd_judgement *j, int64_t bytes, uint64_t rate) {
    j->cause = RSD_CAUSE_SHORT;
    j->doubt = RSD_DOUBT_COARSE;
    j->bytes = bytes;
    j->every = rate;
}

/* What grew in so few steps that chance could have them: as many again as make it plain are wanted. */
static void take_unclear(struct rsd_judgement *j, const struct rsd_growth *sums, double seconds, uint64_t rate) {
    if (rsd_sampling_is_coarse(rate, (double)sums->unclear)) {
        take_coarse(j, sums->unclear, rate);
        return;
    }
    double wanted = seconds * RSD_TREND_STEPS / (sums->rises ? sums->rises : 1) - seconds;
    j->cause = RSD_CAUSE_SHORT;
    j->bytes = sums->unclear;
    j->rate = (double)sums->unclear / seconds;
    j->more_s = fmax(wanted, seconds);
}

/* Is what was found too few samples to go by; or if nothing was, may what malloc has more have no sample at all? */
static void doubt_samples(struct rsd_judgement *j, const struct rsd_analysis *a, uint64_t rate) {
    bool two = a->ledger[0].time < a->ledger[1].time;
    int64_t grown = two ? malloc_growth(a) : j->rss_growth;
    if (j->cause == RSD_CAUSE_NONE && grown > COARSE && (double)grown < RSD_SURE * (double)rate)
        take_coarse(j, grown, rate);
    bool found = j->cause == RSD_CAUSE_PLATEAU || j->cause == RSD_CAUSE_STARTUP || j->cause == RSD_CAUSE_CHURN;
    if (found && rsd_sampling_is_coarse(rate, (double)j->bytes))
        take_coarse(j, j->bytes, rate);
}

/* What is not told by call sites: the ledgers, the whole of native memory. */
static void judge_process(struct rsd_judgement *j, const struct rsd_analysis *a, const struct rsd_growth *blocks,
                          const struct rsd_trend *v8, uint64_t rate) {
    uint64_t unseen = a->ledger[1].row[RSD_LEDGER_UNSEEN], retained = a->ledger[1].row[RSD_LEDGER_RETAINED] + unseen;
    int64_t valley = (int64_t)deepest_valley(a);
    int64_t kept = row_growth(a, RSD_LEDGER_RETAINED) + row_growth(a, RSD_LEDGER_UNSEEN);
    int64_t coarse = (int64_t)fmax(COARSE, MATERIAL_SHARE * (double)j->rss_end), warm = held_since_warm_up(a);
    bool keeps_most = (double)retained > RETAINED_SHARE * (double)a->ledger[1].rss_bytes;
    uint32_t owner = RSD_NO_BINARY;

    consider(j, RSD_CAUSE_STARTUP, blocks->startup, coarse);
    consider(j, RSD_CAUSE_PLATEAU, blocks->filled, coarse);
    if ((double)warm > WARM_SHARE * (double)j->rss_end)
        consider(j, RSD_CAUSE_PLATEAU, warm, coarse);
    if ((double)valley > CHURN_SHARE * (double)j->rss_end)
        consider(j, RSD_CAUSE_CHURN, valley, coarse);
    doubt_samples(j, a, rate);
    bool keeps = keeps_most || (kept > coarse && kept > j->rss_growth / 2 && (double)kept > REUSED * (double)valley);
    if (keeps && unseen) {
        take_coarse(j, (int64_t)unseen, rate);
    } else if (keeps) {
        j->cause = RSD_CAUSE_RETENTION;
        j->bytes = keeps_most && (int64_t)retained > kept ? (int64_t)retained : kept;
        j->rows = trend_of_ledgers(a, row_value, RSD_LEDGER_RETAINED);
    }
    int64_t js = row_growth(a, RSD_LEDGER_V8);
    if (v8->verdict == RSD_VERDICT_LEAK && v8->p < RSD_PLAIN && (double)js > JS_SHARE * (double)j->rss_end)
        consider(j, RSD_CAUSE_JS_HEAP, js, coarse);
    consider(j, RSD_CAUSE_BUNDLED, bundled_growth(a, &owner), coarse);
    if (j->cause == RSD_CAUSE_BUNDLED) {
        j->owner = owner;
        j->rows = trend_of_ledgers(a, owner_value, owner);
    }
}

void rsd_judge(struct rsd_judgement *j, const struct rsd_analysis *a, struct rsd_groups *heap,
               struct rsd_groups *mappings, struct rsd_names *names) {
    double seconds = a->window.to_s - a->window.from_s;
    struct rsd_growth blocks, maps;
    *j = (struct rsd_judgement){.cause = RSD_CAUSE_NONE, .owner = RSD_NO_BINARY};
    find_rss(j, a);
    if (!rsd_history_recorded(&a->history, a->window.from, a->window.to)) {
        j->cause = RSD_CAUSE_SHORT;
        j->doubt = RSD_DOUBT_NOTHING;
        return;
    }
    if (seconds < RSD_TREND_SHORTEST) {
        j->cause = RSD_CAUSE_SHORT;
        j->more_s = SHORT_RUN - seconds;
        return;
    }
    sum_blocks(&blocks, a, heap, names);
    struct rsd_trend v8 = sum_mappings(&maps, a, mappings, names);
    uint64_t rate = rsd_sampling_coarsest(&a->history.sampling, a->window.to);
    judge_process(j, a, &blocks, &v8, rate);
    j->rate = j->cause == RSD_CAUSE_JS_HEAP ? v8.rate : (double)j->bytes / seconds;

    int64_t least = (int64_t)fmax(MATERIAL, MATERIAL_SHARE * (double)j->rss_end);
    int64_t coarse = least > COARSE ? least : COARSE;
    int64_t resident_maps = row_growth(a, RSD_LEDGER_MAPPED) + row_growth(a, RSD_LEDGER_WASM);
    int64_t mapped = maps.leaking < resident_maps ? maps.leaking : resident_maps;
    bool others_grow = j->cause == RSD_CAUSE_JS_HEAP || j->cause == RSD_CAUSE_BUNDLED;
    double beside = others_grow ? LEAK_SHARE * (double)j->bytes : 0;
    bool blocks_leak = blocks.leaking >= least && (double)blocks.leaking >= beside;
    bool chance = blocks_leak && blocks.leaks == 0 && rsd_sampling_is_coarse(rate, (double)blocks.leaking);
    bool maps_leak = mapped >= coarse && (double)mapped >= beside;
    if (maps_leak && (!blocks_leak || mapped > blocks.leaking))
        take_leak(j, a, &maps, true);
    else if (blocks_leak && !chance)
        take_leak(j, a, &blocks, false);
    else if (chance && !others_grow)
        take_coarse(j, blocks.leaking, rate);
    else if (j->cause == RSD_CAUSE_NONE && blocks.unclear >= UNCLEAR_LEAST)
        take_unclear(j, &blocks, seconds, rate);
}

/* ---- Words -------------------------------------------------------------------------------------------------------- */

const char *rsd_cause_name(enum rsd_cause cause) {
    static const char *const name[] = {"too short", "none",      "leak",    "plateau",          "churn",
                                       "startup",   "retention", "js-heap", "bundled-allocator"};
    return name[cause];
}

static const char *advice_in_doubt(enum rsd_doubt doubt) {
    switch (doubt) {
    case RSD_DOUBT_LENGTH:
        break;
    case RSD_DOUBT_NOTHING:
        return "`residue start PID` switches recording on; --from and --to choose a window in which it was.";
    case RSD_DOUBT_COARSE:
        return "Take more samples: a smaller RESIDUE_MODE=sample=SIZE, a larger RESIDUE_MAX_SIZE; or record for "
               "longer.";
    }
    return "What a cache, a collector or a leak does shows in tens of seconds, under load.";
}

const char *rsd_judgement_advice(const struct rsd_judgement *judgement) {
    switch (judgement->cause) {
    case RSD_CAUSE_SHORT:
        return advice_in_doubt(judgement->doubt);
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
        return "The program freed this, and malloc keeps it in its arenas.";
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
