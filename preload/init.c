/*
 * Beginning and end.
 *
 *     UNBORN --first hook or constructor--> STARTING --+--> RECORDING --failure--> STOPPED
 *                                              ^       |        |
 *                                              |       |        +--fork()--> (child) FORKED, or STOPPED
 *                                              |       +--cannot, not wanted--> STOPPED
 *                                              +--first call that is recorded-- FORKED
 *
 * The gate is two words in a page that the kernel wipes in a child process (MADV_WIPEONFORK), so that a child
 * made by any way that copies the address space, raw clone included, finds them 0 and records nothing. Of a child made by
 * fork() the atfork handler opens it again (fork.c): it makes a trace of its own when it first has something to record, so
 * that a child which only executes another program makes none. vfork and posix_spawn do not copy the gate: what their child
 * allocates, it allocates in the parent's heap, and it is recorded.
 *
 * RECORDING has two forms, between which `residue start` and `residue stop` switch (control.c). In the second the word for
 * blocks is 0: malloc and its kin then cost some 14 instructions more than without us. What is rare is recorded
 * in both, for it cannot be made up for later: mappings and code (whose is a mapping?), threads, marks, memory samples.
 *
 * The first hook may come before our constructor, from the constructor of a library: recording begins there. What needs
 * the dynamic loader (libunwind, node's symbols) waits for the constructor.
 *
 *     event          what happens                                           where
 *     start          directory, clock, writer 0, meta.json, first memory    rsd_start
 *                    sample, gate opens
 *     constructor    unwinder, node's symbols, how V8's frames are named     constructed
 *     exit           sample, END record; recording goes on to the last      destructed
 *                    instruction, for destructors free
 *     _exit, signal  nothing: every instant is a valid end                  -
 *     fork           everything is forgotten; a trace of the child's own    fork.c
 *     clone, _Fork   the gate is wiped                                      -
 *     exec           the new image starts anew, in a directory of its own   place.c
 *     failure        gate shut, STOP record, one line on stderr             rsd_stop
 *
 * Under AT_SECURE nothing happens at all.
 */
#include "init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "addon.h"
#include "config.h"
#include "control.h"
#include "first.h"
#include "fork.h"
#include "guard.h"
#include "helper.h"
#include "js/js.h"
#include "meta.h"
#include "moment.h"
#include "perfmap.h"
#include "place.h"
#include "process.h"
#include "real.h"
#include "sample.h"
#include "say.h"
#include "sealer.h"
#include "snapshot.h"
#include "sys.h"
#include "thread.h"
#include "unwind/unwind.h"

struct rsd_trace rsd_trace;
size_t rsd_page_size = 4096;

static struct rsd_gate shut;
struct rsd_gate *rsd_gate = &shut;

static _Atomic enum { UNBORN, STARTING, RECORDING, STOPPED, FORKED } state;

static struct rsd_config config;

static bool make_gate(void) {
    void *page = rsd_sys_memory(rsd_page_size);
    if (!page || rsd_sys_wipe_on_fork(page, rsd_page_size) < 0)
        return false;
    rsd_gate = page;
    return true;
}

/* rsd_stop() shuts `alive` first, so that whichever of the two comes last finds it shut and leaves `blocks` so. */
void rsd_gate_blocks(bool open) {
    atomic_store(&rsd_gate->blocks, open && atomic_load(&rsd_gate->alive));
    if (!atomic_load(&rsd_gate->alive))
        atomic_store(&rsd_gate->blocks, 0);
}

static void shut_gate(void) {
    atomic_store(&rsd_gate->alive, 0);
    rsd_gate_blocks(false);
}

static uint64_t make_id(void) {
    uint64_t id = 0;
    if (RSD_SYSCALL(getrandom, &id, sizeof id, 1 /* GRND_NONBLOCK */, 0, 0, 0) != sizeof id)
        id = rsd_trace.start.ticks * 0x9e3779b97f4a7c15u ^ (uint64_t)rsd_trace.pid << 48;
    return id;
}

/* Make a trace and its first files. What failed, or NULL. */
static const char *open_trace(long *error) {
    rsd_trace.start = rsd_clock_instant();
    rsd_trace.pid = rsd_sys_pid();
    rsd_trace.id = make_id();
    rsd_sample_init(config.sample, config.max_size);
    if ((*error = rsd_place_make(config.out, rsd_trace.directory, sizeof rsd_trace.directory)) < 0)
        return "cannot make the trace directory";
    rsd_log_init();
    if (!rsd_process_open())
        return "";
    *error = rsd_meta_write(&config);
    return *error < 0 ? "cannot write meta.json" : NULL;
}

