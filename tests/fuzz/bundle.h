/*
 * A trace directory as one input. A run of parts, each
 *
 *     u8 what | writer << 4,  u24 size,  then so many bytes (fewer at the end of the input)
 *
 * where `what` is one of enum bundle_part and `writer` 0 (the process) to 15.
 */
#ifndef BUNDLE_H
#define BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum bundle_part {
    BUNDLE_META,   /* meta.json */
    BUNDLE_STATUS, /* status.json */
    BUNDLE_LOG,    /* bytes of a log, as they are */
    BUNDLE_LIVE,   /* bytes of a live file, as they are */
    BUNDLE_FRAME, /* a frame of a log, to be sealed: u8 kind, u8 encoding, u8 gap in the sequence, u8 zero, then rows */
    BUNDLE_PARTS
};

/* Make the files of a bundle in fuzz_folder(). */
void bundle_unpack(const uint8_t *data, size_t size);
/* The other way: the logs' frames unpacked, live files without their empty room. */
bool bundle_pack(const char *trace, FILE *out);

#endif
