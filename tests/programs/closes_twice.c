/*
 * Closes the descriptors 3 to 1023, each twice, and opens files of its own on all these numbers; again and again, while
 * memory is worked with, so that a recorder has to write all the time. Each file gets one word. In the end it must have
 * that word and nothing else, through the descriptor and by its name.
 *
 *     closes_twice FOLDER ROUNDS THREADS    THREADS work with memory at the same time; 0: this one does, in between
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST 3
#define LAST 1023
#define KEPT 4096
#define WORK 8000 /* blocks that are made while all files are open */

static const char *folder;
static _Atomic unsigned long made;
static _Atomic bool done;

static void work(unsigned long blocks) {
    static _Thread_local void *kept[KEPT];
    for (unsigned long i = 0; i < blocks; i++) {
        void **place = &kept[i * 7919 % KEPT];
        free(*place);
        *place = malloc(1000 + i % 16);
        if (i % 1000 == 0)
            atomic_fetch_add(&made, 1000);
    }
}

/* With pauses: a recorder has to write all the time, not as much as can be. */
static void *work_on(void *unused) {
    while (!done) {
        work(WORK / 4);
        usleep(500);
    }
    return unused;
}

static void name_file(char *path, size_t size, int number) {
    snprintf(path, size, "%s/%d", folder, number);
}

static void close_all(void) {
    for (int fd = FIRST; fd <= LAST; fd++) {
        close(fd);
        close(fd);
    }
}

/* What closes these numbers a second time while others open theirs: here nobody does, but for a recorder. */
static int open_all(void) {
    for (int fd = FIRST; fd <= LAST; fd++) {
        char path[4096], word[8];
        name_file(path, sizeof path, fd);
        int mine = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
        if (mine >= 0 && mine != fd) { /* the number was taken for an instant */
            if (dup2(mine, fd) != fd)
                return -1;
            close(mine);
        }
        snprintf(word, sizeof word, "%04d", fd);
        if (mine < 0 || write(fd, word, 4) != 4)
            return -1;
    }
    return 0;
}

static int check(int fd, const char *how, int number) {
    char word[8], found[8] = "";
    struct stat status;
    snprintf(word, sizeof word, "%04d", number);
    if (fstat(fd, &status) == 0 && status.st_size == 4 && pread(fd, found, 4, 0) == 4 && memcmp(found, word, 4) == 0)
        return 0;
    printf("file %d by its %s: %ld bytes, '%s'\n", number, how, (long)status.st_size, found);
    return -1;
}

static int check_all(void) {
    int wrong = 0;
    for (int fd = FIRST; fd <= LAST; fd++)
        wrong |= check(fd, "descriptor", fd);
    close_all();
    for (int number = FIRST; number <= LAST; number++) {
        char path[4096];
        name_file(path, sizeof path, number);
        int fd = open(path, O_RDONLY);
        wrong |= check(fd, "name", number);
        close(fd);
    }
    return wrong;
}

static int one_round(bool alone) {
    close_all();
    if (open_all() != 0) {
        perror("closes_twice");
        return -1;
    }
    unsigned long before = made;
    if (alone)
        work(WORK);
    while (made < before + WORK)
        usleep(100);
    return check_all();
}

int main(int argc, char **argv) {
    struct rlimit limit = {LAST + 1, LAST + 1};
    pthread_t thread[16];
    if (argc != 4 || atoi(argv[3]) > 16 || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    folder = argv[1];
    int rounds = atoi(argv[2]), threads = atoi(argv[3]), wrong = 0;
    for (int i = 0; i < threads; i++)
        pthread_create(&thread[i], NULL, work_on, NULL);
    for (int i = 0; i < rounds && !wrong; i++)
        wrong = one_round(threads == 0);
    done = true;
    for (int i = 0; i < threads; i++)
        pthread_join(thread[i], NULL);
    printf("%d rounds\n", rounds);
    return wrong ? 1 : 0;
}
