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

/* ---- Verdict ------------------------------------------------------------------------------------------------------ */

static struct rsd_short chance(double p) {
    struct rsd_short text;
    snprintf(text.text, sizeof text.text, p < 0.0001 ? "below 0.0001" : "%.4f", p);
    return text;
}

char *rsd_trend_text(const struct rsd_trend *trend) {
    if (trend->verdict == RSD_VERDICT_SHORT || trend->verdict == RSD_VERDICT_STEADY)
        return NULL;
    if (trend->verdict == RSD_VERDICT_STARTUP)
        return rsd_strdup("startup: it rose at the start of the window only");
    if (trend->verdict != RSD_VERDICT_LEAK)
        return rsd_format("%s: rose in %d of %d steps, %.0f %% of it in the window's second half",
                          rsd_verdict_name(trend->verdict), trend->rises, RSD_FLOORS - 1, 100 * trend->late);
    return rsd_format("leak: %s/s, %s an hour; rose in %d of %d steps, p %s", rsd_bytes((uint64_t)trend->rate).text,
                      rsd_bytes((uint64_t)(trend->rate * 3600)).text, trend->rises, RSD_FLOORS - 1,
                      chance(trend->p).text);
}

char *rsd_owner_text(const struct rsd_report *r, uint32_t binary) {
    if (binary == RSD_NO_BINARY)
        return rsd_strdup("an unknown library");
    const char *name = rsd_base_name(r->analysis->history.binaries[binary].path);
    const char *package = rsd_names_package(r->names, binary);
    return package ? rsd_format("%s (%s)", name, package) : rsd_strdup(name);
}

