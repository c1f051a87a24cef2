/*
 * RESIDUE_SNAPSHOT_AT: a mark when memory runs short, so that the last state of a worker that is killed for its memory has
 * a name, and a sample of all mappings.
 *
 *     90%       "near-limit" when RSS reaches nine tenths of the memory cgroup's limit;
 *               "near-heap-limit" when V8's heap reaches nine tenths of its own (--max-old-space-size, or V8's choice)
 *     1.5GiB    "near-limit" when RSS reaches that
 *
 * Each is set once in a process's life. RSS is that of this process: where several share a cgroup, say a size.
 *
 * V8's figures come from v8::Isolate::GetHeapStatistics, which sums counters that V8 keeps. It must be called on the
 * isolate's own thread and outside of its collector; the main thread's poll is such a place, and there it is called at most
 * ten times a second, in a process that asked for a percentage, and in no other. A heap that fills without any return to the event loop
 * is not seen. The first six words of v8::HeapStatistics are what they are on Node 18 to 26; figures that cannot be are not believed.
 */
#include "snapshot.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "cgroup.h"
#include "control.h"
#include "init.h"
#include "say.h"
#include "sys.h"

#define LEAST_HEAP_LIMIT (UINT64_C(4) << 20)
#define MOST_YOUNG (UINT64_C(192) << 20) /* bytes: three semi-spaces of 64 MiB, Node 24's choice */

static uint64_t rss_threshold;                 /* bytes; 0: RSS is not watched, or its mark is set */
static uint32_t heap_percent;                  /* 0: the heap is not watched, or its mark is set */
static _Atomic uint64_t heap_used, heap_limit; /* as V8 said last */
_Atomic bool rsd_snapshot_heap_asked;

static struct {
    void *(*current)(void);
    void (*statistics)(void *isolate, void *out);
} v8;

/* v8::HeapStatistics, with room for what later versions add. */
struct statistics {
    uint64_t total, executable, physical, available, used, limit;
    uint64_t more[58];
};

void rsd_snapshot_init(const struct rsd_config *config) {
    rss_threshold = config->snapshot_bytes;
    heap_percent = config->snapshot_percent;
    if (!heap_percent)
        return;
    rss_threshold = rsd_cgroup_memory_limit() / 100 * heap_percent;
    if (!rss_threshold)
        rsd_say("RESIDUE_SNAPSHOT_AT=%u%%: no memory cgroup limits this process: only V8's heap is watched",
                heap_percent);
}

void rsd_snapshot_find_heap(void) {
    if (!heap_percent)
        return;
    *(void **)&v8.current = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate13TryGetCurrentEv");
    *(void **)&v8.statistics = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE");
    if (!v8.current || !v8.statistics)
        heap_percent = 0;
}

__attribute__((cold, noinline)) void rsd_snapshot_read_heap(void) {
    if (!v8.current || !v8.statistics || rsd_sys_tid() != rsd_trace.pid)
        return;
    int before = errno;
    struct statistics now = {.limit = 0};
    void *isolate = v8.current();
    atomic_store(&rsd_snapshot_heap_asked, false);
    if (isolate) {
        v8.statistics(isolate, &now);
        atomic_store(&heap_limit, now.limit);
        atomic_store(&heap_used, now.used);
    }
    errno = before;
}

/* V8's limit counts room for young objects that old ones cannot have, and it gives up when the old ones are too many. How
 * much that is it does not say: the mark comes rather too early. */
static bool heap_is_near(void) {
    uint64_t used = atomic_load(&heap_used), limit = atomic_load(&heap_limit);
    uint64_t young = limit / 4 * 3 < MOST_YOUNG ? limit / 4 * 3 : MOST_YOUNG;
    return limit >= LEAST_HEAP_LIMIT && used <= 2 * limit && used >= (limit - young) / 100 * heap_percent;
}

static uint64_t rss_now(void) {
    char text[256], *at = text;
    if (rsd_sys_slurp("/proc/self/statm", text, sizeof text) <= 0)
        return 0;
    strtoull(at, &at, 10);
    return strtoull(at, NULL, 10) * rsd_page_size;
}

void rsd_snapshot_poll(void) {
    if (rss_threshold && rss_now() >= rss_threshold) {
        rss_threshold = 0;
        rsd_control_mark("near-limit");
    }
    if (heap_percent && heap_is_near()) {
        heap_percent = 0;
        rsd_control_mark("near-heap-limit");
    }
    if (heap_percent)
        atomic_store(&rsd_snapshot_heap_asked, true);
}
