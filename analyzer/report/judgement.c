/*
 * Verdict, memory over time, and the ledger, in plain characters.
 *
 * The figures that a verdict rests on stand beside it, so that a reader can disagree.
 */
#include "report/judgement.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "report/layout.h"
#include "text.h"

#define GARBAGE_PART 10 /* of what has leaked, in parts: what growth differs by where garbage is worth a word */
#define MOST 0.9        /* of what leaks: so many call sites are counted apart */

/* ---- Verdict ------------------------------------------------------------------------------------------------------ */

static struct rsd_short chance(double p) {
    struct rsd_short text;
    snprintf(text.text, sizeof text.text, p < 0.0001 ? "below 0.0001" : "%.4f", p);
    return text;
}

/* Where garbage hides what has leaked, how much that is; to be freed. */
static char *beside_garbage(const struct rsd_group *group) {
    int64_t leaked = rsd_group_growth(group), grown = rsd_site_growth(&group->site);
    if (llabs(leaked - grown) < leaked / GARBAGE_PART)
        return rsd_strdup("");
    return rsd_format("; %s by what did not die young", rsd_change(leaked).text);
}

char *rsd_trend_text(const struct rsd_group *group) {
    const struct rsd_trend *trend = &group->trend;
    if (trend->verdict == RSD_VERDICT_SHORT || trend->verdict == RSD_VERDICT_STEADY)
        return NULL;
    if (trend->verdict == RSD_VERDICT_STARTUP)
        return rsd_strdup("startup: it rose at the start of the window only");
    if (trend->verdict == RSD_VERDICT_MOVED)
        return rsd_strdup("moved: it grew by what other call sites lost where the same code allocates");
    if (trend->verdict != RSD_VERDICT_LEAK)
        return rsd_format("%s: rose in %d of %d steps, %.0f %% of it in the window's second half",
                          rsd_verdict_name(trend->verdict), trend->rises, RSD_FLOORS - 1,
                          round(100 * trend->late) + 0.0 /* never -0 */);
    char *beside = beside_garbage(group);
    char *text = rsd_format("leak: %s/s, %s an hour; rose in %d of %d steps, p %s%s",
                            rsd_bytes((uint64_t)trend->rate).text, rsd_bytes(rsd_whole(trend->rate * 3600)).text,
                            trend->rises, RSD_FLOORS - 1, chance(trend->p).text, beside);
    free(beside);
    return text;
}

char *rsd_owner_text(const struct rsd_report *r, uint32_t binary) {
    if (binary == RSD_NO_BINARY)
        return rsd_strdup("an unknown library");
    const char *name = rsd_base_name(r->analysis->history.binaries[binary].path);
    const char *package = rsd_names_package(r->names, binary);
    return package ? rsd_format("%s (%s)", name, package) : rsd_strdup(name);
}

/* How much longer, in whole minutes: nobody counts seconds. */
static char *short_text(const struct rsd_judgement *j, double seconds) {
    if (j->doubt == RSD_DOUBT_NOTHING)
        return rsd_strdup("CANNOT TELL: nothing was recorded in the window");
    if (j->doubt == RSD_DOUBT_COARSE)
        return rsd_format("CANNOT TELL: samples too coarse for %s: there is one in each %s allocated",
                          rsd_bytes(rsd_whole((double)j->bytes)).text, rsd_bytes(j->every).text);
    int minutes = (int)ceil(j->more_s / 60);
    char *more = rsd_format("run %d more minute%s", minutes, minutes == 1 ? "" : "s");
    char *text = j->bytes ? rsd_format("TOO SHORT to tell: %s more, in too few steps: %s",
                                       rsd_bytes((uint64_t)j->bytes).text, more)
                          : rsd_format("TOO SHORT to tell: %s: %s", rsd_seconds(seconds).text, more);
    free(more);
    return text;
}

