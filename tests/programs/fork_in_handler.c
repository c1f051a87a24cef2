/*
 * Forks in a signal handler, again and again while main allocates, so that some forks fall into the middle of a hook. The
 * child returns from the handler into whatever was interrupted, and goes on; each keeps blocks of 37,000 bytes. The
 * parent's are of 500.
 *
 *     fork_in_handler FORKS
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEPT 3000

static volatile sig_atomic_t forks, wanted, good, is_child;

/* The next signal, after a time that is never the same. */
static void arm(void) {
    struct itimerval once = {{0, 0}, {0, 200 + rand() % 300}};
    setitimer(ITIMER_REAL, &once, NULL);
}

static void fork_now(int signal_number) {
    (void)signal_number;
    pid_t child = fork();
    if (child == 0) {
        is_child = 1;
        return;
    }
    int status = -1;
    waitpid(child, &status, 0);
    good += WIFEXITED(status) && WEXITSTATUS(status) == 5;
    if (++forks < wanted)
        arm();
}

int main(int argc, char **argv) {
    static void *block[KEPT], *volatile kept;
    struct sigaction action = {.sa_handler = fork_now, .sa_flags = SA_RESTART};
    wanted = argc > 1 ? atoi(argv[1]) : 100;
    sigaction(SIGALRM, &action, NULL);
    arm();
    for (size_t i = 0; forks < wanted && !is_child; i = (i + 1) % KEPT) {
        free(block[i]);
        block[i] = malloc(500);
    }
    if (is_child) {
        for (int i = 0; i < 100; i++)
            kept = malloc(37000);
        _exit(kept ? 5 : 6);
    }
    printf("%d of %d\n", good, wanted);
    return 0;
}
