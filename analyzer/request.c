/*
 * Requests to a running process.
 *
 * A request is a file in the trace directory, put there whole by a link, that the recorder removes when it has done what
 * is asked (preload/control.c). Nothing else passes between the two.
 */
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "trace.h"

#define PATIENCE_MS 5000
#define STEP_MS 20

/* The newest trace in `folder` that is of this process while it runs; `name`: how it is called, or begins. */
static char *find_in(const char *folder, const char *name, long pid) {
    struct rsd_listed *list;
    char *found = NULL;
    size_t count = rsd_trace_list(folder, name, &list);
    for (size_t i = count; i-- > 0 && !found;)
        if (list[i].meta.pid == pid && rsd_meta_running(&list[i].meta))
            found = rsd_strdup(list[i].path);
    rsd_trace_list_free(list, count);
    return found;
}

/* By the live files that the process has mapped; they may be elsewhere, and the process in a world with other paths. */
static char *find_mapped(long pid) {
    char *name = rsd_format("/proc/%ld/maps", pid), *line = NULL, *found = NULL;
    size_t room = 0;
    FILE *maps = fopen(name, "re");
    while (maps && !found && getline(&line, &room, maps) > 0) {
        char *path = strchr(line, '/'), *file = path ? strrchr(path, '/') : NULL;
        if (!file || file == path || !strstr(file, ".live\n"))
            continue;
        *file = '\0';
        char *slash = strrchr(path, '/');
        *slash = '\0';
        found = find_in(*path ? path : "/", slash + 1, pid);
    }
    if (maps)
        fclose(maps);
    free(line);
    free(name);
    return found;
}

/* The directory of the running process that is meant: by pid, or by the directory itself. NULL, with a message. */
static char *find(const char *request, const char *which) {
    char *end, *found = NULL;
    long pid = strtol(which, &end, 10);
    if (*end || pid <= 0)
        return rsd_strdup(which);
    found = find_mapped(pid);
    if (!found)
        found = find_in(".", "residue.", pid);
    if (!found)
        fprintf(stderr, "residue %s: no trace of a running process %ld is found; give its trace directory\n", request,
                pid);
    return found;
}

static void wait_a_little(void) {
    struct timespec time = {0, STEP_MS * 1000000};
    nanosleep(&time, NULL);
}

/* Put the request there; another one that waits is waited for. */
static bool ask(const char *request, const char *directory, const char *text) {
    char *ours = rsd_format("%s/%s.%d", directory, request, (int)getpid());
    char *path = rsd_format("%s/%s", directory, request);
    FILE *file = fopen(ours, "wx");
    bool done = file && fputs(text, file) >= 0;
    done = file && fclose(file) == 0 && done;
    for (int waited = 0; done && link(ours, path) != 0; waited += STEP_MS) {
        done = errno == EEXIST && waited < PATIENCE_MS;
        wait_a_little();
    }
    if (!done)
        fprintf(stderr, "residue %s: %s: %m\n", request, directory);
    unlink(ours);
    free(ours);
    free(path);
    return done;
}

static bool answered(const char *request, const char *directory) {
    char *path = rsd_format("%s/%s", directory, request);
    bool gone = false;
    for (int waited = 0; waited < PATIENCE_MS && !(gone = access(path, F_OK) != 0); waited += STEP_MS)
        wait_a_little();
    if (!gone) {
        unlink(path);
        fprintf(stderr, "residue %s: %s: no answer: has the process ended, or has it but one thread?\n", request,
                directory);
    }
    free(path);
    return gone;
}

int rsd_request(const char *request, const char *which, const char *text) {
    char *directory = find(request, which);
    if (!directory)
        return RSD_FAILED;
    int status = ask(request, directory, text) && answered(request, directory) ? RSD_OK : RSD_FAILED;
    free(directory);
    return status;
}
