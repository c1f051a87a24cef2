/*
 * The moment of analysis.
 *
 * When a node process ends in order it frees Buffers and handles for its own reasons, and it still polls while it does.
 * What was outstanding must be known before that: at the first call, on the main thread, of a poll that does not wait,
 * of exit() or of pthread_join() whose stack has a frame in one of
 *
 *     node::FreeEnvironment(Environment*)            the natural end
 *     node::Environment::RunCleanup()                the same, by way of a worker's or an embedder's teardown
 *     node::Environment::Exit(...)                   process.exit(), an uncaught error
 *
 * all of which are in the executable's .dynsym, on Node 18 to 26. Where one ends its unwind table says: to look for the symbol
 * again by its address, for its size, takes a walk over all of node's 150,000. A worker thread that ends runs them as well, and
 * does not count.
 *
 * The barrier is written once in a trace.
 */
#include "moment.h"

#include <dlfcn.h>
#include <stdatomic.h>

#include "guard.h"
#include "helper.h"
#include "init.h"
#include "record.h"
#include "sys.h"
#include "unwind/cfi.h"

struct function {
    uintptr_t start;
    uintptr_t end;
};

static const char *const names[] = {
    "_ZN4node15FreeEnvironmentEPNS_11EnvironmentE", "_ZN4node11Environment10RunCleanupEv",
    "_ZN4node11Environment4ExitENS_8ExitCodeE", /* from Node 20 */
    "_ZN4node11Environment4ExitEi",             /* Node 18 */
};
#define NAMES (sizeof names / sizeof names[0])

static struct function teardown[NAMES];
static unsigned found;
static _Atomic bool begun;

void rsd_moment_init(void) {
    for (unsigned i = 0; i < NAMES; i++) {
        uintptr_t start = (uintptr_t)dlsym(RTLD_DEFAULT, names[i]);
        struct rsd_object object;
        struct rsd_fde fde;
        if (start && rsd_object_find(start, &object) && rsd_fde_find(&object, start, &fde))
            teardown[found++] = (struct function){start, fde.end};
    }
}

bool rsd_moment_is_node(void) {
    return found > 0;
}

static bool in_teardown(const struct rsd_stack *stack) {
    for (uint32_t i = 0; i < stack->depth; i++)
        for (unsigned f = 0; f < found; f++)
            if (stack->frame[i].pc > teardown[f].start && stack->frame[i].pc <= teardown[f].end)
                return true;
    return false;
}

/* The stack is interned first: frames that the unwinder keeps for the next stack must have their nodes. Unwinding it again
 * then finds every frame as it was. */
static bool stack_says_so(const struct rsd_registers *from) {
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return false;
    int before = errno;
    rsd_stack_node(self, from);
    bool result = in_teardown(rsd_unwind(self->unwinder, from, self->writer.counter));
    errno = before;
    rsd_leave(self);
    return result;
}

void rsd_moment_check(const struct rsd_registers *from) {
    if (found == 0 || atomic_load_explicit(&begun, memory_order_relaxed) || rsd_sys_tid() != rsd_trace.pid)
        return;
    if (!stack_says_so(from) || atomic_exchange(&begun, true))
        return;
    rsd_helper_sample_all(); /* before the barrier: it belongs to the window that ends there */
    rsd_record_barrier(RESIDUE_BARRIER_TEARDOWN, "");
}

void rsd_moment_after_fork(void) {
    atomic_store(&begun, false);
}

bool rsd_moment_begun(void) {
    return atomic_load_explicit(&begun, memory_order_relaxed);
}
