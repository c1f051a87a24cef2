/*
 * Children made by fork().
 *
 * A child is a copy of its parent at an instant at which the parent's other threads may have been anywhere, inside the
 * recorder too. Of those threads only memory is left: locks that nobody will open, tables that somebody was about to
 * change, live files that are the parent's. So nothing is taken over that could be half done:
 *
 *     live files, slots, stacks, nurseries      unmapped: the child cannot write into the parent's trace
 *     locks, the barrier, zstd contexts         as at the start of a process
 *     modules, works that are queued            forgotten: their numbers mean something in the parent's trace only
 *     rules of unwinding, pages, V8's layout    kept: each entry is whole at every instant
 *
 * and then the child is a process like any other, whose trace begins with its first call that is recorded (init.c). What
 * it has inherited and frees was never allocated in that trace: meta.json names the parent, and a reader counts such frees
 * apart.
 *
 *     how it was made                     what happens in the child
 *     fork, forkpty, daemon               the handlers run: as above; RESIDUE_FOLLOW=0: only forgotten
 *     the same, in a signal handler that  the hook goes on after the handler: its memory stays, private from now on, and
 *       interrupted a hook                nothing is recorded
 *     _Fork, raw clone                    no handler runs; the gate was wiped: nothing is recorded, and the child's own
 *                                         children by fork() are not either
 *     vfork, posix_spawn                  it is no copy: recorded as the parent's
 *
 * Handlers run in the order of their registration in the child, so those of libraries registered before us run before the
 * gate is open again.
 *
 * Threads: in the parent any, in the child there is one.
 */
#include "fork.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "frame.h"
#include "helper.h"
#include "init.h"
#include "js/pages.h"
#include "modules.h"
#include "moment.h"
#include "nursery.h"
#include "origin.h"
#include "process.h"
#include "sample.h"
#include "sealer.h"
#include "sys.h"
#include "thread.h"
#include "unwind/unwind.h"

static _Atomic bool was_alive, had_blocks; /* recorded by the process that forks */

static void prepare(void) {
    atomic_store(&was_alive, rsd_alive());
    atomic_store(&had_blocks, rsd_recording());
}

static void name_parent(void) {
    struct rsd_parent *parent = &rsd_trace.parent;
    parent->pid = rsd_trace.pid;
    parent->id = rsd_trace.id;
    memcpy(parent->directory, rsd_trace.directory, sizeof parent->directory);
    rsd_trace.pid = rsd_sys_pid();
    rsd_trace.id = 0;
    rsd_trace.directory[0] = '\0';
}

static void in_child(void) {
    rsd_js_pages_after_fork();
    if (!atomic_load(&was_alive))
        return;
    if (rsd_thread_is_inside()) {
        rsd_threads_isolate();
        rsd_process_isolate();
        return;
    }
    name_parent();
    rsd_sys_after_fork();
    rsd_threads_after_fork();
    rsd_process_after_fork();
    rsd_sample_after_fork();
    rsd_compressors_after_fork();
    rsd_sealer_after_fork();
    rsd_nursery_after_fork();
    rsd_modules_after_fork();
    rsd_origin_after_fork();
    rsd_moment_after_fork();
    rsd_helper_after_fork();
    rsd_unwind_after_fork();
    rsd_forked(atomic_load(&had_blocks));
}

void rsd_fork_start(void) {
    if (rsd_alive())
        pthread_atfork(prepare, NULL, in_child);
}
