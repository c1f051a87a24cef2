/*
 * What the recorder says, it says on the program's stderr, and only when it must: a line that begins with "residue: ".
 * A line is cut at 512 bytes. errno is left as it was, for hooks call this.
 */
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "sys.h"

void rsd_say(const char *format, ...) {
    int before = errno;
    char line[512] = "residue: ";
    size_t used = 9;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (length > 0)
        used += (size_t)length < sizeof line - used - 1 ? (size_t)length : sizeof line - used - 2;
    line[used++] = '\n';
    rsd_sys_say(line, used);
    errno = before;
}
