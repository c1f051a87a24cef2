/*
 * The dump: one line a record, for eyes, grep and golden files. Nothing is interpreted: no pairing, no names; numbers
 * as they stand in the trace. The form is documented in `residue help dump` and stable.
 *
 * NODE records have no time: each writer's come first, in the order of their ids. All others follow in the order of the
 * merge, the one that the analysis uses.
 */
#include "dump.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "merge.h"
#include "tagged.h"
#include "text.h"

static const char *api_name(enum residue_api api) {
    static const char *const name[] = {
        [RESIDUE_API_MALLOC] = "malloc",
        [RESIDUE_API_CALLOC] = "calloc",
        [RESIDUE_API_REALLOC] = "realloc",
        [RESIDUE_API_REALLOCARRAY] = "reallocarray",
        [RESIDUE_API_POSIX_MEMALIGN] = "posix_memalign",
        [RESIDUE_API_ALIGNED_ALLOC] = "aligned_alloc",
        [RESIDUE_API_MEMALIGN] = "memalign",
        [RESIDUE_API_VALLOC] = "valloc",
        [RESIDUE_API_PVALLOC] = "pvalloc",
        [RESIDUE_API_FREE] = "free",
        [RESIDUE_API_CFREE] = "cfree",
        [RESIDUE_API_FREE_SIZED] = "free_sized",
        [RESIDUE_API_FREE_ALIGNED_SIZED] = "free_aligned_sized",
        [RESIDUE_API_MMAP] = "mmap",
        [RESIDUE_API_MUNMAP] = "munmap",
        [RESIDUE_API_MREMAP] = "mremap",
        [RESIDUE_API_MPROTECT] = "mprotect",
        [RESIDUE_API_MADVISE] = "madvise",
        [RESIDUE_API_BRK] = "brk",
        [RESIDUE_API_SBRK] = "sbrk",
    };
    size_t number = (size_t)api;
    return number < sizeof name / sizeof *name && name[number] ? name[number] : "?";
}

/* ---- Records of fixed size --------------------------------------------------------------------------------------- */

static void print_alloc(FILE *out, const uint8_t *record) {
    struct residue_alloc r;
    memcpy(&r, record, sizeof r);
    fprintf(out, "alloc %s 0x%" PRIx64 " %u node=%u", api_name(residue_where_api(r.where)),
            residue_where_address(r.where), r.size, r.node);
}

static void print_free(FILE *out, const uint8_t *record) {
    struct residue_free r;
    memcpy(&r, record, sizeof r);
    fprintf(out, "free %s 0x%" PRIx64, api_name(residue_where_api(r.where)), residue_where_address(r.where));
}

static void print_large(FILE *out, const uint8_t *record) {
    struct residue_large r;
    memcpy(&r, record, sizeof r);
    fprintf(out, "large %s 0x%" PRIx64 " %" PRIu64 " node=%u detail=0x%x", api_name(residue_where_api(r.where)),
            residue_where_address(r.where), r.size, r.node, r.detail);
}

static void print_node(FILE *out, const uint8_t *record, uint64_t id) {
    static const char *const kind[] = {"end", "native", "jit", "js", "unknown", "origin"};
    static const char *const source[] = {"none", "cfi", "fp", "code", "scan", "libunwind"};
    struct residue_node r;
    memcpy(&r, record, sizeof r);
    fprintf(out, "node %" PRIu64 " parent=%u %s %s pc=0x%" PRIx64 " owner=%u flags=%u", id, r.parent,
            r.kind < 6 ? kind[r.kind] : "?", r.source < 6 ? source[r.source] : "?", r.pc, r.owner, r.flags);
}

/* ---- Tagged records ---------------------------------------------------------------------------------------------- */

static void print_slice(FILE *out, const char *label, struct rsd_slice slice) {
    fprintf(out, " %s=\"", label);
    rsd_print_escaped(out, slice.bytes, slice.size);
    fputc('"', out);
}

static void print_hex(FILE *out, const char *label, struct rsd_slice slice) {
    fprintf(out, " %s=", label);
    for (size_t i = 0; i < slice.size; i++)
        fprintf(out, "%02x", (unsigned char)slice.bytes[i]);
}

static void print_thread(FILE *out, const struct residue_thread *t) {
    fprintf(out, " tid=%u serial=%u creator=w%u/%u", t->tid, t->serial, t->creator_writer, t->creator_node);
    print_slice(out, "name", (struct rsd_slice){t->name, strnlen(t->name, sizeof t->name)});
}