/* The same, after what is done once in a process image. An empty string: nothing is to be said. */
static const char *begin(long *error) {
    rsd_config_read(&config);
    if (!rsd_place_is_wanted(config.only))
        return "";
    rsd_clock_init();
    rsd_trace.depth = config.depth;
    rsd_trace.nursery = config.survivors;
    rsd_trace.javascript = config.javascript;
    rsd_trace.started = config.started;
    if (!make_gate())
        return "this kernel cannot wipe memory on fork (Linux 4.14)";
    rsd_snapshot_init(&config);
    return open_trace(error);
}

static void conclude(const char *failure, long error) {
    if (!failure) {
        rsd_process_sample();
        state = RECORDING;
        atomic_store(&rsd_gate->alive, 1);
        if (rsd_trace.started)
            rsd_gate_blocks(true);
        else
            rsd_control_barrier(RESIDUE_BARRIER_STOP, "RESIDUE_START=off");
        return;
    }
    state = STOPPED;
    if (*failure)
        rsd_stop(error, failure);
}

__attribute__((cold)) void rsd_start(void) {
    if (state != UNBORN)
        return;
    state = STARTING;
    int before = errno;
    rsd_page_size = getauxval(AT_PAGESZ);
    rsd_real_resolve();
    long error = 0;
    const char *failure = getauxval(AT_SECURE)       ? ""
                          : rsd_first_is_sanitizer() ? "a program built with a sanitizer cannot be recorded"
                                                     : begin(&error);
    conclude(failure, error);
    errno = before;
}

/* Whether blocks are recorded is as it was in the parent. */
void rsd_forked(bool blocks) {
    rsd_trace.started = blocks;
    state = config.follow ? FORKED : STOPPED;
    atomic_store(&rsd_gate->alive, config.follow);
    rsd_gate_blocks(blocks);
}

/* Another thread of the child may be at it. */
__attribute__((cold)) bool rsd_begin_in_child(void) {
    unsigned expected = FORKED;
    if (!atomic_compare_exchange_strong(&state, &expected, STARTING)) {
        while (state == STARTING)
            rsd_sys_yield();
        return state == RECORDING;
    }
    int before = errno;
    long error = 0;
    const char *failure = open_trace(&error);
    if (failure)
        shut_gate();
    conclude(failure, error);
    errno = before;
    return !failure;
}

/* node allocates tens of thousands of blocks in thousands of places before the first line of JavaScript. */
static void prepare(void) {
    if (rsd_trace.nursery)
        rsd_nursery_prepare();
}

/* A V8 that is not known may still prove itself: until then, and if it does not, the code map names what it can. */
static void start_javascript(void) {
    if (rsd_names_from_frames())
        rsd_js_start();
    if (rsd_trace.javascript == RSD_JAVASCRIPT_MAP || (rsd_trace.javascript == RSD_JAVASCRIPT_AUTO && !rsd_js_known()))
        rsd_perfmap_start();
}

__attribute__((constructor)) static void constructed(void) {
    rsd_start();
    rsd_fork_start();
    struct rsd_thread *self = rsd_alive() ? rsd_ours_begin() : NULL;
    if (!self)
        return;
    rsd_first_check();
    rsd_unwind_start();
    rsd_moment_init();
    if (rsd_moment_is_node())
        prepare();
    rsd_snapshot_find_heap();
    rsd_addon_start();
    start_javascript();
    rsd_forget_loader_error();
    rsd_ours_end(self);
}

static void save_private(struct rsd_thread *thread) {
    rsd_writer_save_private(&thread->writer);
}

__attribute__((destructor)) static void destructed(void) {
    if (!rsd_alive() || state != RECORDING)
        return;
    if (rsd_moment_begun())
        rsd_helper_sample_memory();
    else
        rsd_helper_sample_all();
    rsd_process_say_javascript();
    struct residue_end_of_process record = {.head.tag = RESIDUE_TAG_END};
    rsd_process_tagged(&record.head, sizeof record, "", 0);
    rsd_thread_each(save_private);
    rsd_process_save_private();
}

bool rsd_is_other_process(void) {
    return rsd_trace.pid && rsd_sys_pid() != rsd_trace.pid;
}

void rsd_stop(long error, const char *what) {
    static atomic_flag said = ATOMIC_FLAG_INIT;
    shut_gate();
    rsd_sealer_end();
    if (atomic_flag_test_and_set(&said) || rsd_is_other_process())
        return;
    int before = errno;
    char text[256];
    int size = error ? snprintf(text, sizeof text, "%s: %s", what, strerrordesc_np((int)-error))
                     : snprintf(text, sizeof text, "%s", what);
    if ((size_t)size >= sizeof text)
        size = sizeof text - 1;
    rsd_say("%s; the program runs on, unrecorded%s%s", text, *rsd_trace.directory ? ": " : "", rsd_trace.directory);
    struct residue_stop record = {.head.tag = RESIDUE_TAG_STOP, .error = (uint32_t)-error, .text_size = (uint32_t)size};
    rsd_process_tagged(&record.head, sizeof record, text, (size_t)size);
    errno = before;
}
