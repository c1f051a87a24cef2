/*
 * residue mark: give a moment of a running process a name.
 *
 * The request is a file in the trace directory, put there whole by a rename, that the recorder removes when it has written
 * the mark (preload/control.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "text.h"
#include "trace.h"

#define PATIENCE_MS 5000
#define STEP_MS 20
#define LONGEST 127 /* bytes of a name */

/* The directory of the running process that is meant: by pid, or by the directory itself. NULL, with a message. */
static char *find(const char *which) {
    char *end, *found = NULL;
    long pid = strtol(which, &end, 10);
    if (*end || pid <= 0)
        return rsd_strdup(which);
    struct rsd_listed *list;
    size_t count = rsd_trace_list(".", "residue.", &list);
    for (size_t i = 0; i < count; i++)
        if (list[i].meta.pid == pid && rsd_meta_running(&list[i].meta)) {
            free(found);
            found = rsd_strdup(list[i].path);
        }
    rsd_trace_list_free(list, count);
    if (!found)
        fprintf(stderr, "residue mark: no residue.* here is of a running process %ld; give its trace directory\n", pid);
    return found;
}

static void wait_a_little(void) {
    struct timespec time = {0, STEP_MS * 1000000};
    nanosleep(&time, NULL);
}

/* Put the request there; another one that waits is waited for. */
static bool ask(const char *directory, const char *name) {
    char *ours = rsd_format("%s/mark.%d", directory, (int)getpid()), *path = rsd_format("%s/mark", directory);
    FILE *file = fopen(ours, "wx");
    bool done = file && fputs(name, file) >= 0;
    done = file && fclose(file) == 0 && done;
    for (int waited = 0; done && link(ours, path) != 0; waited += STEP_MS) {
        done = errno == EEXIST && waited < PATIENCE_MS;
        wait_a_little();
    }
    if (!done)
        fprintf(stderr, "residue mark: %s: %m\n", directory);
    unlink(ours);
    free(ours);
    free(path);
    return done;
}

static bool answered(const char *directory) {
    char *path = rsd_format("%s/mark", directory);
    bool gone = false;
    for (int waited = 0; waited < PATIENCE_MS && !(gone = access(path, F_OK) != 0); waited += STEP_MS)
        wait_a_little();
    if (!gone) {
        unlink(path);
        fprintf(stderr, "residue mark: %s: no answer: has the process ended, or has it but one thread?\n", directory);
    }
    free(path);
    return gone;
}

static int run(int argc, char **argv) {
    if (argc != 3)
        return rsd_usage("mark", "a process and a name are wanted");
    size_t length = strlen(argv[2]);
    if (!length || length > LONGEST || strchr("0123456789.-+", argv[2][0]))
        return rsd_usage("mark", "a name has 1 to %d bytes and does not begin like a number", LONGEST);
    char *directory = find(argv[1]);
    if (!directory)
        return RSD_FAILED;
    int status = ask(directory, argv[2]) && answered(directory) ? RSD_OK : RSD_FAILED;
    free(directory);
    return status;
}

const struct rsd_command rsd_command_mark = {
    .name = "mark",
    .summary = "give a moment of a running process a name",
    .help = "usage: residue mark PID|TRACE NAME\n"
            "\n"
            "What is outstanding is exact at a mark, and memory is sampled there. `--from NAME` and\n"
            "`--to NAME` of report, check and diff begin and end the window at it; `--per mark` divides\n"
            "by the marks in the window, so a mark after each round of work gives growth per round.\n"
            "\n"
            "Returns when the mark is written, within a tenth of a second. The program needs a second\n"
            "thread, as every node has, and nothing of it notices.\n",
    .run = run,
};
