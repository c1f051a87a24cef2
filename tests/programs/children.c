/*
 * Children that share the trace's mappings or descriptors if nothing prevents it: by raw clone, where no atfork
 * handler runs, by fork, also while other threads allocate, and by vfork. Each child allocates blocks whose size says
 * who it is; only the parent's, of 31,000 to 31,003 bytes, belong into the parent's trace.
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

#define PARENT_SIZE 31000
#define CLONE_SIZE 32000
#define FORK_SIZE 33000
#define BUSY_FORK_SIZE 34000
#define BUSY_THREADS 2
#define BUSY_FORKS 50

static void *volatile kept;
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
        allocate(CLONE_SIZE, 10000);
        _exit(7);
    }
    return wait_for(child);
}

/* A child that leaves by exit() runs every exit handler, the recorder's too. */
static int by_fork(size_t size) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        allocate(size, 1000);
        exit(8);
    }
    return wait_for(child);
}

static int by_vfork(void) {
    pid_t child = vfork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(127);
    }
    return wait_for(child);
}

static void *busy(void *unused) {
    while (!atomic_load(&stop))
        free(malloc(500));
    return unused;
}

int main(void) {
    allocate(PARENT_SIZE, 1);
    printf("clone %d\n", by_clone());
    allocate(PARENT_SIZE + 1, 1);
    printf("fork %d\n", by_fork(FORK_SIZE));
    printf("vfork %d\n", by_vfork());
    allocate(PARENT_SIZE + 2, 1);
    pthread_t thread[BUSY_THREADS];
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_create(&thread[i], NULL, busy, NULL);
    int good = 0;
    for (int i = 0; i < BUSY_FORKS; i++)
        good += by_fork(BUSY_FORK_SIZE) == 8;
    atomic_store(&stop, 1);
    for (int i = 0; i < BUSY_THREADS; i++)
        pthread_join(thread[i], NULL);
    printf("forks while threads allocate: %d of %d\n", good, BUSY_FORKS);
    allocate(PARENT_SIZE + 3, 1);
    return 0;
}
