/* A header of a tar archive (POSIX ustar), and what of it a pack uses (FORMAT.md 9). */
#ifndef RSD_TAR_H
#define RSD_TAR_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#define RSD_TAR_BLOCK 512u

struct rsd_tar_header {
    char name[100];
    char mode[8], uid[8], gid[8];
    char size[12]; /* octal digits, or (bit 7 of the first byte) GNU's big-endian binary */
    char mtime[12];
    char checksum[8]; /* the sum of all bytes, these eight taken as spaces */
    char type;
    char link[100];
    char magic[8]; /* "ustar", 0, "00"; GNU tar's own: "ustar  ", 0 */
    char owner[32], group[32];
    char major[8], minor[8];
    char prefix[155];
    char zero[12];
};
static_assert(sizeof(struct rsd_tar_header) == RSD_TAR_BLOCK, "POSIX ustar");

enum { RSD_TAR_FILE = '0', RSD_TAR_OLD_FILE = 0, RSD_TAR_FOLDER = '5', RSD_TAR_PAX = 'x', RSD_TAR_PAX_ALL = 'g' };

/* A header of a plain file. `name` has at most 99 bytes. */
void rsd_tar_make(struct rsd_tar_header *header, const char *name, uint64_t size, uint64_t mtime);
/* Is it one, and what size does it say? */
bool rsd_tar_check(const struct rsd_tar_header *header, uint64_t *size);
/* Bytes up to the next multiple of a block. */
static inline unsigned rsd_tar_padding(uint64_t size) {
    return (unsigned)(-size % RSD_TAR_BLOCK);
}

#endif
