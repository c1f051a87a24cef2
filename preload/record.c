/*
 * A call becomes a record: stack, time, store, commit.
 *
 * Order (FORMAT.md, "Time"): an allocation is timed after the real call and a free before it, so that for one address the
 * order of times is the true order, whichever threads: B can get the address only after A's real free, hence
 *
 *     time(free by A) < real free by A < real malloc by B < time(alloc by B)
 *
 * The stack is unwound before the time is taken and before the block is visible to anybody but its allocator.
 *
 * errno: unwinding may change it, and so nothing here returns without putting it back.
 */
#include "record.h"

#include "guard.h"
#include "sample.h"
#include "sys.h"

#define NOT_FREED 1u /* for the time of a realloc: what it frees has no record */

static void put_small(struct rsd_thread *self, uint64_t where, uint32_t size, uint32_t node) {
    struct rsd_writer *writer = &self->writer;
    uint64_t time = rsd_writer_tick(writer);
    if (self->nursery.memory && self->sample_rate == 0)
        rsd_nursery_add(&self->nursery, writer, time, where, size, node);
    else
        rsd_writer_put_alloc(writer, &(struct residue_alloc){time, where, size, node});
}

static void put_alloc(struct rsd_thread *self, const void *block, size_t size, enum residue_api api, uint32_t node) {
    struct rsd_writer *writer = &self->writer;
    if (size >= RESIDUE_LARGE_SIZE) {
        struct residue_large *room = rsd_writer_reserve(writer, RESIDUE_LARGE, sizeof *room);
        if (!room)
            return;
        writer->last_large = rsd_writer_tick(writer);
        *room = (struct residue_large){writer->last_large, residue_where((uintptr_t)block, api), size, node, 0};
        rsd_writer_commit(writer, RESIDUE_LARGE, sizeof *room);
    } else {
        put_small(self, residue_where((uintptr_t)block, api), (uint32_t)size, node);
    }
    writer->counter[RESIDUE_COUNTER_ALLOCS]++;
    writer->counter[RESIDUE_COUNTER_ALLOC_BYTES] += size;
}

static void put_free(struct rsd_thread *self, uint64_t time, const void *block, enum residue_api api) {
    struct rsd_writer *writer = &self->writer;
    struct residue_free *room = rsd_writer_reserve(writer, RESIDUE_FREE, sizeof *room);
    if (!room)
        return;
    if (time <= writer->last_free) /* a signal handler freed something during the real realloc */
        time = rsd_writer_tick(writer);
    writer->last_free = time;
    *room = (struct residue_free){time, residue_where((uintptr_t)block, api)};
    rsd_writer_commit(writer, RESIDUE_FREE, sizeof *room);
    writer->counter[RESIDUE_COUNTER_FREES]++;
}

/* Free a block: in the nursery, or by a record with the time `when` (0: now; else the real call was made, and the address
 * may be another thread's). */
static void release(struct rsd_thread *self, uint64_t when, const void *block, enum residue_api api) {
    struct rsd_writer *writer = &self->writer;
    struct rsd_nursery *nursery = &self->nursery;
    uintptr_t address = (uintptr_t)block;
    if (nursery->memory &&
        (when ? rsd_nursery_kill_held(nursery, writer, address) : rsd_nursery_kill(nursery, writer, address))) {
        writer->counter[RESIDUE_COUNTER_FREES]++;
        return;
    }
    if (when == 0)
        when = rsd_writer_tick(writer);
    if (nursery->memory)
        rsd_nursery_disown(address, when);
    put_free(self, when, block, api);
}

static bool recordable(struct rsd_thread *self, uintptr_t address) {
    if (__builtin_expect(address <= RESIDUE_ADDRESS_MASK, 1))
        return true;
    self->writer.counter[RESIDUE_COUNTER_DROPPED_ADDRESS]++;
    return false;
}

