/*
 * Which memory holds code.
 *
 * A table of executable ranges, sorted, learned from /proc/self/maps when an address turns up that it does not hold.
 * Code from files is kept range by range. JIT code is kept as the hull of the executable mappings within one run of
 * anonymous memory: V8 reserves a range for code and switches single pages in it between writable, executable and
 * nothing, so the pages that are executable at the instant of looking say little. For the same reason a hull stays
 * although none of its pages is executable when the table is read again.
 *
 * The table exists twice. Readers take no lock: they search the copy that `version` names and check afterwards that
 * `version` has not moved. The one writer (a lock of our own, never held while the program's code runs, with a way out
 * for a holder that will not return because a signal handler jumped out of the hook) fills the other copy.
 *
 * Reading maps costs 0.1 ms and more, so a miss must not be paid again and again: a page that was looked for in vain
 * is looked for again only after a pause that doubles each time, and all reading together is kept below an eighth of
 * the time that has passed.
 *
 * Any thread. Raw system calls only; no memory but the static tables, whose untouched pages cost nothing.
 */
#include "maps.h"

#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "../arch/x86_64.h"

#define RANGES 4096u
#define MISSES 64u
#define GRACE (UINT64_C(1) << 28)          /* ticks of reading that are always allowed: about 0.1 s */
#define SHARE 8u                           /* reading may take one part in so many of the time */
#define HOLDER_GONE_NS INT64_C(2000000000) /* a writer that has not finished by then will not come back */

struct table {
    uint32_t count;
    struct rsd_code range[RANGES];
};

static struct table tables[2];
static uint32_t version; /* tables[version & 1] is the one to read */

static int64_t writer_since; /* 0: no writer; otherwise CLOCK_MONOTONIC when it began */

static struct {
    uintptr_t page;
    uint64_t again_at; /* ticks */
    uint32_t tries;
} misses[MISSES];
static uint64_t first_read_at;
static uint64_t ticks_spent;
static uint64_t last_cost;

/* ---- reading the table ---- */

/* The first range that reaches beyond `address`; the table may be changing under a reader, so nothing is trusted. */
static const struct rsd_code *lower_bound(const struct table *table, uintptr_t address) {
    uint32_t count = table->count < RANGES ? table->count : RANGES;
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (table->range[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count ? &table->range[low] : NULL;
}

static bool search(const struct table *table, uintptr_t pc, struct rsd_code *code) {
    const struct rsd_code *range = lower_bound(table, pc);
    if (!range || range->start > pc)
        return false;
    *code = *range;
    return true;
}

bool rsd_maps_find(uintptr_t pc, struct rsd_code *code) {
    for (;;) {
        uint32_t seen = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
        bool found = search(&tables[seen & 1], pc, code);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&version, __ATOMIC_RELAXED) == seen)
            return found;
    }
}

/* ---- the writer's lock ---- */

