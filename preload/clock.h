/*
 * The one clock of a trace. Ticks are the invariant TSC where the kernel itself trusts it, else nanoseconds of
 * CLOCK_MONOTONIC. Which one is settled before the first record and never changes.
 */
#ifndef RSD_CLOCK_H
#define RSD_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "sys.h"

/* The same instant on three clocks. */
struct rsd_instant {
    uint64_t ticks;
    uint64_t monotonic_ns;
    uint64_t realtime_ns;
};

extern bool rsd_clock_is_tsc;
extern double rsd_clock_rate; /* ticks per second, estimated at start: good to about one part in a thousand */

void rsd_clock_init(void);
struct rsd_instant rsd_clock_instant(void);

static inline uint64_t rsd_clock_ticks(void) {
    return __builtin_expect(rsd_clock_is_tsc, 1) ? rsd_cpu_ticks() : rsd_sys_clock_ns(CLOCK_MONOTONIC);
}

/* For durations: cheaper, and not ordered with what stands around it. */
static inline uint64_t rsd_clock_ticks_unfenced(void) {
    return __builtin_expect(rsd_clock_is_tsc, 1) ? rsd_cpu_ticks_unfenced() : rsd_sys_clock_ns(CLOCK_MONOTONIC);
}

#endif
