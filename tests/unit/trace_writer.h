/* Makes traces for tests, record by record, by the letter of FORMAT.md and with no line of the recorder. */
#ifndef TRACE_WRITER_H
#define TRACE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

#define MADE_TRACE_ID 0x1122334455667788u

struct made_segment {
    uint8_t *bytes;
    size_t used;
    uint32_t records;
    uint32_t sequence;
    uint64_t first_node; /* NODE: id of the first record */
};

/* One writer: its log is written as segments are sealed, its live file by made_live. */
struct made_writer {
    char *log, *live; /* paths */
    uint32_t number;
    struct made_segment segment[RESIDUE_KINDS];
    struct residue_alloc *ring;
    size_t ring_capacity;
    uint64_t ring_head;
    uint64_t counter[RESIDUE_COUNTER_SLOTS];
};

/* A new empty folder in /tmp, named by `name`; removed when the test ends well or made_remove is called. */
char *made_folder(const char *name);
void made_remove(char *folder);
void made_file(const char *folder, const char *name, const char *content);
/* meta.json of a process that has ended: the clock runs at 1,000 ticks a second from tick 0. */
void made_meta(const char *folder);
/* The same of `node SCRIPT` in a working folder. */
void made_meta_of(const char *folder, const char *cwd, const char *script);

struct made_writer *made_open(const char *folder, uint32_t number);
void made_close(struct made_writer *writer);

/* Records, into the open segment. */
void made_alloc(struct made_writer *writer, uint64_t time, uint64_t address, uint32_t size, uint32_t node);
void made_free(struct made_writer *writer, uint64_t time, uint64_t address);
void made_free_by(struct made_writer *writer, uint64_t time, uint64_t address, enum residue_api api);
void made_large(struct made_writer *writer, uint64_t time, enum residue_api api, uint64_t address, uint64_t size,
                uint32_t node, uint32_t detail);
/* Returns the node's id. */
uint32_t made_node(struct made_writer *writer, enum residue_node_kind kind, uint64_t pc, uint32_t parent,
                   uint32_t owner, enum residue_source source);
/* A tagged record: `fixed` with its head's tag and time set, then the strings. */
void made_tagged(struct made_writer *writer, void *fixed, size_t size, const char *first, const char *second);
void made_module(struct made_writer *writer, uint64_t time, uint32_t id, uint64_t bias, const char *path);
void made_barrier(struct made_writer *writer, uint64_t time, enum residue_barrier_reason reason, const char *name);
void made_memory(struct made_writer *writer, uint64_t time, uint64_t rss);
void made_thread(struct made_writer *writer, uint64_t time, uint32_t tid, uint32_t serial, const char *name);
void made_end(struct made_writer *writer, uint64_t time);
/* An entry of the ring; capacity must be set first by made_ring. address 0: a dead entry. */
void made_ring(struct made_writer *writer, size_t capacity);
void made_ring_entry(struct made_writer *writer, uint64_t time, uint64_t address, uint32_t size, uint32_t node);
/* The last entry stands in the ring, but `head` does not say so yet. */
void made_ring_uncounted(struct made_writer *writer);

/* Append the open segment to the log and open the next one. */
void made_seal(struct made_writer *writer, enum residue_kind kind, enum residue_encoding encoding);
/* The same without opening the next: what a crash between the two steps of a seal leaves. */
void made_append(struct made_writer *writer, enum residue_kind kind, enum residue_encoding encoding);
/* Drop the open segment and open the next, as if it had been sealed and the log had lost it. */
void made_lose(struct made_writer *writer, enum residue_kind kind);
/* Write the live file as it stands. */
void made_live(struct made_writer *writer);

/* 2.3, as the document says it, byte by byte. */
void made_planes(const uint8_t *rows, uint8_t *planes, size_t record, size_t count);
void made_kin(const uint8_t *rows, uint8_t *kin, size_t count, uint64_t first);

/* The content of a frame in the encoding, or in rows if it is none for this kind; its size. */
size_t made_content(uint8_t *content, const uint8_t *rows, size_t size, enum residue_kind kind,
                    enum residue_encoding *encoding, uint64_t first);

#endif
