/*
 * Children, by every way that makes one. Each keeps blocks whose size says who it is, so that a trace tells whose events
 * are in it; the parent's are of 31,000 to 31,004 bytes.
 *
 *     by             keeps, in the child            and
 *     raw clone      10,000 of 32,000               no handler runs
 *     _Fork          10,000 of 35,000               no handler runs
 *     fork           1,000 of 33,000                frees a block of 33,500 that the parent made
 *     fork, fork     1 of 36,000, 1 of 36,001       the child's own child
 *     fork, exec     nothing                        allocates nothing before it executes
 *     vfork          1 of 31,004, in the parent     executes
 *     fork           1,000 of 34,000, 50 times      while two threads of the parent allocate
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUSY_THREADS 2
#define BUSY_FORKS 50

static void *volatile kept;
static void *inherited;
static _Atomic int stop;

static void allocate(size_t size, int times) {
    for (int i = 0; i < times; i++)
        kept = malloc(size);
}

static int wait_for(pid_t child) {
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int by_clone(void) {
    pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        allocate(32000, 10000);
        _exit(7);
    }
    return wait_for(child);
}

static int by_bare_fork(void) {
    pid_t child = _Fork();
    if (child == 0) {
        allocate(35000, 10000);
        _exit(9);
    }
    return wait_for(child);
}

/* A child that leaves by exit() runs every exit handler, the recorder's too. */
static int by_fork(size_t size) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        allocate(size, 1000);
        free(inherited);
        exit(8);
    }
    return wait_for(child);
}

static int by_fork_twice(void) {
    pid_t child = fork();
    if (child == 0) {
        allocate(36000, 1);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            allocate(36001, 1);
            _exit(10);
        }
        _exit(wait_for(grandchild));
    }
    return wait_for(child);
}

static int execute(pid_t child) {
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    return wait_for(child);
}

/* Its heap is the parent's. */
static int by_vfork(void) {
    pid_t child = vfork();
    if (child == 0)
        kept = malloc(31004);
    return execute(child);
}

static void *busy(void *unused) {
    while (!atomic_load(&stop))
        free(malloc(500));
    return unused;
}

int main(void) {
    inherited = malloc(33500);
    allocate(31000, 1);
    printf("clone %d\n", by_clone());
    printf("_Fork %d\n", by_bare_fork());
    allocate(31001, 1);
    printf("fork %d\n", by_fork(33000));
    printf("fork, fork %d\n", by_fork_twice());
    printf("fork, exec %d\n", execute(fork()));
    printf("vfork, exec %d\n", by_vfork());
    allocate(31002, 1);
    pthread_t thread[BUSY_THREADS];
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_create(&thread[i], NULL, busy, NULL);
    int good = 0;
    for (int i = 0; i < BUSY_FORKS; i++)
        good += by_fork(34000) == 8;
    atomic_store(&stop, 1);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("forks while threads allocate: %d of %d\n", good, BUSY_FORKS);
    allocate(31003, 1);
    return 0;
}
