/*
 * Which clock a trace uses, and its rate.
 *
 * The kernel measures at boot whether the TSC runs evenly on all processors and leaves it for another clock source when
 * it does not, so its choice is ours. The rate at start comes from a spin of 100 us: it serves a trace that is cut
 * before the second CLOCK record; the analyzer prefers two of those.
 */
#include "clock.h"

#include <string.h>

#define SPIN_NS 100000u
#define NARROW_NS 1000u
#define READINGS 16u

bool rsd_clock_is_tsc;
double rsd_clock_rate = 1e9;

static bool kernel_trusts_tsc(void) {
    char name[32];
    long got = rsd_sys_slurp("/sys/devices/system/clocksource/clocksource0/current_clocksource", name, sizeof name);
    return got > 0 && strncmp(name, "tsc", 3) == 0;
}

/* The tick is read between two readings of the other clock and paired with their middle; how far these are apart goes to
 * *width, in nanoseconds. */
static struct rsd_instant read_clocks(uint64_t *width) {
    uint64_t before = rsd_sys_clock_ns(CLOCK_MONOTONIC);
    uint64_t ticks = rsd_clock_ticks();
    uint64_t real = rsd_sys_clock_ns(CLOCK_REALTIME);
    *width = rsd_sys_clock_ns(CLOCK_MONOTONIC) - before;
    return (struct rsd_instant){ticks, before + *width / 2, real};
}

/* A thread that lost its processor in between has paired what does not belong together: on a busy machine the rate at start
 * came out as anything from a thirtieth of what it is to twice that. So the narrowest of some readings counts. */
struct rsd_instant rsd_clock_instant(void) {
    uint64_t width, narrowest;
    struct rsd_instant best = read_clocks(&narrowest);
    for (unsigned i = 0; narrowest > NARROW_NS && i < READINGS; i++) {
        struct rsd_instant now = read_clocks(&width);
        if (width < narrowest) {
            best = now;
            narrowest = width;
        }
    }
    return best;
}

void rsd_clock_init(void) {
    rsd_clock_is_tsc = kernel_trusts_tsc();
    if (!rsd_clock_is_tsc)
        return;
    struct rsd_instant first = rsd_clock_instant(), last;
    do
        last = rsd_clock_instant();
    while (last.monotonic_ns - first.monotonic_ns < SPIN_NS);
    rsd_clock_rate = (double)(last.ticks - first.ticks) * 1e9 / (double)(last.monotonic_ns - first.monotonic_ns);
}
