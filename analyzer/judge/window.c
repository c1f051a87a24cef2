/*
 * The window of the analysis.
 *
 * Its end, the moment of analysis: node frees what it holds while it shuts down, so the last instant of an orderly run
 * shows next to nothing. The recorder marks the start of teardown by a barrier, and that is the end unless the user
 * names another; a process that was killed, or that still runs, has no teardown, and then it is the end of the trace.
 *
 * Its start: 0.0 s unless the user says --from. Growth then equals what is outstanding at the end. That counts what a
 * program allocates once, when it starts, as growth; the end of warm-up is not detected yet, and a rule that is simple
 * and printed is better than a guess that is not.
 */
#include "judge/window.h"

#include "memory.h"

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

void rsd_window_choose(struct rsd_window *window, const struct rsd_window_options *options,
                       const struct rsd_history *history, bool running) {
    struct moment end = end_of(options, history, running);
    window->from = options->has_from ? rsd_history_time(history, options->from) : 0;
    window->to = end.time < history->last ? end.time : history->last;
    if (window->from > window->to)
        window->from = window->to;
    window->from_s = options->has_from ? rsd_history_seconds(history, window->from) : 0;
    window->to_s = rsd_history_seconds(history, window->to);
    window->why = rsd_format("%s, up to %s", options->has_from ? "--from" : "whole trace", end.name);
}
