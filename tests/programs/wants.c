/*
 * Has a thread, so that a recorder may have its own, and wants two things for itself: a signal that all its threads block, and
 * the lowest free descriptor, for a second and a half.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static void *sleeper(void *unused) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (;;)
        pause();
    return unused;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(void) {
    pthread_t thread;
    sigset_t one;
    int got = 0, lowest = 1 << 30, highest = 0;
    if (pthread_create(&thread, NULL, sleeper, NULL) != 0)
        return 2;
    usleep(200000);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    kill(getpid(), SIGUSR1);
    sigwait(&one, &got);
    for (double end = now() + 1.5; now() < end;) {
        int fd = open("/dev/null", O_RDONLY);
        lowest = fd < lowest ? fd : lowest;
        highest = fd > highest ? fd : highest;
        close(fd);
    }
    printf("signal %d, descriptors %d to %d\n", got, lowest, highest);
    return 0;
}
