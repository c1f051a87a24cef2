/*
 * Tagged records.
 *
 * 5: "u16 tag, u16 size of the whole record, a multiple of 8, at least 16, u32 zero, u64 time. The body follows."
 *
 * A record may be longer than this reader knows (a later minor version) but not shorter. Strings lie behind the fixed
 * part and their sizes inside it, so both are checked against the size of the record here, once, and whoever uses a
 * record later needs no check.
 */
#include "tagged.h"

#include <string.h>

static const struct {
    const char *name;
    size_t fixed;
} known[] = {
    [RESIDUE_TAG_THREAD] = {"thread", sizeof(struct residue_thread)},
    [RESIDUE_TAG_MODULE] = {"module", sizeof(struct residue_module)},
    [RESIDUE_TAG_MODULE_GONE] = {"module-gone", sizeof(struct residue_module_gone)},
    [RESIDUE_TAG_BARRIER] = {"barrier", sizeof(struct residue_barrier)},
    [RESIDUE_TAG_MEMORY] = {"memory", sizeof(struct residue_memory)},
    [RESIDUE_TAG_CLOCK] = {"clock", sizeof(struct residue_clock)},
    [RESIDUE_TAG_MAPPING] = {"mapping", sizeof(struct residue_mapping)},
    [RESIDUE_TAG_COUNTS] = {"counts", sizeof(struct residue_counts)},
    [RESIDUE_TAG_JS_FUNCTION] = {"js-function", sizeof(struct residue_js_function)},
    [RESIDUE_TAG_CODE] = {"code", sizeof(struct residue_code)},
    [RESIDUE_TAG_STOP] = {"stop", sizeof(struct residue_stop)},
    [RESIDUE_TAG_END] = {"end", sizeof(struct residue_end_of_process)},
    [RESIDUE_TAG_SAMPLING] = {"sampling", sizeof(struct residue_sampling)},
    [RESIDUE_TAG_LATE] = {"late", sizeof(struct residue_late)},
    [RESIDUE_TAG_COMPACTED] = {"compacted", sizeof(struct residue_compacted)},
    [RESIDUE_TAG_RUNTIME] = {"runtime", sizeof(struct residue_runtime)},
};

const char *rsd_tag_name(unsigned tag) {
    return tag < sizeof known / sizeof *known ? known[tag].name : NULL;
}

/* How many bytes of strings the fixed part announces. */
static void announce(struct rsd_tagged *r) {
    switch (r->tag) {
    case RESIDUE_TAG_MODULE:
        r->first.size = r->module.build_id_size;
        r->second.size = r->module.path_size;
        break;
    case RESIDUE_TAG_JS_FUNCTION:
        r->first.size = r->js_function.name_size;
        r->second.size = r->js_function.file_size;
        break;
    case RESIDUE_TAG_BARRIER:
        r->first.size = r->barrier.name_size;
        break;
    case RESIDUE_TAG_MAPPING:
        r->first.size = r->mapping.name_size;
        break;
    case RESIDUE_TAG_CODE:
        r->first.size = r->code.name_size;
        break;
    case RESIDUE_TAG_STOP:
        r->first.size = r->stop.text_size;
        break;
    case RESIDUE_TAG_RUNTIME:
        r->first.size = r->runtime.name_size;
        r->second.size = r->runtime.version_size;
        break;
    case RESIDUE_TAG_THREAD:
    case RESIDUE_TAG_MODULE_GONE:
    case RESIDUE_TAG_MEMORY:
    case RESIDUE_TAG_CLOCK:
    case RESIDUE_TAG_COUNTS:
    case RESIDUE_TAG_END:
    case RESIDUE_TAG_SAMPLING:
    case RESIDUE_TAG_LATE:
    case RESIDUE_TAG_COMPACTED:
        break;
    }
}

enum rsd_tagged_result rsd_tagged_parse(struct rsd_tagged *r, const uint8_t *at, size_t size) {
    memset(r, 0, sizeof *r);
    memcpy(&r->head, at, sizeof r->head);
    r->time = r->head.time;
    if (!rsd_tag_name(r->head.tag))
        return r->head.tag & RESIDUE_TAG_OPTIONAL ? RSD_TAGGED_SKIP : RSD_TAGGED_UNKNOWN;
    r->tag = (enum residue_tag)r->head.tag;
    size_t fixed = known[r->tag].fixed;
    if (r->tag == RESIDUE_TAG_MEMORY && size >= RESIDUE_MEMORY_LEAST && size < fixed)
        fixed = size; /* "A record without it is one of 1.0" */
    if (size < fixed)
        return RSD_TAGGED_BAD;
    memcpy(&r->head, at, fixed);
    announce(r);
    if (r->first.size > size - fixed || r->second.size > size - fixed - r->first.size)
        return RSD_TAGGED_BAD;
    r->first.bytes = (const char *)at + fixed;
    r->second.bytes = r->first.bytes + r->first.size;
    return RSD_TAGGED_OK;
}
