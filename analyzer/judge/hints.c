/*
 * Hints: what is often behind a stack that looks like this one. Each says what was seen that led to it, and is a guess to
 * be checked, never part of the verdict.
 */
#include "judge/hints.h"

#include <string.h>

#include "memory.h"
#include "text.h"

#define FEW_BLOCKS 8 /* fewer of one size say nothing */

/* A function on the stack, and what it suggests. */
static const struct {
    const char *function; /* as its name begins, or as it is contained */
    const char *hint;
} known[] = {
    {"napi_create_reference",
     "references of an addon (napi_create_reference) are kept: is napi_delete_reference missing?"},
    {"napi_create_async_work", "work of an addon is kept: is napi_delete_async_work missing after completion?"},
    {"napi_create_threadsafe_function", "a threadsafe function is kept: is napi_release_threadsafe_function missing?"},
    {"deflateInit", "a zlib stream is kept: a compression stream that is never closed or never read to its end?"},
    {"inflateInit", "a zlib stream is kept: a decompression stream that is never closed or never read to its end?"},
    {"node::zlib", "a zlib stream is kept: a stream that is never closed or never read to its end?"},
    {"node::crypto::SecureContext", "TLS contexts are kept: is one created per request, or an agent per request?"},
    {"SSL_new", "TLS connections are kept: sockets that are never closed?"},
    {"v8::internal::BackingStore", "memory of ArrayBuffers and Buffers is kept: JavaScript still refers to them."},
    {"NodeArrayBufferAllocator", "memory of ArrayBuffers and Buffers is kept: JavaScript still refers to them."},
    {"uv_fs_", "requests on files are kept: are they never cleaned up?"},
};

static const char *by_function(const char *function) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(function, known[i].function))
            return known[i].hint;
    return NULL;
}

static char *by_stack(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks) {
    for (uint32_t node = group->site.stack; node; node = stacks->nodes[node].parent) {
        size_t count;
        const struct rsd_named *frames = rsd_names_frames(names, node, &count);
        for (size_t i = 0; i < count; i++) {
            const char *hint = frames[i].function ? by_function(frames[i].function) : NULL;
            if (hint)
                return rsd_format("seen: %.60s on the stack; %s", frames[i].function, hint);
        }
    }
    return NULL;
}

static char *by_size(const struct rsd_group *group) {
    if (group->size_count != 1 || group->sizes[0].blocks < FEW_BLOCKS)
        return NULL;
    return rsd_format("seen: %s blocks, each of %s B: one kind of object, made and not freed.",
                      rsd_count(group->sizes[0].blocks).text, rsd_count(group->sizes[0].bytes).text);
}

char *rsd_hint(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks, size_t number) {
    char *list[2] = {by_stack(group, names, stacks), by_size(group)};
    char *wanted = NULL;
    for (size_t i = 0; i < 2; i++)
        if (list[i] && number-- == 0)
            wanted = list[i];
        else
            free(list[i]);
    return wanted;
}