void rsd_record_alloc(const void *block, size_t size, enum residue_api api, const struct rsd_registers *from) {
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return;
    int before = errno;
    rsd_nursery_expect(&self->nursery, (uintptr_t)block);
    if (recordable(self, (uintptr_t)block) && rsd_sample_keeps(self, block))
        put_alloc(self, block, size, api, rsd_stack_node(self, from));
    errno = before;
    rsd_leave(self);
}

void rsd_record_free(const void *block, enum residue_api api) {
    struct rsd_thread *self = rsd_sample_passes_end(block) ? NULL : rsd_enter();
    if (!self)
        return;
    if (recordable(self, (uintptr_t)block))
        release(self, 0, block, api);
    rsd_leave(self);
}

uint64_t rsd_record_now(void) {
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return 0;
    uint64_t now = rsd_writer_tick(&self->writer);
    rsd_leave(self);
    return now;
}

/* A block that is not in the nursery now is freed by a record; whoever holds an old entry for it must hear of that before
 * the real call. */
uint64_t rsd_record_realloc_begin(const void *block) {
    if (block && rsd_sample_passes_end(block))
        return NOT_FREED;
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return 0;
    uint64_t now = rsd_writer_tick(&self->writer);
    if (block && self->nursery.memory && !rsd_nursery_hold(&self->nursery, (uintptr_t)block))
        rsd_nursery_disown((uintptr_t)block, now);
    rsd_leave(self);
    return now;
}

void rsd_record_realloc_end(uint64_t began, const void *from_block, const void *to, size_t size, enum residue_api api,
                            const struct rsd_registers *from) {
    bool freed = from_block && began != NOT_FREED, allocated = to && !rsd_sample_passes(size);
    struct rsd_thread *self = freed || allocated ? rsd_enter() : NULL;
    if (!self)
        return;
    int before = errno;
    if (freed && recordable(self, (uintptr_t)from_block))
        release(self, began, from_block, api);
    if (allocated && recordable(self, (uintptr_t)to) && rsd_sample_keeps(self, to))
        put_alloc(self, to, size, api, rsd_stack_node(self, from));
    errno = before;
    rsd_leave(self);
}

void rsd_record_realloc_failed(uint64_t began, const void *block) {
    if (began == NOT_FREED)
        return;
    rsd_sample_revive(block);
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return;
    rsd_nursery_let_go(&self->nursery, (uintptr_t)block);
    rsd_leave(self);
}

void rsd_record_mapping(uint64_t when, uintptr_t at, uint64_t size, enum residue_api api, uint32_t detail,
                        const struct rsd_registers *from) {
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return;
    int before = errno;
    struct rsd_writer *writer = &self->writer;
    uint32_t node = from ? rsd_stack_node(self, from) : 0;
    struct residue_large *room = recordable(self, at) ? rsd_writer_reserve(writer, RESIDUE_LARGE, sizeof *room) : NULL;
    if (room) {
        if (when == 0 || when <= writer->last_large)
            when = rsd_writer_tick(writer);
        writer->last_large = when;
        *room = (struct residue_large){when, residue_where(at, api), size, node, detail};
        rsd_writer_commit(writer, RESIDUE_LARGE, sizeof *room);
        writer->counter[RESIDUE_COUNTER_MAPS]++;
    }
    errno = before;
    rsd_leave(self);
}

void rsd_record_barrier(enum residue_barrier_reason reason, const char *name) {
    struct rsd_thread *self = rsd_enter();
    if (!self)
        return;
    int before = errno;
    struct residue_barrier record = {
        .head.tag = RESIDUE_TAG_BARRIER, .reason = reason, .name_size = (uint32_t)strlen(name)};
    bool raised = rsd_nursery_barrier_begin();
    rsd_writer_tagged(&self->writer, &record.head, sizeof record, name, record.name_size, "", 0);
    if (raised)
        rsd_nursery_barrier_end(record.head.time);
    errno = before;
    rsd_leave(self);
}