static int64_t monotonic_ns(void) {
    struct timespec now;
    rsd_syscall6(SYS_clock_gettime, CLOCK_MONOTONIC, (long)&now, 0, 0, 0, 0);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Returns whether there was another writer to wait for: then the table may hold more than it did. */
static bool begin_writing(void) {
    bool waited = false;
    int64_t now = monotonic_ns();
    for (;;) {
        int64_t since = __atomic_load_n(&writer_since, __ATOMIC_RELAXED);
        bool free = since == 0 || now - since > HOLDER_GONE_NS;
        if (free && __atomic_compare_exchange_n(&writer_since, &since, now, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return waited;
        waited = true;
        rsd_syscall6(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
        now = monotonic_ns();
    }
}

static void end_writing(bool publish) {
    if (publish)
        __atomic_store_n(&version, version + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&writer_since, 0, __ATOMIC_RELEASE);
}

void rsd_maps_after_fork(void) {
    writer_since = 0;
}

/* ---- /proc/self/maps ---- */

/* One line: start-end perms offset major:minor inode path. */
struct mapping {
    uintptr_t start, end;
    uint64_t offset;
    uint64_t device; /* the device's and the inode's digits, hashed: 0 for anonymous memory */
    bool readable, executable, vdso;
};

static const char *parse_hex(const char *p, uint64_t *value) {
    *value = 0;
    for (;; p++) {
        unsigned digit = *p >= '0' && *p <= '9'   ? (unsigned)(*p - '0')
                         : *p >= 'a' && *p <= 'f' ? (unsigned)(*p - 'a') + 10
                                                  : 16;
        if (digit > 15)
            return p;
        *value = *value << 4 | digit;
    }
}

/* `line` ends with a newline; the reader has seen to that. */
static void parse_mapping(const char *line, struct mapping *mapping) {
    uint64_t start, end, major, minor, inode;
    const char *p = parse_hex(line, &start);
    p = parse_hex(p + 1, &end);
    *mapping = (struct mapping){.start = start, .end = end, .readable = p[1] == 'r', .executable = p[3] == 'x'};
    p = parse_hex(p + 6, &mapping->offset);
    p = parse_hex(p + 1, &major);
    p = parse_hex(p + 1, &minor);
    p = parse_hex(p + 1, &inode);
    if (inode)
        mapping->device = (inode << 20 ^ major << 8 ^ minor) | 1;
    while (*p == ' ')
        p++;
    mapping->vdso = !strncmp(p, "[vdso]", 6);
}

/* What is being gathered while the lines go by. */
struct gathering {
    const struct table *old;
    struct table *new;
    uintptr_t file_base;
    uint64_t file_device;
    uintptr_t run_end; /* end of the run of anonymous memory that is being read */
    bool run_has_code;
};

static bool was_jit(const struct table *old, uintptr_t start, uintptr_t end) {
    const struct rsd_code *range = lower_bound(old, start);
    return range && range->start < end && !(range->flags & RSD_CODE_FILE);
}

static void add_range(struct table *table, uintptr_t start, uintptr_t end, uintptr_t base, uint32_t flags) {
    if (table->count < RANGES)
        table->range[table->count++] = (struct rsd_code){.start = start, .end = end, .base = base, .flags = flags};
}

static void gather_file(struct gathering *g, const struct mapping *mapping) {
    if (mapping->device != g->file_device || !mapping->offset)
        g->file_base = mapping->offset ? 0 : mapping->start;
    g->file_device = mapping->device;
    g->run_has_code = false;
    if (mapping->executable)
        add_range(g->new, mapping->start, mapping->end, g->file_base,
                  RSD_CODE_FILE | (mapping->readable ? RSD_CODE_READABLE : 0));
}

static void gather_anonymous(struct gathering *g, const struct mapping *mapping) {
    if (mapping->start != g->run_end)
        g->run_has_code = false;
    g->run_end = mapping->end;
    if (!mapping->executable && !was_jit(g->old, mapping->start, mapping->end))
        return;
    if (g->run_has_code)
        g->new->range[g->new->count - 1].end = mapping->end;
    else
        add_range(g->new, mapping->start, mapping->end, 0, 0);
    g->run_has_code = true;
}

static void gather_line(struct gathering *g, const char *line) {
    struct mapping mapping;
    parse_mapping(line, &mapping);
    if (mapping.start >= RSD_ADDRESS_END)
        return;
    if (mapping.device || mapping.vdso)
        gather_file(g, &mapping);
    else
        gather_anonymous(g, &mapping);
}

/* Hand every complete line to gather_line; what is left of the last one stays at the start of the buffer. */
static size_t gather_lines(struct gathering *g, char *text, size_t size) {
    char *line = text, *newline;
    while ((newline = memchr(line, '\n', size - (size_t)(line - text)))) {
        gather_line(g, line);
        line = newline + 1;
    }
    size_t rest = size - (size_t)(line - text);
    memmove(text, line, rest);
    return rest;
}

static bool read_maps(struct gathering *g) {
    static char text[32768];
    long fd = rsd_syscall6(SYS_openat, AT_FDCWD, (long)"/proc/self/maps", O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0)
        return false;
    size_t size = 0;
    long got;
    while (size < sizeof text &&
           (got = rsd_syscall6(SYS_read, fd, (long)(text + size), (long)(sizeof text - size), 0, 0, 0)) > 0)
        size = gather_lines(g, text, size + (size_t)got);
    rsd_syscall6(SYS_close, fd, 0, 0, 0, 0, 0);
    return true;
}

static bool read_table(void) {
    struct gathering g = {.old = &tables[version & 1], .new = &tables[~version & 1]};
    g.new->count = 0;
    return read_maps(&g);
}

/* ---- when to look again ---- */

static bool worth_reading(uintptr_t pc, uint64_t now) {
    uintptr_t page = pc & ~(uintptr_t)(RSD_PAGE - 1);
    unsigned slot = (unsigned)(page / RSD_PAGE % MISSES);
    if (misses[slot].page == page && now < misses[slot].again_at)
        return false;
    return ticks_spent < GRACE || ticks_spent < (now - first_read_at) / SHARE;
}

static void note_miss(uintptr_t pc, uint64_t now) {
    uintptr_t page = pc & ~(uintptr_t)(RSD_PAGE - 1);
    unsigned slot = (unsigned)(page / RSD_PAGE % MISSES);
    if (misses[slot].page != page)
        misses[slot].tries = 0;
    misses[slot].page = page;
    misses[slot].tries += misses[slot].tries < 20;
    misses[slot].again_at = now + (last_cost << misses[slot].tries);
}

static void read_and_account(uintptr_t pc) {
    struct rsd_code code;
    uint64_t before = rsd_cpu_ticks_unfenced();
    if (!first_read_at)
        first_read_at = before;
    bool done = read_table();
    uint64_t after = rsd_cpu_ticks_unfenced();
    last_cost = after - before;
    ticks_spent += last_cost;
    if (!done || !search(&tables[~version & 1], pc, &code))
        note_miss(pc, after);
    end_writing(done);
}

bool rsd_maps_learn(uintptr_t pc, struct rsd_code *code) {
    if (rsd_maps_find(pc, code))
        return true;
    if (pc < RSD_PAGE || pc >= RSD_ADDRESS_END || !worth_reading(pc, rsd_cpu_ticks_unfenced()))
        return false;
    if (begin_writing() && search(&tables[version & 1], pc, code))
        end_writing(false);
    else
        read_and_account(pc);
    return rsd_maps_find(pc, code);
}

/* ---- forgetting ---- */

static bool known(uintptr_t start, uintptr_t end) {
    for (;;) {
        uint32_t seen = __atomic_load_n(&version, __ATOMIC_ACQUIRE);
        const struct rsd_code *range = lower_bound(&tables[seen & 1], start);
        bool found = range && range->start < end;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&version, __ATOMIC_RELAXED) == seen)
            return found;
    }
}

static void copy_without(const struct table *old, struct table *new, uintptr_t start, uintptr_t end) {
    new->count = 0;
    for (uint32_t i = 0; i < old->count; i++) {
        const struct rsd_code *range = &old->range[i];
        uintptr_t left_end = range->end < start ? range->end : start;
        uintptr_t right_start = range->start > end ? range->start : end;
        if (range->start < left_end)
            add_range(new, range->start, left_end, range->base, range->flags);
        if (right_start < range->end)
            add_range(new, right_start, range->end, range->base, range->flags);
    }
}

bool rsd_maps_forget(uintptr_t start, uintptr_t end) {
    if (!known(start, end))
        return false;
    begin_writing();
    copy_without(&tables[version & 1], &tables[~version & 1], start, end);
    end_writing(true);
    return true;
}