char *rsd_headline(const struct rsd_report *r) {
    const struct rsd_judgement *j = &r->judgement;
    double seconds = r->analysis->window.to_s - r->analysis->window.from_s;
    char *owner = rsd_owner_text(r, j->owner), *text;
    switch (j->cause) {
    case RSD_CAUSE_LEAK:
        text = rsd_format("LEAK of %s%s: %s in %s, %s/s, %s an hour",
                          j->by_mappings ? "mappings made by " : "native memory", j->by_mappings ? owner : "",
                          rsd_bytes(rsd_whole(j->bytes)).text, rsd_seconds(seconds).text,
                          rsd_bytes(rsd_whole(j->rate)).text, rsd_bytes(rsd_whole(j->rate * 3600)).text);
        break;
    case RSD_CAUSE_JS_HEAP:
        text = rsd_format("JAVASCRIPT HEAP: it grew by %s, %s/s", rsd_bytes(rsd_whole(j->bytes)).text,
                          rsd_bytes(rsd_whole(j->rate)).text);
        break;
    case RSD_CAUSE_RETENTION:
        text = rsd_format("RETENTION: %s of RSS is freed memory that malloc keeps",
                          rsd_bytes(r->analysis->ledger[1].row[RSD_LEDGER_RETAINED]).text);
        break;
    case RSD_CAUSE_BUNDLED:
        text = rsd_format("BUNDLED ALLOCATOR: mappings of %s hold %s more", owner, rsd_bytes(rsd_whole(j->bytes)).text);
        break;
    case RSD_CAUSE_PLATEAU:
        text = rsd_format("PLATEAU: %s more, and it has stopped", rsd_bytes(rsd_whole(j->bytes)).text);
        break;
    case RSD_CAUSE_STARTUP:
        text = rsd_format("STARTUP: %s more at the start of the window", rsd_bytes(rsd_whole(j->bytes)).text);
        break;
    case RSD_CAUSE_CHURN:
        text = rsd_format("CHURN: up and down by %s", rsd_bytes(rsd_whole(j->bytes)).text);
        break;
    case RSD_CAUSE_SHORT:
        text = short_text(j, seconds);
        break;
    default:
        text = rsd_strdup("NONE");
    }
    free(owner);
    return text;
}

static void print_limit(FILE *out, const struct rsd_report *r, uint64_t chosen) {
    const struct rsd_judgement *j = &r->judgement;
    uint64_t limit = chosen ? chosen : r->analysis->trace.meta.memory_limit;
    const char *whose = chosen ? "" : " (the cgroup's)";
    bool grows = j->cause == RSD_CAUSE_LEAK || j->cause == RSD_CAUSE_JS_HEAP;
    if (!limit || !grows || j->rate <= 0)
        return;
    if (j->rss_end >= limit)
        rsd_take_field(out, "limit", rsd_format("%s%s: reached", rsd_bytes(limit).text, whose));
    else
        rsd_take_field(out, "limit",
                       rsd_format("%s%s: reached in %s, if it goes on like this", rsd_bytes(limit).text, whose,
                                  rsd_seconds((double)(limit - j->rss_end) / j->rate).text));
}

static int most_first(const void *a, const void *b) {
    int64_t first = *(const int64_t *)a, second = *(const int64_t *)b;
    return first < second ? 1 : first > second ? -1 : 0;
}

/* "3 of 261 leaking call sites have 91 % of it": the fewest that have most of what leaks. */
static char *leaking_sites(const struct rsd_groups *groups) {
    int64_t *growth = rsd_alloc(groups->count * sizeof *growth);
    double all = 0, leading = 0;
    size_t count = 0, fewest = 0;
    for (size_t i = 0; i < groups->count; i++)
        if (groups->list[i].trend.verdict == RSD_VERDICT_LEAK) {
            growth[count++] = rsd_group_growth(&groups->list[i]);
            all += (double)growth[count - 1];
        }
    qsort(growth, count, sizeof *growth, most_first);
    while (fewest < count && leading < MOST * all)
        leading += (double)growth[fewest++];
    free(growth);
    if (fewest == count)
        return rsd_format("%s leaking call site%s", rsd_count(count).text, count == 1 ? "" : "s");
    return rsd_format("%zu of %s leaking call sites %s %s of it", fewest, rsd_count(count).text,
                      fewest == 1 ? "has" : "have", rsd_percent(leading, all).text);
}

