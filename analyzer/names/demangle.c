/*
 * Demangling by libiberty: C++ (_Z...) and Rust (both manglings, the hash at the end left out). Parameters are left out
 * too: in a stack that is read by people the name is what they search for, and overloads are told apart by the line.
 * The version of a symbol (malloc@@GLIBC_2.2.5) is cut off.
 */
#include "names/demangle.h"

#include <libiberty/demangle.h>
#include <string.h>

#include "memory.h"

static size_t length_without_version(const char *name) {
    const char *at = strchr(name, '@');
    return at && at != name ? (size_t)(at - name) : strlen(name);
}

char *rsd_demangle(const char *name) {
    char *plain = rsd_strndup(name, length_without_version(name));
    if (plain[0] != '_')
        return plain;
    char *readable = cplus_demangle(plain, DMGL_AUTO);
    if (!readable)
        return plain;
    free(plain);
    return readable;
}
