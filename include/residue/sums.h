/*
 * FORMAT.md 2.3, sums: records of sums by call site in planes, all others in rows.
 */
#ifndef RESIDUE_SUMS_H
#define RESIDUE_SUMS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "residue/planes.h"

#define RESIDUE_SUMS_LEAST 2u /* records of a run */
#define RESIDUE_SUMS_SIZE 16u /* bytes of a record in a run */

struct residue_run {
    uint32_t tag;   /* RESIDUE_TAG_COUNTS, RESIDUE_TAG_LATE; 0: rows */
    uint32_t count; /* of records; of rows, of bytes */
    uint32_t writer;
    uint32_t zero;
    uint64_t time;
    uint64_t when; /* of LATE; else 0 */
};
static_assert(sizeof(struct residue_run) == 32, "FORMAT.md 2.3");
static_assert(sizeof(struct residue_counts) == 48 && sizeof(struct residue_late) == 48, "either, of one size");

/* What differs from record to record. */
struct residue_sum {
    uint32_t node;
    uint64_t calls, bytes;
};

/* The record of 48 bytes as a sum of a run; false: it is none that a run can hold. */
static inline bool residue_sum_of(const unsigned char *row, struct residue_run *run, struct residue_sum *sum) {
    struct residue_counts counts;
    struct residue_late late;
    memcpy(&counts, row, sizeof counts);
    memcpy(&late, row, sizeof late);
    bool is_late = late.head.tag == RESIDUE_TAG_LATE;
    *sum = is_late ? (struct residue_sum){late.node, late.blocks, late.bytes}
                   : (struct residue_sum){counts.node, counts.calls, counts.bytes};
    if (counts.head.size != sizeof counts || counts.head.zero ||
        (!is_late && (counts.head.tag != RESIDUE_TAG_COUNTS || counts.temporaries != counts.calls)))
        return false;
    *run = (struct residue_run){.tag = counts.head.tag,
                                .writer = is_late ? late.writer : counts.writer,
                                .time = counts.head.time,
                                .when = is_late ? late.when : 0};
    return sum->calls && sum->calls <= UINT32_MAX && sum->bytes / sum->calls <= UINT32_MAX;
}

static inline void residue_row_of_sum(unsigned char *row, const struct residue_run *run,
                                      const struct residue_sum *sum) {
    struct residue_tagged head = {.tag = (uint16_t)run->tag, .size = sizeof(struct residue_late), .time = run->time};
    struct residue_late late = {head, run->when, sum->node, run->writer, sum->calls, sum->bytes};
    struct residue_counts counts = {head, sum->node, run->writer, sum->calls, sum->bytes, sum->calls};
    if (run->tag == RESIDUE_TAG_LATE)
        memcpy(row, &late, sizeof late);
    else
        memcpy(row, &counts, sizeof counts);
}

/* ---- the writer's half ---- */

/* The run that begins at `row`; its count is 0 if there is none. */
static inline struct residue_run residue_find_run(const unsigned char *row, const unsigned char *end) {
    struct residue_run first = {0}, run;
    struct residue_sum sum;
    uint32_t count = 0;
    for (; (size_t)(end - row) >= sizeof(struct residue_late) && residue_sum_of(row, &run, &sum); count++) {
        if (count == 0)
            first = run;
        if (memcmp(&run, &first, sizeof run) != 0)
            break;
        row += sizeof(struct residue_late);
    }
    first.count = count < RESIDUE_SUMS_LEAST ? 0 : count;
    return first;
}

static inline unsigned char *residue_put_run(unsigned char *out, const struct residue_run *run,
                                             const unsigned char *rows) {
    memcpy(out, run, sizeof *run);
    out += sizeof *run;
    if (!run->tag) {
        memcpy(out, rows, run->count);
        return out + run->count;
    }
    uint32_t before = 0;
    for (uint32_t i = 0; i < run->count; i++) {
        struct residue_run same;
        struct residue_sum sum;
        residue_sum_of(rows + i * sizeof(struct residue_late), &same, &sum);
        uint32_t field[] = {residue_zigzag32(sum.node - before), (uint32_t)sum.calls, (uint32_t)(sum.bytes / sum.calls),
                            (uint32_t)(sum.bytes % sum.calls)};
        before = sum.node;
        for (uint32_t k = 0; k < 4; k++)
            residue_put_planes(out + 4 * (size_t)k * run->count + i, field[k], 4, run->count);
    }
    return out + (size_t)run->count * RESIDUE_SUMS_SIZE;
}

/* The content of a frame of tagged records, `size` bytes of rows, in a room of as much; its size, or 0 if it would be longer. */
static inline size_t residue_to_sums(unsigned char *out, const unsigned char *rows, uint32_t size) {
    const unsigned char *row = rows, *end = rows + size, *kept = rows;
    unsigned char *to = out;
    while (row < end) {
        struct residue_run run = residue_find_run(row, end);
        struct residue_tagged head;
        memcpy(&head, row, sizeof head);
        const unsigned char *next = run.count ? row : row + head.size;
        if ((run.count || next >= end) && kept < next) {
            struct residue_run between = {.count = (uint32_t)(next - kept)};
            if ((size_t)(to - out) + sizeof between + between.count > size)
                return 0;
            to = residue_put_run(to, &between, kept);
        }
        if (run.count) {
            if ((size_t)(to - out) + sizeof run + (size_t)run.count * RESIDUE_SUMS_SIZE > size)
                return 0;
            to = residue_put_run(to, &run, row);
            kept = next = row + run.count * sizeof(struct residue_late);
        }
        row = next;
    }
    return (size_t)(to - out);
}

#endif
