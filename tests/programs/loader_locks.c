// link: -rdynamic
/*
 * Holds a lock of the loader's while it waits for another thread, which allocates from a library that nobody has allocated
 * from before. A recorder that asks the loader where that is would wait for the lock, and neither would go on.
 *
 *     loader_locks ONE TWO MEETS     two libraries with inner_answer(); one whose constructor calls meet()
 *     loader_locks                   prints what dlerror() says first of all
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int (*answer[2])(void);
static sem_t go, done;

static void *allocates(void *unused) {
    for (int i = 0; i < 2; i++) {
        sem_wait(&go);
        answer[i]();
        sem_post(&done);
    }
    return unused;
}

void meet(void);
void meet(void) {
    sem_post(&go);
    sem_wait(&done);
}

static int while_iterating(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)info, (void)size, (void)unused;
    meet();
    return 1;
}

static int (*open_answer(const char *path))(void) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        exit(1);
    return (int (*)(void))dlsym(library, "inner_answer");
}

int main(int argc, char **argv) {
    pthread_t thread;
    const char *error = dlerror();
    if (argc != 4)
        return printf("dlerror: %s\n", error ? error : "nothing") < 0;
    alarm(20);
    for (int i = 0; i < 2; i++)
        answer[i] = open_answer(argv[1 + i]);
    sem_init(&go, 0, 0);
    sem_init(&done, 0, 0);
    pthread_create(&thread, NULL, allocates, NULL);
    dl_iterate_phdr(while_iterating, NULL);
    if (!dlopen(argv[3], RTLD_NOW))
        return 1;
    pthread_join(thread, NULL);
    puts("met twice");
    return 0;
}
