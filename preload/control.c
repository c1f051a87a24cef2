/*
 * `residue mark`, `start` and `stop` put a file of that name into the trace directory; the mark's has the name of the mark in
 * it. The helper looks for them ten times a second, does what is asked, and removes the file: that is the answer.
 *
 * No signal and no socket: nothing of it is visible to the program. The directory is the owner's alone (0700). Should
 * somebody have opened it to others, only a file of the process's own user, or of root, counts. A link is not followed.
 *
 * Each of the three is a barrier with the time T, at which what is outstanding is exact (nursery.c). The gate is switched
 * between the taking of T and the end of the barrier:
 *
 *     stop    gate is open at all times <= T, so nothing up to T is missing; what slips in after T is beyond the end
 *     start   gate is shut at all times <= T, so what is recorded is after T; entries of the nursery from before are stale
 *             and are freed by records, which the analyzer knows to ignore
 */
#include "control.h"

#include <stdio.h>
#include <string.h>

#include "first.h"
#include "guard.h"
#include "helper.h"
#include "init.h"
#include "log.h"
#include "nursery.h"
#include "process.h"
#include "real.h"
#include "sys.h"

#define NAME_SIZE 128u

static void path_of(char *path, const char *request) {
    snprintf(path, RSD_PATH_SIZE, "%s/%s", rsd_trace.directory, request);
}

/* What the request's file says, into NAME_SIZE bytes; false when nobody asks. */
static bool take(const char *request, char *text) {
    char path[RSD_PATH_SIZE];
    path_of(path, request);
    int fd = rsd_sys_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0)
        return false;
    long owner = rsd_sys_owner(fd);
    bool trusted = owner == 0 || owner == rsd_sys_user();
    long size = trusted ? rsd_sys_read(fd, text, NAME_SIZE - 1) : 0;
    rsd_sys_close(fd);
    text[size > 0 ? size : 0] = '\0';
    return trusted;
}

static void answer(const char *request) {
    char path[RSD_PATH_SIZE];
    path_of(path, request);
    rsd_sys_unlink(path);
}

void rsd_control_barrier(enum residue_barrier_reason reason, const char *name) {
    struct residue_barrier record = {
        .head.tag = RESIDUE_TAG_BARRIER, .reason = reason, .name_size = (uint32_t)strlen(name)};
    bool raised = rsd_nursery_barrier_begin();
    if (!rsd_process_tagged(&record.head, sizeof record, name, record.name_size))
        record.head.time = rsd_clock_ticks();
    if (reason == RESIDUE_BARRIER_START || reason == RESIDUE_BARRIER_STOP)
        rsd_gate_blocks(reason == RESIDUE_BARRIER_START);
    if (raised)
        rsd_nursery_barrier_end(record.head.time);
}

void rsd_control_mark(const char *name) {
    rsd_helper_sample_all(); /* before the barrier: it belongs to what ends there */
    rsd_control_barrier(RESIDUE_BARRIER_MARK, name);
}

static void look_who_is_first(void) {
    struct rsd_thread *self = rsd_ours_begin();
    if (!self)
        return;
    rsd_first_check();
    rsd_forget_loader_error();
    rsd_ours_end(self);
}

/* To start twice, or to stop twice, is no mistake and does nothing. Memory is sampled on the side that is recorded. */
static void switch_to(bool on) {
    if (rsd_recording() == on)
        return;
    if (!on)
        rsd_helper_sample_all();
    rsd_control_barrier(on ? RESIDUE_BARRIER_START : RESIDUE_BARRIER_STOP, "");
    if (!on)
        return;
    look_who_is_first();
    rsd_helper_sample_all();
}

void rsd_control_poll(void) {
    char text[NAME_SIZE];
    if (take("mark", text)) {
        rsd_control_mark(text);
        answer("mark");
    }
    if (take("start", text)) {
        switch_to(true);
        answer("start");
    }
    if (take("stop", text)) {
        switch_to(false);
        answer("stop");
    }
}
