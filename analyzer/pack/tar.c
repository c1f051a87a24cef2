/*
 * Headers of tar archives: made and checked in one place, so that the two agree. A size of 8 GiB or more does not fit the
 * eleven octal digits; it is written as GNU tar does, which bsdtar and busybox read too.
 */
#include "pack/tar.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define OCTAL_LIMIT (UINT64_C(1) << 33)
#define SIZE_LIMIT (UINT64_C(1) << 62)

static unsigned sum_of(const struct rsd_tar_header *header) {
    const uint8_t *bytes = (const uint8_t *)header;
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof *header; i++) {
        bool is_sum = i - offsetof(struct rsd_tar_header, checksum) < sizeof header->checksum;
        sum += is_sum ? ' ' : bytes[i];
    }
    return sum;
}

static void put_octal(char *field, size_t size, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%0*" PRIo64, (int)size - 1, number);
    memcpy(field, digits, size);
}

void rsd_tar_make(struct rsd_tar_header *header, const char *name, uint64_t size, uint64_t mtime) {
    *header = (struct rsd_tar_header){.type = RSD_TAR_FILE};
    memcpy(header->magic,
           "ustar\0"
           "00",
           sizeof header->magic);
    memcpy(header->name, name, strnlen(name, sizeof header->name - 1));
    put_octal(header->mode, sizeof header->mode, 0644);
    put_octal(header->uid, sizeof header->uid, 0);
    put_octal(header->gid, sizeof header->gid, 0);
    put_octal(header->mtime, sizeof header->mtime, mtime % OCTAL_LIMIT);
    if (size < OCTAL_LIMIT) {
        put_octal(header->size, sizeof header->size, size);
    } else {
        header->size[0] = (char)0x80;
        for (int i = 0; i < 8; i++)
            header->size[11 - i] = (char)(size >> 8 * i);
    }
    snprintf(header->checksum, sizeof header->checksum, "%06o", sum_of(header));
    header->checksum[7] = ' ';
}

/* Octal digits, perhaps after spaces, up to a space, a zero or the end of the field. */
static bool take_octal(const char *field, size_t size, uint64_t *number) {
    size_t at = 0;
    *number = 0;
    while (at < size && field[at] == ' ')
        at++;
    size_t first = at;
    for (; at < size && field[at] >= '0' && field[at] <= '7'; at++)
        *number = *number * 8 + (uint64_t)(field[at] - '0');
    return at > first && (at == size || field[at] == ' ' || !field[at]);
}

static bool take_size(const struct rsd_tar_header *header, uint64_t *size) {
    const uint8_t *bytes = (const uint8_t *)header->size;
    if (bytes[0] != 0x80)
        return take_octal(header->size, sizeof header->size, size);
    *size = 0;
    for (size_t i = 4; i < sizeof header->size; i++)
        *size = *size << 8 | bytes[i];
    return !bytes[1] && !bytes[2] && !bytes[3] && *size < SIZE_LIMIT;
}

bool rsd_tar_check(const struct rsd_tar_header *header, uint64_t *size) {
    uint64_t sum;
    return memcmp(header->magic, "ustar", 5) == 0 && take_octal(header->checksum, sizeof header->checksum, &sum) &&
           sum == sum_of(header) && take_size(header, size);
}
