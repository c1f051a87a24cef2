/*
 * The progress bar: nothing in the first second, then redrawn ten times a second, wiped at the end. Only when stderr is
 * a terminal, so that neither a log nor a pipe ever sees it.
 */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WIDTH 40

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void rsd_progress_begin(struct rsd_progress *progress, uint64_t whole, bool quiet) {
    double now = seconds();
    *progress = (struct rsd_progress){
        .wanted = !quiet && whole && isatty(STDERR_FILENO), .whole = whole, .begin = now, .next = now + 1};
}

void rsd_progress_at(struct rsd_progress *progress, uint64_t done) {
    if (!progress->wanted)
        return;
    double now = seconds();
    if (now < progress->next)
        return;
    progress->next = now + 0.1;
    progress->shown = true;
    if (done > progress->whole)
        done = progress->whole;
    int filled = (int)((double)done / (double)progress->whole * WIDTH);
    fprintf(stderr, "\rreading [%.*s%*s] %3d %%", filled, "########################################", WIDTH - filled,
            "", (int)((double)done / (double)progress->whole * 100));
    fflush(stderr);
}

void rsd_progress_end(struct rsd_progress *progress) {
    if (progress->shown)
        fputs("\r\033[K", stderr);
}
