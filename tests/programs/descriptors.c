/*
 * Closes its standard output, while it has a thread, and then goes on for a while. Whoever reads the other end must
 * see that at once: no thread of a recorder may hold the descriptor open.
 *
 *     descriptors SECONDS
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *wait_for_ever(void *unused) {
    pause();
    return unused;
}

int main(int argc, char **argv) {
    pthread_t thread;
    if (argc != 2 || pthread_create(&thread, NULL, wait_for_ever, NULL) != 0)
        return 2;
    free(malloc(51001));
    usleep(100000); /* let the recorder's own thread come up */
    printf("closing\n");
    fclose(stdout);
    sleep((unsigned)atoi(argv[1]));
    return 0;
}
