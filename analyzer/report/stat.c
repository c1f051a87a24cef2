/*
 * What the recorder says about itself, and what the reader found: for judging how far a report can be trusted, and for
 * those who work on residue.
 */
#include <inttypes.h>

#include "memory.h"
#include "report/report.h"
#include "text.h"

static void row(FILE *out, const char *label, const char *value) {
    fprintf(out, "  %-68s %s\n", label, value);
}

static void count_row(FILE *out, const char *label, uint64_t value) {
    row(out, label, rsd_count(value).text);
}

static void print_files(FILE *out, const struct rsd_analysis *a) {
    uint64_t frames = 0;
    for (size_t i = 0; i < a->trace.writer_count; i++)
        for (int kind = 0; kind < RESIDUE_KINDS; kind++)
            frames += a->trace.writers[i].frames[kind].count;
    fprintf(out, "trace\n");
    count_row(out, "writers", a->trace.writer_count);
    count_row(out, "threads seen", a->history.thread_count);
    count_row(out, "sealed segments", frames);
    count_row(out, "segments lost", rsd_trace_lost(&a->trace));
    row(out, "bytes of logs", rsd_bytes(a->trace.log_bytes).text);
    count_row(out, "events up to the moment of analysis", a->events);
    if (a->events) {
        char *per = rsd_format("%.2f B", (double)a->trace.log_bytes / (double)a->events);
        row(out, "bytes of logs per event", per);
        free(per);
    }
    if (a->pairing.heap_now.calls) {
        char *per = rsd_format("%.2f B", (double)a->trace.log_bytes / (double)a->pairing.heap_now.calls);
        row(out, "bytes of logs per allocation, those that died young included", per);
        free(per);
    }
    count_row(out, "stack nodes read", a->stacks.read);
    count_row(out, "distinct stack nodes", a->stacks.count - 2); /* less the two that are no frames */
    count_row(out, "call sites", a->pairing.heap.count);
    if (a->history.javascript)
        row(out, "JavaScript", a->history.javascript);
    row(out, "held by libc for the recorder, in no report", rsd_bytes(a->pairing.tracer_now.live_bytes).text);
}

static void print_pairing(FILE *out, const struct rsd_pairing *p) {
    static const char *const text[] = {
#define X(name, anomaly, text) text,
        RSD_ANOMALIES(X)
#undef X
    };
    static const bool counts[] = {
#define X(name, anomaly, text) anomaly,
        RSD_ANOMALIES(X)
#undef X
    };
    fprintf(out, "\nanomalies\n");
    for (int i = 0; i < RSD_ODDITIES; i++)
        if (counts[i])
            count_row(out, text[i], p->anomaly[i]);
    fprintf(out, "\nno anomalies, but counted\n");
    for (int i = 0; i < RSD_ODDITIES; i++)
        if (!counts[i])
            count_row(out, text[i], p->anomaly[i]);
}

static void print_counters(FILE *out, const struct rsd_recorder_sums *sums) {
    fprintf(out, "\nrecorder\n");
#define X(number, name, meaning)                                                                                       \
    if (number < RESIDUE_COUNTER_LATENCY_LOG2)                                                                         \
        count_row(out, meaning, sums->counter[number]);
    RESIDUE_COUNTERS(X)
#undef X
}

static void print_stacks(FILE *out, const struct rsd_recorder_sums *sums) {
    static const struct {
        const char *name;
        enum residue_counter counter;
    } source[] = {
        {"cfi", RESIDUE_COUNTER_FRAMES_CFI},   {"fp", RESIDUE_COUNTER_FRAMES_FP},
        {"code", RESIDUE_COUNTER_FRAMES_CODE}, {"scan (guesses)", RESIDUE_COUNTER_FRAMES_SCAN},
        {"kept", RESIDUE_COUNTER_FRAMES_KEPT}, {"libunwind", RESIDUE_COUNTER_FRAMES_LIBUNWIND},
    };
    double frames = 0;
    for (size_t i = 0; i < sizeof source / sizeof *source; i++)
        frames += (double)sums->counter[source[i].counter];
    fprintf(out, "\nstacks\n");
    row(out, "stacks that reach a root", rsd_percent((double)sums->complete, (double)sums->stacks).text);
    for (size_t i = 0; i < sizeof source / sizeof *source; i++) {
        char *label = rsd_format("frames by %s", source[i].name);
        row(out, label, rsd_percent((double)sums->counter[source[i].counter], frames).text);
        free(label);
    }
}

static void print_latency(FILE *out, const struct rsd_recorder_sums *sums, double rate) {
    const uint64_t *bucket = &sums->counter[RESIDUE_COUNTER_LATENCY_LOG2];
    uint64_t any = 0;
    for (int i = 0; i < 32; i++)
        any |= bucket[i];
    if (!any)
        return;
    fprintf(out, "\nhooks by time taken (every 32nd is timed, and those that derive rules or seal)\n");
    for (int i = 0; i < 32; i++) {
        if (!bucket[i])
            continue;
        char *label = rsd_format("from %.2f us", (double)(UINT64_C(1) << i) / rate * 1e6);
        count_row(out, label, bucket[i]);
        free(label);
    }
    char *longest = rsd_format("%.1f us", (double)sums->counter[RESIDUE_COUNTER_LATENCY_MAX] / rate * 1e6);
    row(out, "the longest", longest);
    free(longest);
}

static void print_problems(FILE *out, const struct rsd_problems *problems) {
    fprintf(out, "\nproblems found when reading: %zu\n", problems->total);
    for (size_t i = 0; i < problems->count; i++) {
        char *text = rsd_problem_text(&problems->list[i]);
        char *shown = rsd_escape_string(text);
        fprintf(out, "  %s\n", shown);
        free(shown);
        free(text);
    }
}

void rsd_report_stat(struct rsd_analysis *analysis, FILE *out) {
    struct rsd_recorder_sums sums;
    rsd_recorder_sums(&analysis->trace, &sums);
    print_files(out, analysis);
    print_pairing(out, &analysis->pairing);
    print_stacks(out, &sums);
    print_counters(out, &sums);
    print_latency(out, &sums, analysis->history.rate);
    print_problems(out, &analysis->trace.problems);
}