static void print_leak(FILE *out, const struct rsd_report *r) {
    const struct rsd_judgement *j = &r->judgement;
    char *sites = leaking_sites(j->by_mappings ? &r->mappings : &r->heap);
    rsd_take_field(
        out, "",
        rsd_format("%s; p %s that it is chance (Mann-Kendall), %.0f %% of it in the window's second half. %s", sites,
                   chance(j->p).text, 100 * j->late, rsd_judgement_advice(j)));
    free(sites);
    if (j->since_s > 0)
        rsd_take_field(out, "", rsd_format("It began at about %.1f s.", j->since_s));
    if (j->late < RSD_SLOWING && j->late_rate < j->rate)
        rsd_take_field(out, "",
                       rsd_format("It slows down: %s/s in the window's last quarter. A cache that fills does so, too: "
                                  "record for longer.",
                                  rsd_bytes((uint64_t)fmax(0, j->late_rate)).text));
}

/* What each remedy would bring here, from what lies where in malloc's memory. */
static void print_remedies(FILE *out, const struct rsd_report *r) {
    const struct rsd_ledger *l = &r->analysis->ledger[1];
    uint64_t retained = l->row[RSD_LEDGER_RETAINED];
    struct rsd_short whole = rsd_bytes(l->whole_free);
    rsd_take_field(out, "remedies",
                   rsd_format("jemalloc by LD_PRELOAD gives free pages back by itself: about %s less. malloc_trim(0) "
                              "would do the same once, now.",
                              whole.text));
    if (l->further)
        rsd_take_field(out, "",
                       rsd_format("MALLOC_ARENA_MAX=2: up to %s less. There are %zu heaps of arenas, and so much is "
                                  "kept by all but the main one and the largest.",
                                  rsd_bytes(l->further).text, l->heaps));
    else
        rsd_field(out, "", "MALLOC_ARENA_MAX=2: nothing, there is no third arena.");
    rsd_take_field(out, "",
                   rsd_format("The other %s lies between blocks that are held, and no setting frees it.",
                              rsd_bytes(retained - l->whole_free).text));
}

static void print_rows_trend(FILE *out, const struct rsd_judgement *j) {
    const struct rsd_trend *t = &j->rows;
    if (t->verdict == RSD_VERDICT_SHORT)
        return;
    rsd_take_field(out, "",
                   t->verdict == RSD_VERDICT_LEAK
                       ? rsd_format("It grows by %s/s; rose in %d of %d steps, p %s.",
                                    rsd_bytes((uint64_t)t->rate).text, t->rises, RSD_FLOORS - 1, chance(t->p).text)
                       : rsd_format("It does not grow steadily (%s): rose in %d of %d steps.",
                                    rsd_verdict_name(t->verdict), t->rises, RSD_FLOORS - 1));
}

double rsd_units(const struct rsd_report *r, const char **unit) {
    *unit = r->options.work > 0 ? "unit of work" : "mark";
    return r->options.work > 0 ? r->options.work : (double)r->analysis->window.marks;
}

static void print_per_unit(FILE *out, const struct rsd_report *r) {
    const char *unit;
    double units = rsd_units(r, &unit);
    const struct rsd_judgement *j = &r->judgement;
    if (units > 0 && (j->cause == RSD_CAUSE_LEAK || j->cause == RSD_CAUSE_JS_HEAP))
        rsd_take_field(out, "",
                       rsd_format("%s for each %s (%s in the window).",
                                  rsd_bytes((uint64_t)((double)j->bytes / units)).text, unit,
                                  rsd_count((uint64_t)units).text));
}

