/* meta.json, status.json and pack.json (FORMAT.md 6, 7 and 9). */
#ifndef RSD_META_H
#define RSD_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "folder.h"
#include "problem.h"

/* How the process ended, as far as the trace knows. */
enum rsd_end { RSD_END_UNKNOWN, RSD_END_EXIT, RSD_END_SIGNAL, RSD_END_RUNNING };

struct rsd_meta {
    bool found; /* meta.json was there and is an object */
    unsigned major, minor;
    char *tool;
    uint64_t trace_id;
    int64_t pid, ppid;
    int64_t forked_from; /* pid of the recorded process that this one is a copy of; 0: none */
    char *parent_trace;  /* its trace; or NULL, empty */
    uint64_t start_time; /* of the process, in clock ticks since boot */
    char *exe, *cwd;
    char **argv;
    size_t argc;
    char *started_at;
    bool tsc;       /* the clock is the time stamp counter, else CLOCK_MONOTONIC in ns */
    uint64_t ticks; /* one instant on three clocks: this one, */
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
    double ticks_per_second; /* as estimated at start; never 0 */
    char *libc, *allocator;  /* or NULL */
    uint64_t memory_limit;   /* of its cgroup, in bytes; 0: none, or not known */
    char *live_directory;    /* where the .live files are when not in the trace; or NULL */
    bool live_at_end_only;   /* "private": there are none until the process ends */
    bool status_found;
    enum rsd_end status; /* status.json: RSD_END_EXIT or RSD_END_SIGNAL */
    int status_value;    /* exit status or signal */
    uint64_t cutoff;     /* pack.json: the process still ran at that time and was packed; 0: no such file */
};

/* Read these files of a trace. What is missing or of the wrong type is left empty, with a problem. */
void rsd_meta_read(struct rsd_meta *meta, const struct rsd_folder *folder, struct rsd_problems *problems);
void rsd_meta_free(struct rsd_meta *meta);

/* Does the process that the trace is of still run? By pid and start time, so that a pid that came again is no match. */
bool rsd_meta_running(const struct rsd_meta *meta);
/* Field 22 of /proc/PID/stat, 0 when there is no such process; `alive` is false for one that has ended (a zombie). */
uint64_t rsd_process_start_time(int64_t pid, bool *alive);

#endif
