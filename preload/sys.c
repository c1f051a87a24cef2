/*
 * The system calls that are more than one call. Everything else is inline in sys.h.
 *
 * Any thread may enter, from inside a hook; nothing here keeps state.
 */
#include "sys.h"

#include <sys/resource.h>

long rsd_sys_slurp(const char *path, char *out, size_t size) {
    int fd = rsd_sys_open(path, O_RDONLY, 0);
    if (fd < 0)
        return fd;
    size_t used = 0;
    long got = 0;
    while (used + 1 < size && (got = rsd_sys_read(fd, out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    rsd_sys_close(fd);
    out[used] = '\0';
    return got < 0 ? got : (long)used;
}

bool rsd_sys_file_may_grow(uint64_t size) {
    struct rlimit limit;
    return RSD_SYSCALL(prlimit64, 0, RLIMIT_FSIZE, 0, &limit, 0, 0) < 0 || size <= limit.rlim_cur;
}
