/*
 * What record.c, nursery.c and log.c need of the rest of the recorder: see recorder_parts.h.
 *
 * rsd_self is set by whoever plays a thread. Stacks are the node of a call site, made when the slot is opened. Writer 0
 * is entered by turns under a spin lock, as in process.c. A failure of the recorder is a failure of the test.
 */
#include "recorder_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init.h"
#include "process.h"

struct rsd_trace rsd_trace;
__thread struct rsd_thread *rsd_self __attribute__((tls_model("initial-exec")));
static struct rsd_gate gate = {.alive = 1};
struct rsd_gate *rsd_gate = &gate;
static __thread uint32_t site_of_call;
static struct rsd_writer process;
static atomic_flag taken = ATOMIC_FLAG_INIT;

static void must(bool ok, const char *what) {
    if (ok)
        return;
    perror(what);
    abort();
}

/* ---- What the recorder calls ------------------------------------------------------------------------------------- */

void rsd_stop(long error, const char *what) {
    fprintf(stderr, "recording stopped: %s (%ld)\n", what, error);
    abort();
}

bool rsd_is_other_process(void) {
    return false;
}

struct rsd_thread *rsd_thread_attach(void) {
    return NULL;
}

void rsd_thread_note_latency(struct rsd_thread *self) {
    self->slow = self->writer.slow_ticks + self->writer.counter[RESIDUE_COUNTER_RULE_TICKS];
}

uint32_t rsd_stack_node(struct rsd_thread *thread, const struct rsd_registers *from) {
    (void)thread;
    (void)from;
    return site_of_call;
}

void rsd_process_sample_if_due(uint64_t ticks) {
    (void)ticks;
}

bool rsd_process_tagged(struct residue_tagged *head, size_t head_size, const void *text, size_t text_size) {
    while (atomic_flag_test_and_set_explicit(&taken, memory_order_acquire))
        continue;
    bool written = rsd_writer_tagged(&process, head, head_size, text, text_size, "", 0);
    atomic_flag_clear_explicit(&taken, memory_order_release);
    return written;
}

/* ---- What the tests call ----------------------------------------------------------------------------------------- */

static void write_meta(const char *directory) {
    char path[RSD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/meta.json", directory);
    FILE *file = fopen(path, "we");
    must(file, path);
    fprintf(
        file,
        "{\"format\": {\"major\": %u, \"minor\": %u}, \"tool\": \"residue\", \"trace_id\": \"%016llx\", \"pid\": 1,\n"
        " \"start_time\": 1, \"exe\": \"/bin/parts\", \"argv\": [\"parts\"], \"clock\": {\"source\": \"tsc\",\n"
        " \"ticks\": %llu, \"monotonic_ns\": 1, \"realtime_ns\": 1, \"ticks_per_second\": 1000000000}}\n",
        RESIDUE_FORMAT_MAJOR, RESIDUE_FORMAT_MINOR, (unsigned long long)rsd_trace.id,
        (unsigned long long)rsd_clock_ticks());
    must(fclose(file) == 0, path);
}

void parts_begin(const char *directory) {
    snprintf(rsd_trace.directory, sizeof rsd_trace.directory, "%s", directory);
    rsd_trace.id = 42;
    rsd_trace.pid = 1;
    rsd_trace.nursery = true;
    if (!rsd_clock_rate)
        rsd_clock_init();
    rsd_log_init();
    rsd_nursery_after_fork(); /* what the trace before left */
    write_meta(directory);
    must(rsd_writer_open(&process, RESIDUE_PROCESS_WRITER), "writer 0");
}

void parts_end(void) {
    rsd_writer_release(&process);
}

static void put_node(struct rsd_writer *writer, uint8_t kind, uint64_t pc, uint32_t parent) {
    struct residue_node *room = rsd_writer_reserve(writer, RESIDUE_NODE, sizeof *room);
    *room = (struct residue_node){.pc = pc, .parent = parent, .kind = kind};
    writer->last_node++;
    rsd_writer_commit(writer, RESIDUE_NODE, sizeof *room);
}

void parts_open(struct rsd_thread *thread, uint32_t number) {
    must(rsd_writer_open(&thread->writer, number), "writer");
    must(rsd_nursery_init(&thread->nursery, &thread->writer), "nursery");
    put_node(&thread->writer, RESIDUE_NODE_END, RESIDUE_END_ROOT, 0);
    for (uint32_t site = 0; site < PARTS_SITES; site++)
        put_node(&thread->writer, RESIDUE_NODE_NATIVE, 0x1000 + site, 1);
}

void parts_close(struct rsd_thread *thread) {
    rsd_nursery_write_tallies(&thread->nursery, &thread->writer);
    rsd_nursery_release(&thread->nursery);
    rsd_writer_release(&thread->writer);
}

void parts_be(struct rsd_thread *thread, unsigned site) {
    rsd_self = thread;
    site_of_call = 2 + site % PARTS_SITES;
}
