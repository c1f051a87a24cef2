/*
 * Hints: what is often behind a call site that looks like this one. Each says what was seen that led to it, and is a guess
 * to be checked, never part of the verdict.
 *
 * Most are told by a function on the stack. The table goes from what is special to what is common, for a Buffer's pool, say,
 * is an ArrayBuffer's memory too; the first entry that is there is the one that is told, wherever on the stack it stands.
 * Others are told by figures: blocks of one size, as many more at each mark, each call leaving its block behind.
 *
 * tests/hints.test.js has a worker for each pattern.
 */
#include "judge/hints.h"

#include <string.h>

#include "memory.h"
#include "text.h"

#define FEW_BLOCKS 8      /* fewer of one size, or fewer calls, say nothing */
#define FEW_MARKS 3       /* fewer are no rhythm */
#define EVEN 0.1          /* how much the steps from mark to mark may differ, of the largest */
#define ALL_OF_CALLS 0.98 /* of the calls in the window: their blocks are still there */

/* V8 makes no collection on their account for less: kExternalAllocationSoftLimit in its heap.h. */
#define KEPT_BUFFERS                                                                                                   \
    "JavaScript still refers to them, or V8 has not collected them yet: for less than 64 MiB of them it may wait "     \
    "long. What falls after gc() (node --expose-gc) is no leak."

/* A function on the stack, and what it suggests. */
static const struct {
    const char *function; /* as it is contained */
    const char *file;     /* of JavaScript: as it begins; NULL: any */
    const char *hint;
} known[] = {
    {"createPool", "node:buffer",
     "pools of small Buffers are kept: a Buffer of a few bytes (Buffer.from, Buffer.allocUnsafe) keeps the whole "
     "pool that it was cut from. Copy what is to stay: Buffer.alloc, or Buffer.allocUnsafeSlow."},
    {"vips_cache_operation_build", NULL,
     "libvips may remember this operation in its cache. If sharp.cache(false) ends the growth it is that; "
     "sharp.cache({memory, items}) bounds it."},
    {"napi_create_reference", NULL,
     "references of an addon (napi_create_reference) are kept: is napi_delete_reference missing?"},
    {"napi_wrap", NULL, "objects that an addon wrapped (napi_wrap) are kept: does JavaScript still refer to them?"},
    {"napi_create_async_work", NULL, "work of an addon is kept: is napi_delete_async_work missing after completion?"},
    {"napi_create_threadsafe_function", NULL,
     "a threadsafe function is kept: is napi_release_threadsafe_function missing?"},
    {"deflateInit", NULL, "a compression stream is kept: one that is never ended, closed, or read to its end?"},
    {"inflateInit", NULL, "a decompression stream is kept: one that is never ended, closed, or read to its end?"},
    {"::ZlibContext", NULL, "a zlib stream is kept: one that is never ended, closed, or read to its end?"},
    {"::BrotliEncoder", NULL, "a Brotli stream is kept: one that is never ended, closed, or read to its end?"},
    {"::BrotliDecoder", NULL, "a Brotli stream is kept: one that is never ended, closed, or read to its end?"},
    {"::FSEventWrap::New", NULL,
     "watchers of files, with their listeners, are kept: is close() missing on what fs.watch returned?"},
    {"node::worker::MessageChannel", NULL, "message ports, with their listeners, are kept: is close() missing?"},
    {"::TCPWrap::New", NULL, "sockets, with their listeners, are kept: connections that are never closed?"},
    {"node::crypto::SecureContext", NULL,
     "TLS contexts are kept: is one created per request, or an agent per request?"},
    {"SSL_new", NULL, "TLS connections are kept: sockets that are never closed?"},
    {"uv_fs_", NULL, "requests on files are kept: are they never cleaned up?"},
    {"internal::GlobalHandles", NULL,
     "handles by which native code holds JavaScript objects become more: references, wrapped objects or listeners "
     "of an addon that are never given up?"},
    {"v8::internal::BackingStore", NULL, "memory of ArrayBuffers and Buffers is kept: " KEPT_BUFFERS},
    {"NodeArrayBufferAllocator", NULL, "memory of ArrayBuffers and Buffers is kept: " KEPT_BUFFERS},
};

