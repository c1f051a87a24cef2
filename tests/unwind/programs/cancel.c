/* Threads that allocate and are cancelled; their cleanup handlers allocate too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void clean_up(void *block) {
    free(malloc(50));
    free(block);
}

static void *work(void *unused) {
    (void)unused;
    void *kept = malloc(1000);
    pthread_cleanup_push(clean_up, kept);
    for (;;) {
        free(malloc(100));
        pthread_testcancel();
    }
    pthread_cleanup_pop(1);
    return NULL;
}

int main(void) {
    for (int round = 0; round < 50; round++) {
        pthread_t thread[4];
        for (int i = 0; i < 4; i++)
            if (pthread_create(&thread[i], NULL, work, NULL))
                abort();
        usleep(1000);
        for (int i = 0; i < 4; i++)
            pthread_cancel(thread[i]);
        for (int i = 0; i < 4; i++)
            pthread_join(thread[i], NULL);
    }
    puts("cancel");
    return 0;
}