void rsd_print_verdict(FILE *out, const struct rsd_report *r, uint64_t limit) {
    const struct rsd_judgement *j = &r->judgement;
    rsd_take_field(out, "verdict", rsd_headline(r));
    if (j->cause == RSD_CAUSE_LEAK)
        print_leak(out, r);
    else
        rsd_field(out, "", rsd_judgement_advice(j));
    if (j->cause == RSD_CAUSE_RETENTION || j->cause == RSD_CAUSE_BUNDLED)
        print_rows_trend(out, j);
    if (j->cause == RSD_CAUSE_RETENTION)
        print_remedies(out, r);
    print_per_unit(out, r);
    print_limit(out, r, limit);
}

/* ---- Memory over time --------------------------------------------------------------------------------------------- */

#define PLOT_MARGIN 16 /* columns beside it */
#define PLOT_HEIGHT 8
#define PLOT_WIDEST (RSD_WIDTH_MOST - PLOT_MARGIN)

struct plot {
    char cell[PLOT_HEIGHT][PLOT_WIDEST];
    int width;
    uint64_t from, to, top; /* of times and of bytes */
};

/* The cell of a value, from 0 at the bottom. */
static int height_of(const struct plot *plot, uint64_t bytes) {
    int height = (int)((double)bytes / (double)plot->top * PLOT_HEIGHT);
    return height < PLOT_HEIGHT ? height : PLOT_HEIGHT - 1;
}

static uint64_t end_of_column(const struct plot *plot, int column) {
    return plot->from + rsd_history_part(plot->to - plot->from, (uint64_t)column + 1, (uint64_t)plot->width);
}

static void put(struct plot *plot, int column, uint64_t bytes, char mark) {
    char *cell = &plot->cell[height_of(plot, bytes)][column];
    *cell = *cell == ' ' ? mark : '*';
}

static void draw_points(struct plot *plot, const struct rsd_analysis *a) {
    size_t at = 0;
    for (int column = 0; column < plot->width; column++) {
        uint64_t end = end_of_column(plot, column);
        while (at + 1 < a->point_count && a->timeline[at + 1].time <= end)
            at++;
        if (a->timeline[at].time > end)
            continue;
        put(plot, column, a->timeline[at].rss_bytes, '#');
        put(plot, column, a->timeline[at].live_bytes, '+');
    }
}

/* Between two ledgers nothing is known of what malloc keeps; it is drawn as it was. */
static void draw_retained(struct plot *plot, const struct rsd_analysis *a) {
    size_t at = 0;
    for (int column = 0; column < plot->width && a->ledger_count; column++) {
        uint64_t end = end_of_column(plot, column);
        while (at + 1 < a->ledger_count && a->ledgers[at + 1].time <= end)
            at++;
        if (a->ledgers[at].time <= end)
            put(plot, column, a->ledgers[at].row[RSD_LEDGER_RETAINED], 'o');
    }
}

static void print_plot(FILE *out, const struct plot *plot) {
    for (int row = PLOT_HEIGHT - 1; row >= 0; row--) {
        int width = plot->width;
        while (width && plot->cell[row][width - 1] == ' ')
            width--;
        fprintf(out, "  %10s |%.*s\n",
                row == PLOT_HEIGHT - 1 ? rsd_bytes(plot->top).text
                : row                  ? ""
                                       : "0 B",
                width, plot->cell[row]);
    }
}

