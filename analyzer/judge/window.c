/*
 * The window of the analysis.
 *
 * Its end, the moment of analysis: node frees what it holds while it shuts down, so the last instant of an orderly run
 * shows next to nothing. The recorder marks the start of teardown by a barrier, and that is the end unless the user
 * names another; a process that was killed, or that still runs, has no teardown, and then it is the end of the trace.
 *
 * Its start: the end of warm-up. A program allocates when it starts, and caches fill in its first seconds; that is growth,
 * and no leak. The end of warm-up is the knee of RSS: the sample at which two straight lines, one before and one after, fit
 * the curve best. It is taken only where the two are much better than one line and the first is much steeper, and only
 * within the first part of a trace that is long enough; else the window begins at 0.0 s. The report says which.
 */
#include "judge/window.h"

#include <string.h>

#include "memory.h"

#define KNEE_SHORTEST 20.0 /* seconds of a window: below, there is too little to find a knee in */
#define KNEE_FEWEST 12     /* samples */
#define KNEE_WITHIN 0.4    /* of the window */
#define KNEE_FIT 0.25      /* what two lines leave of the squared error of one */
#define KNEE_STEEPER 3.0

struct moment {
    uint64_t time;
    const char *name;
};

static struct moment end_of_trace(const struct rsd_history *history, bool running) {
    return (struct moment){history->last, running ? "now, while the process runs" : "the end of the trace"};
}

static struct moment exit_of(const struct rsd_history *history, bool running) {
    const struct rsd_barrier *barrier = rsd_history_barrier(history, RESIDUE_BARRIER_EXIT);
    if (barrier)
        return (struct moment){barrier->time, "the call of exit"};
    if (history->ended)
        return (struct moment){history->end_time, "the process's last moment"};
    struct moment end = end_of_trace(history, running);
    end.name = running ? end.name : "the end of the trace (it has no exit)";
    return end;
}

static struct moment teardown_of(const struct rsd_history *history, bool running) {
    const struct rsd_barrier *barrier = rsd_history_barrier(history, RESIDUE_BARRIER_TEARDOWN);
    return barrier ? (struct moment){barrier->time, "the start of teardown"} : end_of_trace(history, running);
}

static struct moment end_of(const struct rsd_window_options *options, const struct rsd_history *history, bool running) {
    if (options->has_to)
        return (struct moment){rsd_history_time(history, options->to), "--to"};
    switch (options->at) {
    case RSD_AT_END:
        return end_of_trace(history, running);
    case RSD_AT_EXIT:
        return exit_of(history, running);
    case RSD_AT_TEARDOWN:
    case RSD_AT_DEFAULT:
        break;
    }
    return teardown_of(history, running);
}

/* ---- The knee ---------------------------------------------------------------------------------------------------- */

struct line {
    double slope, error; /* of the least-squares line, and the sum of its squared errors */
};

static struct line fit(const struct rsd_sample *sample, size_t count) {
    double n = (double)count, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < count; i++) {
        double t = (double)(sample[i].time - sample[0].time), v = (double)sample[i].rss_bytes;
        x += t / n;
        y += v / n;
    }
    for (size_t i = 0; i < count; i++) {
        double t = (double)(sample[i].time - sample[0].time) - x, v = (double)sample[i].rss_bytes - y;
        xx += t * t;
        xy += t * v;
        yy += v * v;
    }
    return (struct line){xx > 0 ? xy / xx : 0, xx > 0 ? yy - xy * xy / xx : yy};
}

/* The time of the knee; 0 when there is none. */
static uint64_t knee_of(const struct rsd_history *history, uint64_t to) {
    size_t count = 0;
    while (count < history->sample_count && history->samples[count].time <= to)
        count++;
    if (count < KNEE_FEWEST || rsd_history_seconds(history, to) < KNEE_SHORTEST)
        return 0;
    const struct rsd_sample *s = history->samples;
    uint64_t latest = s[0].time + (uint64_t)(KNEE_WITHIN * (double)(to - s[0].time)), knee = 0;
    double least = KNEE_FIT * fit(s, count).error;
    for (size_t i = 1; i + 2 < count && s[i].time <= latest; i++) {
        struct line before = fit(s, i + 1), after = fit(s + i, count - i);
        double error = before.error + after.error;
        if (error >= least || before.slope <= 0 || before.slope < KNEE_STEEPER * after.slope)
            continue;
        least = error;
        knee = s[i].time;
    }
    return knee;
}

/* ---- Marks ------------------------------------------------------------------------------------------------------- */

/* The last mark of that name; NULL when there is none. */
static const struct rsd_barrier *mark_of(const struct rsd_history *history, const char *name) {
    const struct rsd_barrier *found = NULL;
    for (size_t i = 0; i < history->barrier_count; i++)
        if (history->barriers[i].reason == RESIDUE_BARRIER_MARK && strcmp(history->barriers[i].name, name) == 0)
            found = &history->barriers[i];
    return found;
}

static size_t marks_in(const struct rsd_history *history, const struct rsd_window *window) {
    size_t count = 0;
    for (size_t i = 0; i < history->barrier_count; i++)
        count += history->barriers[i].reason == RESIDUE_BARRIER_MARK && history->barriers[i].time > window->from &&
                 history->barriers[i].time <= window->to;
    return count;
}

/* A moment that the user named: by its mark or by seconds. False: there is no such mark. */
static bool named(const struct rsd_history *history, const char *mark, double seconds, uint64_t *time) {
    const struct rsd_barrier *barrier = mark ? mark_of(history, mark) : NULL;
    *time = barrier ? barrier->time : rsd_history_time(history, seconds);
    return barrier || !mark;
}

bool rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running) {
    struct moment end = end_of(options, history, running);
    bool from = options->has_from || options->from_mark, found = true;
    if (options->to_mark)
        found = named(history, options->to_mark, 0, &end.time), end.name = "--to";
    window->to = end.time < history->last ? end.time : history->last;
    uint64_t knee = from ? 0 : knee_of(history, window->to);
    window->from = knee;
    if (from)
        found &= named(history, options->from_mark, options->from, &window->from);
    if (window->from > window->to)
        window->from = window->to;
    window->from_s = from || knee ? rsd_history_seconds(history, window->from) : 0;
    window->to_s = rsd_history_seconds(history, window->to);
    window->marks = marks_in(history, window);
    window->why = rsd_format("%s, up to %s",
                             from   ? "--from"
                             : knee ? "from the end of warm-up"
                                    : "whole trace",
                             end.name);
    return found;
}
