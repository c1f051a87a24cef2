/*
 * Many short threads, a few at a time: their slots must be used again, and what a thread allocates or frees in a
 * destructor of thread-specific data, after its last line of code, must be recorded too.
 *
 *     short_threads [THREADS]    10,000 unless told otherwise
 *
 * Each thread keeps one block of 21,001 bytes, made in a destructor; it frees there one of 21,002 and one of 21,003
 * that main made for it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_A_TIME 8

static pthread_key_t key;
static void *volatile kept;

struct task {
    void *own;
    void *from_main;
};

static void destroy(void *argument) {
    struct task *task = argument;
    kept = malloc(21001);
    free(task->own);
    free(task->from_main);
    free(task);
}

static void *run(void *argument) {
    struct task *task = argument;
    task->own = malloc(21002);
    pthread_setspecific(key, task);
    return NULL;
}

int main(int argc, char **argv) {
    int threads = argc > 1 ? atoi(argv[1]) : 10000;
    pthread_t running[AT_A_TIME];
    pthread_key_create(&key, destroy);
    for (int done = 0; done < threads; done += AT_A_TIME) {
        for (int i = 0; i < AT_A_TIME; i++) {
            struct task *task = malloc(sizeof *task);
            task->from_main = malloc(21003);
            if (pthread_create(&running[i], NULL, run, task) != 0)
                return 1;
        }
        for (int i = 0; i < AT_A_TIME; i++)
            pthread_join(running[i], NULL);
    }
    printf("%d threads\n", threads);
    return 0;
}
