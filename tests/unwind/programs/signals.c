/* A signal every millisecond whose handler allocates, on the thread's stack or on another, into code that allocates,
 * sorts and formats; with `alternate` as argument the handler has its own stack. */
#define _GNU_SOURCE 1
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static volatile unsigned long handled;

static __attribute__((noinline)) void on_alarm_inner(unsigned n) {
    volatile char pad[48];
    pad[n % 48] = 1;
    free(malloc(n + (unsigned)pad[n % 48])); /* into malloc itself, too: the harness sees to that */
}

static void on_alarm(int signal_number) {
    handled++;
    on_alarm_inner((unsigned)signal_number);
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void *work(void *unused) {
    char *words[500];
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        for (int i = 0; i < 500; i++)
            if (asprintf(&words[i], "%d %.3f", rand() % 10000, i * 0.7) < 0)
                abort();
        qsort(words, 500, sizeof *words, compare);
        for (int i = 0; i < 500; i++)
            free(words[i]);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 3);
    return unused;
}

int main(int argc, char **argv) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART | SA_ONSTACK};
    struct itimerval every = {{0, 1000}, {0, 1000}};
    if (argc > 1 && !strcmp(argv[1], "alternate"))
        sigaltstack(&alternate, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
    work(NULL);
    printf("signals %s\n", handled > 300 ? "ok" : "too few");
    return handled <= 300;
}