/* Is it this function, and in this file? */
static bool is_known(const struct rsd_named *frame, size_t entry) {
    const char *file = known[entry].file;
    return frame->function && strstr(frame->function, known[entry].function) &&
           (!file || (frame->file && strncmp(frame->file, file, strlen(file)) == 0));
}

/* The frame of a stack that a table's entry means; NULL: none. */
static const struct rsd_named *find(uint32_t stack, size_t entry, struct rsd_names *names,
                                    const struct rsd_stacks *stacks) {
    for (; stack; stack = stacks->nodes[stack].parent) {
        size_t count;
        const struct rsd_named *frames = rsd_names_frames(names, stack, &count);
        for (size_t i = 0; i < count; i++)
            if (is_known(&frames[i], entry))
                return &frames[i];
    }
    return NULL;
}

static char *by_stack(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct rsd_named *frame = find(group->site.stack, i, names, stacks);
        if (frame)
            return rsd_format("seen: %.60s on the stack; %s", frame->function, known[i].hint);
    }
    return NULL;
}

static char *by_size(const struct rsd_group *group) {
    if (group->size_count != 1 || group->sizes[0].blocks < FEW_BLOCKS)
        return NULL;
    return rsd_format("seen: %s blocks, each of %s B: one kind of object, made and not freed.",
                      rsd_count(group->sizes[0].blocks).text, rsd_count(group->sizes[0].bytes).text);
}

/* In step with the work that marks count. */
static char *by_marks(const struct rsd_group *group) {
    const struct rsd_steps *steps = &group->steps;
    if (steps->count < FEW_MARKS || steps->most < FEW_BLOCKS ||
        (double)(steps->most - steps->least) > EVEN * (double)steps->most)
        return NULL;
    return rsd_format("seen: %s%s%s blocks more at each of %zu marks: in step with the work that is done between them.",
                      rsd_count(steps->least).text, steps->most > steps->least ? " to " : "",
                      steps->most > steps->least ? rsd_count(steps->most).text : "", steps->count);
}

/* Each call leaves its block; and if it is made for an HTTP request, each such request. */
static char *by_calls(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks) {
    uint64_t calls = group->site.now.calls - group->site.start.calls;
    uint64_t kept = group->site.now.live_blocks - group->site.start.live_blocks;
    if (calls < FEW_BLOCKS || kept > calls || (double)kept < ALL_OF_CALLS * (double)calls)
        return NULL;
    bool request = false;
    for (uint32_t node = group->site.stack; node && !request; node = stacks->nodes[node].parent) {
        size_t count;
        const struct rsd_named *frame = rsd_names_frames(names, node, &count);
        request = frame->function && frame->file && strcmp(frame->function, "parserOnIncoming") == 0 &&
                  strncmp(frame->file, "node:_http_server", 17) == 0;
    }
    return rsd_format("seen: %s of %s calls in the window left a block behind%s.",
                      kept == calls ? "each" : rsd_count(kept).text, rsd_count(calls).text,
                      request ? ", each while an HTTP request was answered: it grows in step with requests" : "");
}

bool rsd_deserves_hints(const struct rsd_group *group) {
    switch (group->trend.verdict) {
    case RSD_VERDICT_LEAK:
    case RSD_VERDICT_PLATEAU:
    case RSD_VERDICT_UNCLEAR:
    case RSD_VERDICT_SHORT:
        return rsd_site_growth(&group->site) > 0;
    default:
        return false;
    }
}

char *rsd_hint(const struct rsd_group *group, struct rsd_names *names, const struct rsd_stacks *stacks, size_t number) {
    char *list[] = {by_marks(group), by_calls(group, names, stacks), by_size(group), by_stack(group, names, stacks)};
    char *wanted = NULL;
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i] && number-- == 0)
            wanted = list[i];
        else
            free(list[i]);
    return wanted;
}
