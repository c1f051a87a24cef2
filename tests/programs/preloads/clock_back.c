/*
 * Preloaded: the time of day is set back by an hour when the process is 0.3 s old, as an administrator or NTP may do.
 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    static long began;
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long ms = now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (!began)
        began = ms;
    int result = (int)syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME && result == 0 && ms - began > 300)
        time->tv_sec -= 3600;
    return result;
}
