/*
 * Allocates in the corners of a process's life, a block of a size of its own in each, and frees it in another corner or
 * keeps it:
 *
 *     100,001    before main, in a constructor                    freed in main
 *     100,002    in the constructor of a library that is opened   freed in its destructor (100,003 kept there)
 *     100,004    in a signal handler, while main allocates        freed by main
 *     100,005    when a thread-local object is first used         freed by its destructor
 *     100,006    in a destructor of thread-specific data          kept
 *     100,007    in a clean-up handler of a cancelled thread      kept
 *     100,008    by a thread that is cancelled, 200 times         kept
 *     100,009    in an atexit handler                             kept
 *     100,010    in a destructor of the program                   kept
 *     100,011    in a new-style C11 thread_local of a short thread  freed at its end
 *
 *     corners [LIBRARY]    the library that is opened, see preloads/opened.c
 */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#define CANCELLED 200
#define SIGNALS 200

static void *volatile kept;
static void *early;
static _Atomic(void *) from_handler;
static volatile sig_atomic_t signals;
static pthread_key_t key, late_key;

__attribute__((constructor)) static void before_main(void) {
    early = malloc(100001);
}

__attribute__((destructor)) static void after_main(void) {
    kept = malloc(100010);
}

static void at_exit(void) {
    kept = malloc(100009);
}

static void handle(int number) {
    (void)number;
    free(atomic_exchange(&from_handler, malloc(100004)));
    signals++;
}

/* main allocates outside of malloc's own lock only when the signal comes: it blocks it while it is inside. */
static void interrupted(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 300}, {0, 300}};
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (signals < SIGNALS) {
        pthread_sigmask(SIG_BLOCK, &alarm, NULL);
        free(malloc(64));
        pthread_sigmask(SIG_UNBLOCK, &alarm, NULL);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    signal(SIGALRM, SIG_IGN);
    free(atomic_exchange(&from_handler, NULL));
}

static void destroy(void *block) {
    free(block);
    kept = malloc(100006);
}

static void free_late(void *block) {
    free(block);
}

static void *short_thread(void *unused) {
    pthread_setspecific(key, malloc(100005));
    pthread_setspecific(late_key, malloc(100011));
    return unused;
}

static void clean_up(void *unused) {
    (void)unused;
    kept = malloc(100007);
}

/* Cancelled wherever it happens to be: asynchronously it may only compute, so that is switched on around that alone. */
static void *endless(void *unused) {
    kept = malloc(100008);
    pthread_cleanup_push(clean_up, NULL);
    for (;;) {
        free(malloc(200));
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (volatile int i = 0; i < 1000; i++)
            continue;
        pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
    }
    pthread_cleanup_pop(0);
    return unused;
}

static int cancel_many(void) {
    int good = 0;
    for (int i = 0; i < CANCELLED; i++) {
        pthread_t thread;
        void *result;
        if (pthread_create(&thread, NULL, endless, NULL) != 0)
            return -1;
        usleep((useconds_t)(i * 7 % 1000));
        pthread_cancel(thread);
        pthread_join(thread, &result);
        good += result == PTHREAD_CANCELED;
    }
    return good;
}

int main(int argc, char **argv) {
    pthread_t thread;
    atexit(at_exit);
    free(early);
    interrupted();
    if (argc > 1) {
        void *library = dlopen(argv[1], RTLD_NOW);
        if (!library || dlclose(library) != 0)
            return 2;
    }
    pthread_key_create(&key, destroy);
    pthread_key_create(&late_key, free_late);
    pthread_create(&thread, NULL, short_thread, NULL);
    pthread_join(thread, NULL);
    printf("%d cancelled\n", cancel_many());
    return 6;
}