void rsd_print_timeline(FILE *out, const struct rsd_analysis *a) {
    if (a->point_count < 4)
        return;
    struct plot plot = {.width = (int)rsd_width() - PLOT_MARGIN,
                        .top = 1,
                        .from = a->timeline[0].time,
                        .to = a->timeline[a->point_count - 1].time};
    memset(plot.cell, ' ', sizeof plot.cell);
    for (size_t i = 0; i < a->point_count; i++) {
        plot.top = a->timeline[i].rss_bytes > plot.top ? a->timeline[i].rss_bytes : plot.top;
        plot.top = a->timeline[i].live_bytes > plot.top ? a->timeline[i].live_bytes : plot.top;
    }
    draw_points(&plot, a);
    draw_retained(&plot, a);
    fprintf(out, "\nMEMORY OVER TIME   # RSS   + native, outstanding   o kept by malloc   * several\n");
    print_plot(out, &plot);
    struct rsd_short first = rsd_seconds(rsd_history_seconds(&a->history, plot.from));
    struct rsd_short last = rsd_seconds(rsd_history_seconds(&a->history, plot.to));
    fprintf(out, "%14s%-*s%s\n", "", plot.width - (int)strlen(last.text), first.text, last.text);
}

/* ---- Ledger ------------------------------------------------------------------------------------------------------- */

#define WIDEST_LABEL 70 /* figures too far from what they are of cannot be read */

static int label_width(void) {
    int width = (int)rsd_width() - 40;
    return width < WIDEST_LABEL ? width : WIDEST_LABEL;
}

static void print_row(FILE *out, const char *text, uint64_t start, uint64_t end) {
    int width = label_width();
    fprintf(out, "  %-*.*s %11s %11s %12s\n", width, width, text, rsd_bytes(start).text, rsd_bytes(end).text,
            rsd_change((int64_t)(end - start)).text);
}

#define OWNERS_SHOWN 4
#define OWNER_LEAST (256 << 10) /* bytes */

static void print_owners(FILE *out, const struct rsd_report *r, const struct rsd_ledger *start,
                         const struct rsd_ledger *end) {
    for (size_t i = 0; i < end->owner_count && i < OWNERS_SHOWN; i++) {
        uint64_t before = 0;
        for (size_t k = 0; k < start->owner_count; k++)
            if (start->owners[k].binary == end->owners[i].binary)
                before = start->owners[k].resident;
        char *owner = rsd_owner_text(r, end->owners[i].binary), *text = rsd_format("  of these, %s", owner);
        char *shown = rsd_escape_string(text);
        if (end->owners[i].resident >= OWNER_LEAST || before >= OWNER_LEAST)
            print_row(out, shown, before, end->owners[i].resident);
        free(owner);
        free(text);
        free(shown);
    }
}

void rsd_print_ledger(FILE *out, const struct rsd_report *r) {
    static const char *const text[] = {
#define X(name, key, text) text,
        RSD_LEDGER_ROWS(X)
#undef X
    };
    const struct rsd_analysis *a = r->analysis;
    const struct rsd_ledger *start = &a->ledger[0], *end = &a->ledger[1];
    if (!end->time)
        return;
    char *head[2];
    for (int i = 0; i < 2; i++)
        head[i] = rsd_format("at %.1f s", rsd_history_seconds(&a->history, a->ledger[i].time));
    fprintf(out, "\n%-*s %11s %11s %12s\n", label_width() + 2, "WHERE THE RESIDENT MEMORY IS", head[0], head[1],
            "change");
    for (int row = 0; row < RSD_LEDGER_COUNT; row++) {
        if (!start->row[row] && !end->row[row])
            continue;
        bool inherited = row == RSD_LEDGER_RETAINED && a->trace.meta.forked_from;
        print_row(out, inherited ? "inherited at fork, or freed but kept" : text[row], start->row[row], end->row[row]);
        if (row == RSD_LEDGER_V8 && (start->v8_young || end->v8_young))
            print_row(out, "  of these, for young objects", start->v8_young, end->v8_young);
        if (row == RSD_LEDGER_MAPPED)
            print_owners(out, r, start, end);
    }
    print_row(out, "RSS", start->rss_bytes, end->rss_bytes);
    free(head[0]);
    free(head[1]);
}
