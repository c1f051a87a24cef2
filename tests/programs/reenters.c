/*
 * A signal handler maps and unmaps 2,048 pages, as it may, while main allocates: often in the middle of what a recorder does.
 * main leaves 1,000 blocks of 777 bytes.
 *
 *     reenters CALLS     ends when the handler has made so many
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>

#define KEPT 1000
#define SIZE (2048 * 4096)

static volatile sig_atomic_t calls, wanted;

static void handle(int number) {
    (void)number;
    if (calls >= wanted)
        return;
    void *at = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    calls += 1 + (munmap(at, SIZE) == 0);
}

int main(int argc, char **argv) {
    static void *volatile block[KEPT];
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 150}, {0, 150}};
    wanted = argc > 1 ? atoi(argv[1]) : 1000;
    for (int i = 0; i < KEPT; i++)
        block[i] = malloc(777);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (size_t i = 0; calls < wanted; i++) {
        free(block[i % KEPT]);
        block[i % KEPT] = malloc(777);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    printf("%d calls\n", (int)calls);
    return 0;
}
