/*
 * Which stack memory may be read.
 *
 * A thread's own stack ends where the thread began: the main thread's below the strings that the kernel put there
 * before anything ran, every other thread's at its control block, which glibc keeps at the upper end of the stack,
 * also of one that the program supplied. So the upper end costs no look into /proc. The lower end is of no interest,
 * because nothing below the leaf's stack pointer is ever read; but "is this stack pointer on my own stack?" must be
 * answered: it is if every page from there up to the part seen before can be read. A guard page ends that, so a
 * coroutine's stack or a signal stack does not pass, and what was found out is remembered in `elsewhere`.
 *
 * Of a foreign stack the bounds are not known and may change from one call to the next (a freed coroutine stack, a
 * smaller one in its place). It is read page by page, each page asked for first. The kernel answers: rt_sigprocmask
 * with an impossible `how` copies the set before it looks at `how`, and so tells EFAULT from EINVAL and does nothing
 * else.
 *
 * One instance per thread, used by that thread alone.
 */
#include "bounds.h"

#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <unistd.h>

#define HOME_PAGES 32768u   /* the furthest that a thread's own stack is followed downwards at once: 128 MiB */
#define FOREIGN_PAGES 4096u /* the largest foreign stack: 16 MiB */

static bool readable(uintptr_t address) {
    return rsd_syscall6(SYS_rt_sigprocmask, -1, (long)address, 0, 8, 0, 0) != -EFAULT;
}

static uintptr_t page_of(uintptr_t address) {
    return address & ~(uintptr_t)(RSD_PAGE - 1);
}

/* The end of the run of readable pages that starts with the page of `from`, at most `limit`. */
static uintptr_t readable_until(uintptr_t from, uintptr_t limit) {
    uintptr_t page = page_of(from);
    while (page < limit && readable(page))
        page += RSD_PAGE;
    return page < limit ? page : limit;
}

bool rsd_bounds_room(size_t bytes) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    for (uintptr_t page = page_of(here - bytes); page < here; page += RSD_PAGE)
        if (!readable(page))
            return false;
    return true;
}

void rsd_bounds_init(struct rsd_bounds *bounds) {
    bool main_thread = rsd_syscall6(SYS_gettid, 0, 0, 0, 0, 0, 0) == rsd_syscall6(SYS_getpid, 0, 0, 0, 0, 0, 0);
    uintptr_t high = main_thread ? (uintptr_t)getauxval(AT_EXECFN) : (uintptr_t)pthread_self();
    *bounds = (struct rsd_bounds){0};
    bounds->home_high = high & ~(uintptr_t)(RSD_WORD - 1);
    bounds->home_low = bounds->home_high;
}

static bool is_elsewhere(const struct rsd_bounds *bounds, uintptr_t sp) {
    for (unsigned i = 0; i < RSD_ELSEWHERE; i++)
        if (sp - bounds->elsewhere[i].low < bounds->elsewhere[i].high - bounds->elsewhere[i].low)
            return true;
    return false;
}

/* Does the thread's own stack reach down to `sp`? */
static bool grow_home(struct rsd_bounds *bounds, uintptr_t sp) {
    if (sp >= bounds->home_low || bounds->home_low - sp > (uintptr_t)HOME_PAGES * RSD_PAGE || is_elsewhere(bounds, sp))
        return false;
    uintptr_t end = readable_until(sp, bounds->home_low);
    if (end == bounds->home_low) {
        bounds->home_low = page_of(sp);
        return true;
    }
    unsigned i = bounds->next_elsewhere++ % RSD_ELSEWHERE;
    bounds->elsewhere[i].low = page_of(sp);
    bounds->elsewhere[i].high = end;
    return false;
}

bool rsd_bounds_locate(struct rsd_bounds *bounds, uintptr_t sp) {
    bool at_home = rsd_bounds_at_home(bounds, sp) || grow_home(bounds, sp);
    bounds->low = sp;
    if (at_home) {
        bounds->last = bounds->home_high - RSD_WORD;
        return true;
    }
    bounds->foreign = true;
    bounds->last = page_of(sp) + RSD_PAGE - RSD_WORD;
    return sp >= RSD_PAGE && sp < RSD_ADDRESS_END && readable(sp);
}

bool rsd_bounds_reach(struct rsd_bounds *bounds, uintptr_t address) {
    bool at_home = rsd_bounds_at_home(bounds, bounds->low);
    if (at_home || address % RSD_WORD || address < bounds->low || address >= RSD_ADDRESS_END ||
        address - bounds->low > (uintptr_t)FOREIGN_PAGES * RSD_PAGE)
        return false;
    uintptr_t end = readable_until(bounds->last, page_of(address) + RSD_PAGE);
    bounds->last = end - RSD_WORD;
    return address <= bounds->last;
}
