/*
 * Does what a daemon does: closes every descriptor that is not its own and opens files of its own, which then get the
 * numbers that were free. What it writes must be all that is in those files, and it must run to its end.
 *
 *     closes_all FOLDER
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define FILES 64
#define BLOCKS 200000

static void *volatile kept;

int main(int argc, char **argv) {
    struct rlimit limit;
    if (argc != 2 || getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 2;
    if (close_range(3, ~0u, 0) != 0)
        return 1;

    /* Take the numbers at both ends, wherever a recorder had its own. */
    char path[4096];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%d", argv[1], i);
        int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
        int high = (int)limit.rlim_cur - 1 - i;
        if (fd < 0 || dup2(fd, high) != high || write(high, "mine", 4) != 4)
            return 1;
    }
    for (int i = 0; i < BLOCKS; i++)
        kept = malloc(100 + (size_t)i % 100);
    for (int i = 0; i < FILES; i++) {
        if (write((int)limit.rlim_cur - 1 - i, "mine", 4) != 4)
            return 1;
    }
    printf("still here\n");
    return 0;
}
