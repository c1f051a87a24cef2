/* One frame of a log: its header and its content (FORMAT.md 2.2 and 2.3). */
#ifndef RSD_FRAME_H
#define RSD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "residue/format.h"

#define RSD_MAX_CONTENT (1u << 20) /* bytes of a segment (FORMAT.md 2.2); the recorder's are 64 KiB */

/* What the index of a log keeps of a frame. */
struct rsd_frame {
    uint64_t offset; /* of the header in the log */
    uint64_t first, last;
    uint32_t sequence, records, raw_size, packed_size;
    uint8_t kind, encoding;
    bool told; /* what is wrong with it stands among the problems; it may be read more than once */
};

/* Bytes of a record of this kind; 0 for RESIDUE_OTHER, whose records have their own sizes. */
size_t rsd_record_size(enum residue_kind kind);

/* Is this a frame header that can be believed? NULL, or a sentence on why not. */
const char *rsd_frame_check(const struct residue_frame_header *header);

/* What is needed to unpack frames; one per thread of work. */
struct rsd_unpacker;
struct rsd_unpacker *rsd_unpacker_new(void);
void rsd_unpacker_free(struct rsd_unpacker *unpacker);
/* Unpack the zstd frame at `packed` into frame->raw_size bytes of rows. NULL, or a sentence on why not. */
const char *rsd_frame_unpack(struct rsd_unpacker *unpacker, const struct rsd_frame *frame, const void *packed,
                             uint8_t *rows);

/* The frame of a log that is open as `log`: read, unpacked, checked. Returns how many bytes of rows are good: records in order,
 * of which the first has the time that the header says. If fewer than raw_size, *why says why. */
size_t rsd_frame_fetch(struct rsd_unpacker *unpacker, int log, const struct rsd_frame *frame, uint8_t *rows,
                       const char **why);

/* `count` records of `size` bytes from planes to rows (2.3). */
void rsd_planes_to_rows(const uint8_t *planes, uint8_t *rows, size_t size, size_t count);

/* The same for records of this kind in the encoding fields. */
void rsd_fields_to_rows(const uint8_t *planes, uint8_t *rows, enum residue_kind kind, size_t count);

/* The same for nodes in the encoding kin, of which the first has this id. */
void rsd_kin_to_rows(const uint8_t *planes, uint8_t *rows, size_t count, uint64_t first);

/* The same from `size` bytes in the encodings trie and sums. False when they are not what the encoding says. */
bool rsd_trie_to_rows(const uint8_t *content, size_t size, uint8_t *rows, size_t count, uint64_t first);
bool rsd_sums_to_rows(const uint8_t *content, size_t size, uint8_t *rows, size_t rows_size);

/* The size of the record at `at`, or 0 when what is there up to `end` is none. */
size_t rsd_record_at(enum residue_kind kind, const uint8_t *at, const uint8_t *end);

/* The time of a record; 0 for a NODE, which has none. */
static inline uint64_t rsd_time_at(enum residue_kind kind, const uint8_t *record) {
    uint64_t time;
    if (kind == RESIDUE_NODE)
        return 0;
    __builtin_memcpy(&time, record + (kind == RESIDUE_OTHER ? offsetof(struct residue_tagged, time) : 0), sizeof time);
    return time;
}

/* How many bytes of `rows` are records in order, none earlier than `floor`? If fewer than `size`, *why says why. */
size_t rsd_rows_check(enum residue_kind kind, const uint8_t *rows, size_t size, uint64_t floor, const char **why);

#endif