char *rsd_headline(const struct rsd_report *r) {
    const struct rsd_judgement *j = &r->judgement;
    double seconds = r->analysis->window.to_s - r->analysis->window.from_s;
    char *owner = j->cause == RSD_CAUSE_BUNDLED ? rsd_owner_text(r, j->owner) : NULL, *text;
    switch (j->cause) {
    case RSD_CAUSE_LEAK:
        text = rsd_format("LEAK of %s: %s in %s, %s/s, %s an hour", j->by_mappings ? "mappings" : "native memory",
                          rsd_bytes((uint64_t)j->bytes).text, rsd_seconds(seconds).text,
                          rsd_bytes((uint64_t)j->rate).text, rsd_bytes((uint64_t)(j->rate * 3600)).text);
        break;
    case RSD_CAUSE_JS_HEAP:
        text = rsd_format("JAVASCRIPT HEAP: it grew by %s, %s/s", rsd_bytes((uint64_t)j->bytes).text,
                          rsd_bytes((uint64_t)j->rate).text);
        break;
    case RSD_CAUSE_RETENTION:
        text = rsd_format("RETENTION: %s of RSS is freed memory that malloc keeps",
                          rsd_bytes(r->analysis->ledger[1].row[RSD_LEDGER_RETAINED]).text);
        break;
    case RSD_CAUSE_BUNDLED:
        text = rsd_format("BUNDLED ALLOCATOR: mappings of %s hold %s more", owner, rsd_bytes((uint64_t)j->bytes).text);
        break;
    case RSD_CAUSE_PLATEAU:
        text = rsd_format("PLATEAU: %s more, and it has stopped", rsd_bytes((uint64_t)j->bytes).text);
        break;
    case RSD_CAUSE_STARTUP:
        text = rsd_format("STARTUP: %s more at the start of the window", rsd_bytes((uint64_t)j->bytes).text);
        break;
    case RSD_CAUSE_CHURN:
        text = rsd_format("CHURN: up and down by %s", rsd_bytes((uint64_t)j->bytes).text);
        break;
    case RSD_CAUSE_SHORT:
        text = rsd_format("TOO SHORT to tell: %s, at least %.0f s are needed", rsd_seconds(seconds).text,
                          RSD_TREND_SHORTEST);
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

void rsd_print_verdict(FILE *out, const struct rsd_report *r, uint64_t limit) {
    const struct rsd_judgement *j = &r->judgement;
    rsd_take_field(out, "verdict", rsd_headline(r));
    if (j->cause == RSD_CAUSE_LEAK)
        rsd_take_field(out, "",
                       rsd_format("%zu call site%s; p %s that it is chance (Mann-Kendall), %.0f %% of it in the "
                                  "window's second half. %s",
                                  j->leaks, j->leaks == 1 ? "" : "s", chance(j->p).text, 100 * j->late,
                                  rsd_cause_advice(j->cause)));
    else
        rsd_field(out, "", rsd_cause_advice(j->cause));
    print_limit(out, r, limit);
}

/* ---- Memory over time --------------------------------------------------------------------------------------------- */

#define PLOT_WIDTH 64
#define PLOT_HEIGHT 8

/* The cell of a value, from 0 at the bottom. */
static int height_of(uint64_t bytes, uint64_t top) {
    int height = (int)((double)bytes / (double)top * PLOT_HEIGHT);
    return height < PLOT_HEIGHT ? height : PLOT_HEIGHT - 1;
}

static void draw(char cell[PLOT_HEIGHT][PLOT_WIDTH + 1], const struct rsd_analysis *a, uint64_t top, uint64_t from,
                 uint64_t to) {
    size_t at = 0;
    for (int column = 0; column < PLOT_WIDTH; column++) {
        uint64_t end = from + (uint64_t)((double)(to - from) * (column + 1) / PLOT_WIDTH);
        while (at + 1 < a->point_count && a->timeline[at + 1].time <= end)
            at++;
        if (a->timeline[at].time > end)
            continue;
        int rss = height_of(a->timeline[at].rss_bytes, top), live = height_of(a->timeline[at].live_bytes, top);
        cell[rss][column] = '#';
        cell[live][column] = rss == live ? '*' : '+';
    }
}

void rsd_print_timeline(FILE *out, const struct rsd_analysis *a) {
    if (a->point_count < 4)
        return;
    char cell[PLOT_HEIGHT][PLOT_WIDTH + 1];
    uint64_t top = 1, from = a->timeline[0].time, to = a->timeline[a->point_count - 1].time;
    memset(cell, ' ', sizeof cell);
    for (size_t i = 0; i < a->point_count; i++) {
        top = a->timeline[i].rss_bytes > top ? a->timeline[i].rss_bytes : top;
        top = a->timeline[i].live_bytes > top ? a->timeline[i].live_bytes : top;
    }
    draw(cell, a, top, from, to);
    fprintf(out, "\nMEMORY OVER TIME   # RSS   + native, outstanding   * both\n");
    for (int row = PLOT_HEIGHT - 1; row >= 0; row--) {
        int width = PLOT_WIDTH;
        while (width && cell[row][width - 1] == ' ')
            width--;
        fprintf(out, "  %10s |%.*s\n",
                row == PLOT_HEIGHT - 1 ? rsd_bytes(top).text
                : row                  ? ""
                                       : "0 B",
                width, cell[row]);
    }
    struct rsd_short first = rsd_seconds(rsd_history_seconds(&a->history, from));
    struct rsd_short last = rsd_seconds(rsd_history_seconds(&a->history, to));
    fprintf(out, "%14s%-*s%s\n", "", PLOT_WIDTH - (int)strlen(last.text), first.text, last.text);
}

/* ---- Ledger ------------------------------------------------------------------------------------------------------- */

static void print_row(FILE *out, const char *text, uint64_t start, uint64_t end) {
    fprintf(out, "  %-40.40s %11s %11s %12s\n", text, rsd_bytes(start).text, rsd_bytes(end).text,
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
    fprintf(out, "\n%-42s %11s %11s %12s\n", "WHERE THE RESIDENT MEMORY IS", head[0], head[1], "change");
    for (int row = 0; row < RSD_LEDGER_COUNT; row++) {
        if (!start->row[row] && !end->row[row])
            continue;
        bool inherited = row == RSD_LEDGER_RETAINED && a->trace.meta.forked_from;
        print_row(out, inherited ? "inherited at fork, or freed but kept" : text[row], start->row[row], end->row[row]);
        if (row == RSD_LEDGER_MAPPED)
            print_owners(out, r, start, end);
    }
    print_row(out, "RSS", start->rss_bytes, end->rss_bytes);
    free(head[0]);
    free(head[1]);
}
