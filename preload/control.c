/*
 * `residue mark` puts a file named `mark` into the trace directory, with the mark's name in it. The helper looks for it ten
 * times a second, samples memory, writes a barrier, and removes the file: that is the answer.
 *
 * No signal and no socket: nothing of it is visible to the program. The directory is the owner's alone (0700). Should
 * somebody have opened it to others, only a file of the process's own user, or of root, counts. A link is not followed.
 */
#include "control.h"

#include <stdio.h>
#include <string.h>

#include "helper.h"
#include "init.h"
#include "log.h"
#include "nursery.h"
#include "process.h"
#include "sys.h"

#define NAME_SIZE 128u

/* The mark's name; false when nobody asks for one. */
static bool take_mark(char *name) {
    char path[RSD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/mark", rsd_trace.directory);
    int fd = rsd_sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return false;
    long owner = rsd_sys_owner(fd);
    bool trusted = owner == 0 || owner == rsd_sys_user();
    long size = trusted ? rsd_sys_read(fd, name, NAME_SIZE - 1) : 0;
    rsd_sys_close(fd);
    name[size > 0 ? size : 0] = '\0';
    return trusted;
}

static void remove_mark(void) {
    char path[RSD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/mark", rsd_trace.directory);
    rsd_sys_unlink(path);
}

void rsd_control_poll(void) {
    char name[NAME_SIZE];
    if (!take_mark(name))
        return;
    rsd_helper_sample_all(); /* before the barrier: it belongs to what ends there */
    struct residue_barrier record = {
        .head.tag = RESIDUE_TAG_BARRIER, .reason = RESIDUE_BARRIER_MARK, .name_size = (uint32_t)strlen(name)};
    bool raised = rsd_nursery_barrier_begin();
    if (!rsd_process_tagged(&record.head, sizeof record, name, record.name_size))
        record.head.time = rsd_clock_ticks();
    if (raised)
        rsd_nursery_barrier_end(record.head.time);
    remove_mark();
}
