/*
 * Normalising by time or by work.
 *
 * Marks and the length of the window stand in the trace. How many requests were served does not (a hook sees no HTTP), so
 * the user says it, one number a trace: a load generator prints it.
 */
#include "per.h"

double rsd_per_parts(const struct rsd_per *per, const struct rsd_window *window, size_t number, const char **why) {
    double seconds = window->to_s - window->from_s;
    switch (per->kind) {
    case RSD_PER_RUN:
        return 1;
    case RSD_PER_MINUTE:
        *why = "its window has no length";
        return seconds > 0 ? seconds / 60 : 0;
    case RSD_PER_MARK:
        *why = "there is no mark in its window";
        return (double)window->marks;
    case RSD_PER_REQUEST:
        *why = "--per request= has no number for it";
        return number < per->request_count ? per->requests[number] : 0;
    }
    return 1;
}

const char *rsd_per_name(const struct rsd_per *per) {
    static const char *const name[] = {"run", "minute", "mark", "request"};
    return name[per->kind];
}
