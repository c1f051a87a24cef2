/*
 * The window of the analysis.
 *
 * Its end, the moment of analysis: node frees what it holds while it shuts down, so the last instant of an orderly run
 * shows next to nothing. The recorder marks the start of teardown by a barrier, and that is the end unless the user
 * names another; a process that was killed, or that still runs, has no teardown, and then it is the end of the trace.
 *
 * Where recording was switched off (`residue stop`) that is the end; where it was switched on (`residue start`), the
 * window begins no earlier, for what was allocated before is not known.
 *
 * Its start: the end of warm-up. A program allocates when it starts, and caches fill in its first seconds; that is growth,
 * and no leak. The end of warm-up is the knee of RSS or of native memory, whichever comes later: the sample at which two
 * straight lines, one before and one after, fit the curve best. It is taken only where the two are much better than one line and the first is much steeper, and only
 * within the first part of a trace that is long enough; else the window begins at 0.0 s. The report says which. The curve of
 * native memory is known only once the events have been read: the analysis reads them again if it moves the start.
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

/* What was recorded ends where recording was switched off for good; but where it was never on there is no such end. */
static struct moment before_stop(const struct rsd_history *history, struct moment end) {
    const struct rsd_barrier *last = rsd_history_switch(history, end.time);
    if (last && last->reason == RESIDUE_BARRIER_STOP && (last > history->barriers || !*last->name))
        return (struct moment){last->time, "the stop of recording"};
    return end;
}

/* The last time that recording was switched on before an instant; NULL: it was not. */
static const struct rsd_barrier *last_start(const struct rsd_history *history, uint64_t time) {
    const struct rsd_barrier *last = NULL;
    for (size_t i = 0; i < history->barrier_count && history->barriers[i].time < time; i++)
        if (history->barriers[i].reason == RESIDUE_BARRIER_START)
            last = &history->barriers[i];
    return last;
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
    return before_stop(history, teardown_of(history, running));
}

/* ---- The knee ---------------------------------------------------------------------------------------------------- */

struct line {
    double slope, error; /* of the least-squares line, and the sum of its squared errors */
};

static struct line fit(const struct rsd_curve_point *point, size_t count) {
    double n = (double)count, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (size_t i = 0; i < count; i++) {
        x += (double)(point[i].time - point[0].time) / n;
        y += point[i].bytes / n;
    }
    for (size_t i = 0; i < count; i++) {
        double t = (double)(point[i].time - point[0].time) - x, v = point[i].bytes - y;
        xx += t * t;
        xy += t * v;
        yy += v * v;
    }
    return (struct line){xx > 0 ? xy / xx : 0, xx > 0 ? yy - xy * xy / xx : yy};
}

/* The time of the curve's knee between the ends of the window; 0 when there is none. */
static uint64_t knee_of(const struct rsd_window *window, const struct rsd_history *history,
                        const struct rsd_curve_point *curve, size_t count) {
    while (count && curve[count - 1].time > window->to)
        count--;
    for (; count && curve->time < window->from; curve++)
        count--;
    double seconds = rsd_history_seconds(history, window->to) - rsd_history_seconds(history, window->from);
    if (count < KNEE_FEWEST || seconds < KNEE_SHORTEST)
        return 0;
    uint64_t latest = curve->time + (uint64_t)(KNEE_WITHIN * (double)(window->to - curve->time)), knee = 0;
    double least = KNEE_FIT * fit(curve, count).error;
    for (size_t i = 1; i + 2 < count && curve[i].time <= latest; i++) {
        struct line before = fit(curve, i + 1), after = fit(curve + i, count - i);
        double error = before.error + after.error;
        if (error >= least || before.slope <= 0 || before.slope < KNEE_STEEPER * after.slope)
            continue;
        least = error;
        knee = curve[i].time;
    }
    return knee;
}

static bool move_to_knee(struct rsd_window *window, const struct rsd_history *history,
                         const struct rsd_curve_point *curve, size_t count, const char *of) {
    uint64_t knee = window->may_move ? knee_of(window, history, curve, count) : 0;
    if (!knee || knee <= window->from)
        return false;
    window->from = knee;
    window->start = of;
    return true;
}

static void follow_rss(struct rsd_window *window, const struct rsd_history *history) {
    struct rsd_curve_point *curve = rsd_alloc(history->sample_count * sizeof *curve);
    for (size_t i = 0; i < history->sample_count; i++)
        curve[i] = (struct rsd_curve_point){history->samples[i].time, (double)history->samples[i].rss_bytes};
    move_to_knee(window, history, curve, history->sample_count, "from the end of warm-up (RSS)");
    free(curve);
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
        count += rsd_barrier_counts_work(&history->barriers[i]) && history->barriers[i].time > window->from &&
                 history->barriers[i].time <= window->to;
    return count;
}

/* A moment that the user named: by its mark or by seconds. False: there is no such mark. */
static bool named(const struct rsd_history *history, const char *mark, double seconds, uint64_t *time) {
    const struct rsd_barrier *barrier = mark ? mark_of(history, mark) : NULL;
    *time = barrier ? barrier->time : rsd_history_time(history, seconds);
    return barrier || !mark;
}

/* What follows from both ends. */
static void settle(struct rsd_window *window, const struct rsd_history *history) {
    if (window->from > window->to)
        window->from = window->to;
    window->from_s = window->from > history->origin ? rsd_history_seconds(history, window->from) : 0;
    window->to_s = rsd_history_seconds(history, window->to);
    window->marks = marks_in(history, window);
    free(window->why);
    window->why = rsd_format("%s, up to %s", window->start, window->end);
}

bool rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running) {
    struct moment end = end_of(options, history, running);
    bool found = true;
    *window = (struct rsd_window){.start = "whole trace",
                                  .may_move = !options->has_from && !options->from_mark,
                                  .from_mark = options->from_mark != NULL};
    if (options->to_mark)
        found = named(history, options->to_mark, 0, &end.time), end.name = "--to";
    window->to = end.time < history->last ? end.time : history->last;
    window->end = end.name;
    const struct rsd_barrier *start = window->may_move ? last_start(history, window->to) : NULL;
    if (start) {
        window->from = start->time;
        window->start = "from the start of recording";
    }
    follow_rss(window, history);
    if (!window->may_move) {
        found &= named(history, options->from_mark, options->from, &window->from);
        window->start = "--from";
    }
    settle(window, history);
    return found;
}

bool rsd_window_follow(struct rsd_window *window, const struct rsd_history *history,
                       const struct rsd_curve_point *curve, size_t count) {
    bool moved = move_to_knee(window, history, curve, count, "from the end of warm-up (native memory)");
    if (moved)
        settle(window, history);
    return moved;
}