static void print_body(FILE *out, const struct rsd_tagged *r) {
    switch (r->tag) {
    case RESIDUE_TAG_THREAD:
        print_thread(out, &r->thread);
        break;
    case RESIDUE_TAG_MODULE:
        fprintf(out, " id=%u start=0x%" PRIx64 " end=0x%" PRIx64 " bias=0x%" PRIx64, r->module.id, r->module.start,
                r->module.end, r->module.bias);
        print_hex(out, "build-id", r->first);
        print_slice(out, "path", r->second);
        break;
    case RESIDUE_TAG_MODULE_GONE:
        fprintf(out, " id=%u", r->module_gone.id);
        break;
    case RESIDUE_TAG_BARRIER:
        fprintf(out, " reason=%u", r->barrier.reason);
        print_slice(out, "name", r->first);
        break;
    case RESIDUE_TAG_MEMORY:
        fprintf(out, " virtual=%" PRIu64 " rss=%" PRIu64 " shared=%" PRIu64 " cpu=%" PRIu64, r->memory.virtual_bytes,
                r->memory.rss_bytes, r->memory.shared_bytes, r->memory.cpu_ns);
        break;
    case RESIDUE_TAG_CLOCK:
        fprintf(out, " monotonic=%" PRIu64 " realtime=%" PRIu64, r->clock.monotonic_ns, r->clock.realtime_ns);
        break;
    case RESIDUE_TAG_MAPPING:
        fprintf(out,
                " start=0x%" PRIx64 " end=0x%" PRIx64 " rss=%" PRIu64 " dirty=%" PRIu64 " anonymous=%" PRIu64
                " prot=0x%x",
                r->mapping.start, r->mapping.end, r->mapping.rss_bytes, r->mapping.dirty_bytes,
                r->mapping.anonymous_bytes, r->mapping.prot);
        print_slice(out, "name", r->first);
        break;
    case RESIDUE_TAG_COUNTS:
        fprintf(out, " writer=%u node=%u calls=%" PRIu64 " bytes=%" PRIu64 " temporaries=%" PRIu64, r->counts.writer,
                r->counts.node, r->counts.calls, r->counts.bytes, r->counts.temporaries);
        break;
    case RESIDUE_TAG_LATE:
        fprintf(out, " when=%" PRIu64 " writer=%u node=%u blocks=%" PRIu64 " bytes=%" PRIu64, r->late.when,
                r->late.writer, r->late.node, r->late.blocks, r->late.bytes);
        break;
    case RESIDUE_TAG_COMPACTED:
        fprintf(out, " before=%" PRIu64 " records=%" PRIu64, r->compacted.before, r->compacted.records);
        break;
    case RESIDUE_TAG_SAMPLING:
        fprintf(out, " rate=%" PRIu64, r->sampling.rate);
        break;
    case RESIDUE_TAG_JS_FUNCTION:
        fprintf(out, " id=%u line=%u column=%u flags=%u", r->js_function.id, r->js_function.line, r->js_function.column,
                r->js_function.flags);
        print_slice(out, "name", r->first);
        print_slice(out, "file", r->second);
        break;
    case RESIDUE_TAG_CODE:
        fprintf(out, " id=%u start=0x%" PRIx64 " size=%u", r->code.id, r->code.start, r->code.code_size);
        print_slice(out, "name", r->first);
        break;
    case RESIDUE_TAG_STOP:
        fprintf(out, " errno=%u", r->stop.error);
        print_slice(out, "text", r->first);
        break;
    case RESIDUE_TAG_RUNTIME:
        print_slice(out, "name", r->first);
        print_slice(out, "version", r->second);
        break;
    case RESIDUE_TAG_END:
        break;
    }
}

static void print_tagged(FILE *out, const struct rsd_cursor *cursor) {
    struct rsd_tagged r;
    size_t size = rsd_record_at(RESIDUE_OTHER, cursor->record, cursor->end);
    if (rsd_tagged_parse(&r, cursor->record, size) == RSD_TAGGED_OK) {
        fputs(rsd_tag_name(r.tag), out);
        print_body(out, &r);
    } else {
        fprintf(out, "tag-%u size=%zu", r.head.tag, size);
    }
}

/* ---- All of them ------------------------------------------------------------------------------------------------- */

static void dump_nodes(struct rsd_writer *writer, struct rsd_source *source, FILE *out) {
    struct rsd_cursor cursor;
    uint64_t id = 1;
    bool more = rsd_cursor_open(&cursor, writer, RESIDUE_NODE, source);
    while (more) {
        if (!rsd_cursor_load(&cursor)) {
            more = cursor.time != UINT64_MAX;
            continue;
        }
        if (cursor.frame && cursor.record == cursor.rows)
            id = cursor.frame->first;
        fprintf(out, "- w%u ", writer->number);
        print_node(out, cursor.record, id++);
        fputc('\n', out);
        more = rsd_cursor_next(&cursor);
    }
    rsd_cursor_close(&cursor);
}

static void print_record(FILE *out, const struct rsd_cursor *cursor) {
    fprintf(out, "%" PRIu64 " w%u ", cursor->time, cursor->writer->number);
    if (cursor->kind == RESIDUE_ALLOC)
        print_alloc(out, cursor->record);
    else if (cursor->kind == RESIDUE_FREE)
        print_free(out, cursor->record);
    else if (cursor->kind == RESIDUE_LARGE)
        print_large(out, cursor->record);
    else
        print_tagged(out, cursor);
    fputs(cursor->place == RSD_IN_RING ? " ring\n" : "\n", out);
}

void rsd_dump(struct rsd_trace *trace, struct rsd_source *source, const struct rsd_dump_options *options, FILE *out) {
    for (size_t i = 0; i < trace->writer_count; i++)
        if (options->kinds & 1u << RESIDUE_NODE &&
            (!options->has_writer || trace->writers[i].number == options->writer))
            dump_nodes(&trace->writers[i], source, out);
    struct rsd_merge merge;
    rsd_merge_open(&merge, trace, source, options->kinds & ~(1u << RESIDUE_NODE));
    for (struct rsd_stream *stream; (stream = rsd_merge_top(&merge)); rsd_merge_next(&merge))
        if (!options->has_writer || stream->cursor.writer->number == options->writer)
            print_record(out, &stream->cursor);
    rsd_merge_close(&merge);
}
