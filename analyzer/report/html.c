/*
 * The page: the bundle of web/, with the data of the reports put in.
 *
 * The data is JSON inside of a script element that is not run. Stacks are a trie of numbers, strings and frames are tables,
 * so that 20,000 call sites are some megabytes. `<` is written as \u003c: no string of a trace can end the element; and the
 * page puts strings into the document as text only.
 *
 * The page shows the SITES_MOST call sites that rank first; what it leaves out is counted.
 */
#include "report/html.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "memory.h"
#include "report/judgement.h"
#include "report/stack.h"
#include "residue/version.h"
#include "text.h"

#define SITES_MOST 20000
#define DIFFERENCES_MOST 2000

/* The bundle, as scripts of web/ made it. */
__asm__(".section .rodata\n"
        "rsd_page_start:\n"
        ".incbin \"page.html\"\n"
        "rsd_page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char rsd_page_start[], rsd_page_end[];

struct page {
    struct rsd_report *report;
    FILE *out;
    struct rsd_intern strings, frames, nodes; /* nodes: (parent, frame) */
};

/* ---- JSON --------------------------------------------------------------------------------------------------------- */

static void put_string(FILE *out, const char *text) {
    char *valid = rsd_utf8(text, strlen(text));
    json_t *value = json_string(valid);
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    for (const char *at = quoted; *at; at++)
        if (*at == '<')
            fputs("\\u003c", out);
        else
            fputc(*at, out);
    free(quoted);
    json_decref(value);
    free(valid);
}

static void put_key(FILE *out, const char *key, const char *text) {
    fprintf(out, ",\"%s\":", key);
    put_string(out, text);
}

/* ---- Stacks ------------------------------------------------------------------------------------------------------- */

static uint32_t string_of(struct page *p, const char *text) {
    return rsd_intern(&p->strings, text, strlen(text));
}

static uint32_t frame_of(struct page *p, const struct rsd_walk *walk, const struct rsd_named *frame) {
    char *name = walk->run ? rsd_strdup(walk->builtins == walk->run ? "[V8's builtins]" : "[JavaScript]")
                 : frame->kind == RSD_FRAME_SEAM ? rsd_format("[%s]", frame->function)
                                                 : rsd_frame_name(frame);
    char *place = walk->run || frame->kind == RSD_FRAME_SEAM ? rsd_strdup("")
                  : frame->file && frame->line               ? rsd_format("%s:%d", frame->file, frame->line)
                  : frame->module && frame->function         ? rsd_format("%s+0x%" PRIx64, frame->module, frame->offset)
                                                             : rsd_strdup("");
    bool is_node =
        walk->run || frame->kind == RSD_FRAME_BUILTIN || (frame->file && strncmp(frame->file, "node:", 5) == 0) ||
        (frame->function && (strncmp(frame->function, "v8::", 4) == 0 || strncmp(frame->function, "node::", 6) == 0));
    uint32_t key[4] = {string_of(p, name), string_of(p, place),
                       frame->kind == RSD_FRAME_SEAM ? RSD_FRAME_SEAM
                       : is_node                     ? RSD_FRAME_BUILTIN
                                                     : frame->kind,
                       string_of(p, !walk->run && frame->package ? frame->package : "")};
    free(name);
    free(place);
    return rsd_intern(&p->frames, key, sizeof key);
}

/* The node of a stack; -1 for none. */
static int64_t node_of(struct page *p, uint32_t stack) {
    uint32_t *frames = NULL;
    size_t count = 0, capacity = 0;
    int64_t node = -1;
    struct rsd_walk walk;
    rsd_walk_begin(&walk, p->report, stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        RSD_ROOM(frames, count, capacity);
        frames[count++] = frame_of(p, &walk, frame);
    }
    while (count) {
        int64_t key[2] = {node, frames[--count]};
        node = rsd_intern(&p->nodes, key, sizeof key);
    }
    free(frames);
    return node;
}

/* ---- Parts -------------------------------------------------------------------------------------------------------- */

static void put_process(struct page *p) {
    const struct rsd_analysis *a = p->report->analysis;
    const struct rsd_meta *meta = &a->trace.meta;
    char *program = rsd_command_line(meta);
    char *process = rsd_format("pid %" PRId64 "%s%s, %s, malloc from %s", meta->pid, a->history.node ? ", node " : "",
                               a->history.node ? a->history.node : "", meta->libc ? meta->libc : "unknown libc",
                               meta->allocator ? meta->allocator : "an unknown library");
    fprintf(p->out, "\"name\":");
    put_string(p->out, rsd_base_name(a->trace.path));
    put_key(p->out, "program", program);
    put_key(p->out, "process", process);
    free(program);
    free(process);
}

static void put_verdict(struct page *p) {
    char *headline = rsd_headline(p->report);
    fprintf(p->out, ",\"verdict\":{\"cause\":");
    put_string(p->out, rsd_cause_name(p->report->judgement.cause));
    put_key(p->out, "headline", headline);
    put_key(p->out, "advice", rsd_judgement_advice(&p->report->judgement));
    fprintf(p->out, "},\"window\":{\"from_s\":%.3f,\"to_s\":%.3f", p->report->analysis->window.from_s,
            p->report->analysis->window.to_s);
    char *estimates = rsd_estimates(p->report->analysis);
    char *why =
        rsd_format("%s%s%s", p->report->analysis->window.why, estimates ? "; " : "", estimates ? estimates : "");
    put_key(p->out, "why", why);
    free(estimates);
    free(why);
    fputc('}', p->out);
    free(headline);
}

static void put_timeline(struct page *p) {
    const struct rsd_analysis *a = p->report->analysis;
    static const char *const key[] = {"t", "rss", "live", "mapped"};
    fputs(",\"timeline\":{", p->out);
    for (int k = 0; k < 4; k++) {
        fprintf(p->out, "%s\"%s\":[", k ? "," : "", key[k]);
        for (size_t i = 0; i < a->point_count; i++) {
            const struct rsd_point *point = &a->timeline[i];
            uint64_t bytes = k == 1 ? point->rss_bytes : k == 2 ? point->live_bytes : point->mapped_bytes;
            if (k == 0)
                fprintf(p->out, "%s%.3f", i ? "," : "", rsd_history_seconds(&a->history, point->time));
            else
                fprintf(p->out, "%s%" PRIu64, i ? "," : "", bytes);
        }
        fputc(']', p->out);
    }
    fputc('}', p->out);
}

/* What malloc retains and V8 holds, where all mappings were sampled. */
static void put_curves(struct page *p) {
    const struct rsd_analysis *a = p->report->analysis;
    static const char *const key[] = {"t", "retained", "v8"};
    fputs(",\"curves\":{", p->out);
    for (int k = 0; k < 3; k++) {
        fprintf(p->out, "%s\"%s\":[", k ? "," : "", key[k]);
        for (size_t i = 0; i < a->ledger_count; i++) {
            const uint64_t *row = a->ledgers[i].row;
            if (k == 0)
                fprintf(p->out, "%s%.3f", i ? "," : "", rsd_history_seconds(&a->history, a->ledgers[i].time));
            else
                fprintf(p->out, "%s%" PRIu64, i ? "," : "",
                        k == 1 ? row[RSD_LEDGER_RETAINED] : row[RSD_LEDGER_V8] + row[RSD_LEDGER_V8_CODE]);
        }
        fputc(']', p->out);
    }
    fputc('}', p->out);
}

static void put_marks(struct page *p) {
    const struct rsd_history *history = &p->report->analysis->history;
    bool first = true;
    fputs(",\"marks\":[", p->out);
    for (size_t i = 0; i < history->barrier_count; i++) {
        if (history->barriers[i].reason != RESIDUE_BARRIER_MARK)
            continue;
        fprintf(p->out, "%s{\"t\":%.3f", first ? "" : ",", rsd_history_seconds(history, history->barriers[i].time));
        put_key(p->out, "name", history->barriers[i].name);
        fputc('}', p->out);
        first = false;
    }
    fputc(']', p->out);
}

static void put_row(struct page *p, const char *text, uint64_t start, uint64_t end, bool first) {
    fputs(first ? "[" : ",[", p->out);
    put_string(p->out, text);
    fprintf(p->out, ",%" PRIu64 ",%" PRIu64 "]", start, end);
}

static void put_ledger(struct page *p) {
    static const char *const text[] = {
#define X(name, key, text) text,
        RSD_LEDGER_ROWS(X)
#undef X
    };
    const struct rsd_analysis *a = p->report->analysis;
    const struct rsd_ledger *start = &a->ledger[0], *end = &a->ledger[1];
    bool first = true;
    if (!end->time) {
        fputs(",\"ledger\":null", p->out);
        return;
    }
    fprintf(p->out, ",\"ledger\":{\"start_s\":%.3f,\"end_s\":%.3f,\"rows\":[",
            rsd_history_seconds(&a->history, start->time), rsd_history_seconds(&a->history, end->time));
    for (int row = 0; row < RSD_LEDGER_COUNT; row++) {
        if (!start->row[row] && !end->row[row])
            continue;
        put_row(p, text[row], start->row[row], end->row[row], first);
        first = false;
    }
    put_row(p, "RSS", start->rss_bytes, end->rss_bytes, first);
    fputs("]}", p->out);
}

static void put_site(struct page *p, const struct rsd_group *group, bool first) {
    const struct rsd_sums *now = &group->site.now, *start = &group->site.start;
    fprintf(p->out,
            "%s{\"id\":\"%016" PRIx64 "\",\"node\":%" PRId64 ",\"growth\":%" PRId64 ",\"outstanding\":%" PRIu64
            ",\"blocks\":%" PRIu64 ",\"allocated\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"temporary\":%" PRIu64
            ",\"verdict\":\"%s\",\"rate\":%.0f,\"level\":",
            first ? "" : ",\n", group->id, node_of(p, group->site.stack), rsd_site_growth(&group->site),
            now->live_bytes, now->live_blocks, now->bytes - start->bytes, now->calls - start->calls,
            now->temporaries - start->temporaries, rsd_verdict_name(group->trend.verdict), group->trend.rate);
    if (!group->level) {
        fputs("null}", p->out);
        return;
    }
    for (int i = 0; i < RSD_LEVELS; i++)
        fprintf(p->out, "%s%.0f", i ? "," : "[", group->level[i]);
    fputs("]}", p->out);
}

static void put_sites(struct page *p) {
    const struct rsd_groups *groups = &p->report->heap;
    size_t count = groups->count < SITES_MOST ? groups->count : SITES_MOST;
    fputs(",\n\"sites\":[", p->out);
    for (size_t i = 0; i < count; i++)
        put_site(p, &groups->list[i], i == 0);
    fprintf(p->out, "],\"omitted\":%zu", groups->count - count);
}

static void put_tables(struct page *p) {
    fputs(",\n\"strings\":[", p->out);
    for (size_t i = 0; i < p->strings.count; i++) {
        fputs(i ? "," : "", p->out);
        put_string(p->out, p->strings.list[i].bytes);
    }
    fputs("],\"frames\":[", p->out);
    for (size_t i = 0; i < p->frames.count; i++) {
        uint32_t key[4];
        memcpy(key, p->frames.list[i].bytes, sizeof key);
        fprintf(p->out, "%s[%u,%u,%u,%u]", i ? "," : "", key[0], key[1], key[2], key[3]);
    }
    static const char *const part[] = {"parent", "frame"};
    fputs("],\"nodes\":{", p->out);
    for (int k = 0; k < 2; k++) {
        fprintf(p->out, "%s\"%s\":[", k ? "," : "", part[k]);
        for (size_t i = 0; i < p->nodes.count; i++) {
            int64_t key[2];
            memcpy(key, p->nodes.list[i].bytes, sizeof key);
            fprintf(p->out, "%s%" PRId64, i ? "," : "", key[k]);
        }
        fputc(']', p->out);
    }
    fputs("}", p->out);
}

/* ---- The whole ---------------------------------------------------------------------------------------------------- */

static void put_diff(struct page *pages, const struct rsd_match *diff, FILE *out) {
    size_t count = diff->count < DIFFERENCES_MOST ? diff->count : DIFFERENCES_MOST;
    char *verdict = rsd_diff_verdict(diff);
    fprintf(out, ",\n\"diff\":{\"matched\":%.4f,\"total\":[%.0f,%.0f],\"omitted\":%zu", diff->matched, diff->total[0],
            diff->total[1], diff->count - count);
    put_key(out, "verdict", verdict);
    free(verdict);
    fputs(",\"sites\":[", out);
    for (size_t i = 0; i < count; i++) {
        const struct rsd_row *row = &diff->list[i];
        int64_t node[2];
        for (int side = 0; side < 2; side++)
            node[side] = row->part[side].stack ? node_of(&pages[side], row->part[side].stack) : -1;
        fprintf(out, "%s{\"a\":%.0f,\"b\":%.0f,\"change\":\"%s\",\"a_node\":%" PRId64 ",\"b_node\":%" PRId64 "}",
                i ? ",\n" : "", row->part[0].value, row->part[1].value, rsd_diff_change(diff, row), node[0], node[1]);
    }
    fputs("]}", out);
}

/* The differences name nodes, so the tables of both traces come after them. */
static void put_data(struct rsd_report *const *reports, size_t count, const struct rsd_match *diff, FILE *out) {
    struct page pages[2] = {{.report = reports[0], .out = out}, {.report = reports[count - 1], .out = out}};
    char *differences = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&differences, &size);
    if (!memory)
        rsd_no_memory();
    if (diff)
        put_diff(pages, diff, memory);
    fclose(memory);
    fprintf(out, "{\"tool\":\"residue " RESIDUE_VERSION "\"%s,\n\"traces\":[", differences);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ",\n{" : "{", out);
        put_process(&pages[i]);
        put_verdict(&pages[i]);
        put_timeline(&pages[i]);
        put_curves(&pages[i]);
        put_marks(&pages[i]);
        put_ledger(&pages[i]);
        put_sites(&pages[i]);
        put_tables(&pages[i]);
        fputc('}', out);
        rsd_intern_free(&pages[i].strings);
        rsd_intern_free(&pages[i].frames);
        rsd_intern_free(&pages[i].nodes);
    }
    fputs("]}", out);
    free(differences);
}

void rsd_report_html(struct rsd_report *const *reports, size_t count, const struct rsd_match *diff, FILE *out) {
    static const char place[] = "@DATA@";
    const char *data = memmem(rsd_page_start, (size_t)(rsd_page_end - rsd_page_start), place, strlen(place));
    fwrite(rsd_page_start, 1, (size_t)(data - rsd_page_start), out);
    put_data(reports, count, diff, out);
    data += strlen(place);
    fwrite(data, 1, (size_t)(rsd_page_end - data), out);
}
