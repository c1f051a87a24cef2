/*
 * FORMAT.md against the analyzer: every block marked `hex NAME` in the document is read from there and must be what the
 * text above it says.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "residue/format.h"
#include "residue/planes.h"
#include "residue/sums.h"
#include "residue/trie.h"
#include "tagged.h"
#include "trace_writer.h"

#define DOCUMENT SOURCE_DIR "/include/residue/FORMAT.md"

/* The bytes of the block `name`, into `bytes`; returns how many. */
static size_t vector(const char *name, uint8_t *bytes, size_t most) {
    FILE *file = fopen(DOCUMENT, "r");
    cr_assert(file, "cannot read %s", DOCUMENT);
    char line[1024], opening[64];
    size_t count = 0;
    bool inside = false;
    snprintf(opening, sizeof opening, "```hex %s\n", name);
    while (fgets(line, sizeof line, file)) {
        if (inside && strncmp(line, "```", 3) == 0)
            break;
        unsigned byte;
        for (char *at = line; inside && sscanf(at, " %2x", &byte) == 1; count++) {
            cr_assert_lt(count, most);
            bytes[count] = (uint8_t)byte;
            at += strspn(at, " ");
            at += 2;
        }
        inside |= strcmp(line, opening) == 0;
    }
    fclose(file);
    cr_assert(inside, "FORMAT.md has no block \"hex %s\"", name);
    return count;
}

Test(format, file_header_is_that_of_writer_3_of_process_4711) {
    struct residue_file_header h;
    cr_assert_eq(vector("file-header", (uint8_t *)&h, sizeof h), sizeof h);
    cr_assert_eq(h.skip_magic, RESIDUE_SKIP_FILE);
    cr_assert_eq(h.skip_size, 56u);
    cr_assert_str_eq(h.magic, RESIDUE_FILE_MAGIC);
    cr_assert_eq(h.major, RESIDUE_FORMAT_MAJOR);
    cr_assert_eq(h.writer, 3u);
    cr_assert_eq(h.pid, 4711u);
    cr_assert_eq(h.trace_id, 0x1122334455667788u);
}

Test(format, barrier_is_the_stop_of_a_process_that_started_with_recording_off) {
    uint8_t bytes[64];
    struct rsd_tagged r;
    size_t size = vector("barrier-off", bytes, sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, size), RSD_TAGGED_OK);
    cr_assert_eq(r.tag, RESIDUE_TAG_BARRIER);
    cr_assert_eq(r.time, 64u);
    cr_assert_eq(r.barrier.reason, RESIDUE_BARRIER_STOP);
    cr_assert_eq(r.first.size, strlen("RESIDUE_START=off"));
    cr_assert_arr_eq(r.first.bytes, "RESIDUE_START=off", r.first.size);
}

Test(format, a_memory_sample_of_version_1_0_has_no_processor_time_and_is_read) {
    struct residue_memory old = {
        .head = {.tag = RESIDUE_TAG_MEMORY, .size = RESIDUE_MEMORY_LEAST, .time = 7}, .rss_bytes = 4096, .cpu_ns = 99};
    struct rsd_tagged r;
    cr_assert_eq(rsd_tagged_parse(&r, (const uint8_t *)&old, RESIDUE_MEMORY_LEAST), RSD_TAGGED_OK);
    cr_assert_eq(r.memory.rss_bytes, 4096u);
    cr_assert_eq(r.memory.cpu_ns, 0u, "what lies behind the record is not its own");
    cr_assert_eq(rsd_tagged_parse(&r, (const uint8_t *)&old, sizeof old), RSD_TAGGED_OK);
    cr_assert_eq(r.memory.cpu_ns, 99u);
    cr_assert_eq(rsd_tagged_parse(&r, (const uint8_t *)&old, RESIDUE_MEMORY_LEAST - 8), RSD_TAGGED_BAD);
}

Test(format, frame_header_is_believed_and_no_byte_of_it_can_change) {
    struct residue_frame_header h;
    cr_assert_eq(vector("frame-header", (uint8_t *)&h, sizeof h), sizeof h);
    cr_assert_null(rsd_frame_check(&h), "%s", rsd_frame_check(&h));
    cr_assert_eq(h.kind, RESIDUE_ALLOC);
    cr_assert_eq(h.sequence, 1u);
    cr_assert_eq(h.records, 2u);
    cr_assert_eq(h.first, 1000u);
    cr_assert_eq(h.last, 1010u);
    for (size_t bit = 0; bit < sizeof h * 8; bit++) {
        ((uint8_t *)&h)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        cr_assert_not_null(rsd_frame_check(&h), "bit %zu flipped, and still believed", bit);
        ((uint8_t *)&h)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

Test(format, planes_are_the_same_two_records_as_rows) {
    uint8_t rows[48], planes[48], result[48];
    cr_assert_eq(vector("rows", rows, sizeof rows), sizeof rows);
    cr_assert_eq(vector("planes", planes, sizeof planes), sizeof planes);
    rsd_planes_to_rows(planes, result, sizeof(struct residue_alloc), 2);
    cr_assert_arr_eq(result, rows, sizeof rows);
}

Test(format, fields_are_the_same_two_records_as_rows) {
    uint8_t rows[48], fields[48], result[48];
    cr_assert_eq(vector("rows", rows, sizeof rows), sizeof rows);
    cr_assert_eq(vector("fields", fields, sizeof fields), sizeof fields);
    rsd_fields_to_rows(fields, result, RESIDUE_ALLOC, 2);
    cr_assert_arr_eq(result, rows, sizeof rows);
    residue_to_fields(result, rows, 2, sizeof(struct residue_alloc), RESIDUE_ALLOC);
    cr_assert_arr_eq(result, fields, sizeof fields);
}

static void make_noise(uint8_t *bytes, size_t size) {
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[i] = (uint8_t)state;
    }
}

Test(format, fields_of_any_records_give_these_records_back) {
    enum { RECORDS = 1001 };
    static uint8_t rows[RECORDS * sizeof(struct residue_large)], fields[sizeof rows], result[sizeof rows];
    make_noise(rows, sizeof rows);
    for (int kind = RESIDUE_ALLOC; kind <= RESIDUE_LARGE; kind++) {
        size_t size = rsd_record_size((enum residue_kind)kind);
        residue_to_fields(fields, rows, RECORDS, (uint32_t)size, (enum residue_kind)kind);
        rsd_fields_to_rows(fields, result, (enum residue_kind)kind, RECORDS);
        cr_assert_arr_eq(result, rows, RECORDS * size);
    }
}

Test(format, kin_are_the_same_five_nodes_as_rows) {
    uint8_t rows[120], kin[120], result[120];
    cr_assert_eq(vector("kin-rows", rows, sizeof rows), sizeof rows);
    cr_assert_eq(vector("kin", kin, sizeof kin), sizeof kin);
    rsd_kin_to_rows(kin, result, 5, 1);
    cr_assert_arr_eq(result, rows, sizeof rows);
}

Test(format, trie_is_the_same_seven_nodes_as_rows) {
    uint8_t rows[168], trie[168], result[168];
    static struct residue_trie_state state;
    size_t size = vector("trie", trie, sizeof trie);
    cr_assert_eq(vector("trie-rows", rows, sizeof rows), sizeof rows);
    cr_assert(rsd_trie_to_rows(trie, size, result, 7, 1));
    cr_assert_arr_eq(result, rows, sizeof rows);
    cr_assert_eq(residue_to_trie(result, rows, 7, 1, &state), size);
    cr_assert_arr_eq(result, trie, size);
    cr_expect_not(rsd_trie_to_rows(trie, size - 1, result, 7, 1));
    cr_expect_not(rsd_trie_to_rows(trie, size, result, 6, 1));
}

/* Few callers, whose parents are near, far, or before the frame; the other time there is no sense in them. */
static void make_nodes(struct residue_node *nodes, uint32_t count, uint32_t first, bool noise) {
    make_noise((uint8_t *)nodes, count * sizeof *nodes);
    for (uint32_t i = 0; i < count; i++) {
        struct residue_node random = nodes[i];
        nodes[i].zero = 0;
        if (noise)
            continue;
        uint32_t back = random.parent % 8 ? random.parent % 4 : random.owner % 2000;
        nodes[i] = (struct residue_node){.pc = random.pc % 16 << random.pc % 40,
                                         .parent = first + i - 1 - back,
                                         .owner = random.flags % 3,
                                         .kind = random.kind % 6,
                                         .source = random.source % 2};
    }
}

Test(format, trie_of_any_nodes_gives_these_nodes_back) {
    enum { NODES = 5000, FIRST = 3000 };
    static struct residue_node rows[NODES], result[NODES];
    static uint8_t trie[sizeof rows];
    for (int noise = 0; noise < 2; noise++) {
        static struct residue_trie_state state;
        memset(&state, 0, sizeof state);
        make_nodes(rows, NODES, FIRST, noise);
        size_t size = residue_to_trie(trie, (uint8_t *)rows, NODES, FIRST, &state);
        cr_assert_leq(size, sizeof rows);
        cr_assert(rsd_trie_to_rows(trie, size, (uint8_t *)result, NODES, FIRST));
        cr_assert_arr_eq(result, rows, sizeof rows);
    }
}

Test(format, a_trie_that_leads_out_of_its_frame_is_none) {
    struct residue_node nodes[2];
    uint8_t far_up[] = {0, 2, 2, 2, [4 + 31] = 0}, forward[] = {0, 0, 2, 1, 0, 0, [6 + 15] = 0};
    cr_expect_not(rsd_trie_to_rows(far_up, sizeof far_up, (uint8_t *)nodes, 2, 1), "two steps up of one");
    far_up[1] = 1;
    cr_expect(rsd_trie_to_rows(far_up, sizeof far_up, (uint8_t *)nodes, 2, 1));
    cr_expect_not(rsd_trie_to_rows(forward, sizeof forward, (uint8_t *)nodes, 2, 1), "like itself");
    forward[4] = 2;
    cr_expect_not(rsd_trie_to_rows(forward, sizeof forward, (uint8_t *)nodes, 2, 1), "like one before the frame");
    forward[4] = 1;
    cr_expect(rsd_trie_to_rows(forward, sizeof forward, (uint8_t *)nodes, 2, 1));
    forward[2] = 0;
    cr_expect_not(rsd_trie_to_rows(forward, sizeof forward, (uint8_t *)nodes, 2, 1), "nothing was foretold");
}

Test(format, sums_are_the_same_four_records_as_rows) {
    uint8_t rows[176], sums[176], result[176];
    size_t size = vector("sums", sums, sizeof sums);
    cr_assert_eq(vector("sums-rows", rows, sizeof rows), sizeof rows);
    cr_assert(rsd_sums_to_rows(sums, size, result, sizeof result));
    cr_assert_arr_eq(result, rows, sizeof rows);
    cr_assert_eq(residue_to_sums(result, rows, sizeof rows), size);
    cr_assert_arr_eq(result, sums, size);
    cr_expect_not(rsd_sums_to_rows(sums, size - 1, result, sizeof result));
    cr_expect_not(rsd_sums_to_rows(sums, size, result, sizeof result - 8));
    sums[64] = RESIDUE_TAG_STOP;
    cr_expect_not(rsd_sums_to_rows(sums, size, result, sizeof result), "there are no runs of this tag");
}

/* Records as any process may write them, such as fit in no run among them. */
Test(format, sums_of_any_records_give_these_records_back) {
    enum { RECORDS = 1000 };
    static struct residue_counts rows[RECORDS], result[RECORDS];
    static uint8_t sums[sizeof rows];
    for (unsigned odd = 1; odd <= 64; odd *= 2) { /* one of so many has something of its own */
        for (uint32_t i = 0; i < RECORDS; i++) {
            uint32_t random = i * 2654435761u >> 8, which = i % odd ? 99 : random % 8;
            struct residue_tagged head = {.tag = RESIDUE_TAG_COUNTS, .size = sizeof *rows, .time = 1000};
            rows[i] = (struct residue_counts){head, i, 1, random, (uint64_t)random * 40 + i % 7, random};
            if (which < 4)
                rows[i].head.tag = which < 2 ? RESIDUE_TAG_LATE : RESIDUE_TAG_BARRIER;
            rows[i].temporaries -= which == 4;
            rows[i].bytes <<= which == 5 ? 40 : 0;
            rows[i].writer += which == 6;
            if (which == 7)
                rows[i].calls = rows[i].temporaries = 0;
        }
        size_t size = residue_to_sums(sums, (uint8_t *)rows, sizeof rows);
        cr_assert(size ? rsd_sums_to_rows(sums, size, (uint8_t *)result, sizeof result) : odd < 4);
        cr_assert(!size || memcmp(result, rows, sizeof rows) == 0);
    }
}

Test(format, alloc_is_malloc_of_262_bytes) {
    struct residue_alloc r;
    cr_assert_eq(vector("alloc", (uint8_t *)&r, sizeof r), sizeof r);
    cr_assert_eq(r.time, 1000u);
    cr_assert_eq(residue_where_address(r.where), 0x7f0012345670u);
    cr_assert_eq(residue_where_api(r.where), RESIDUE_API_MALLOC);
    cr_assert_eq(r.size, 262u);
    cr_assert_eq(r.node, 5u);
}

Test(format, free_and_large_and_node) {
    struct residue_free f;
    struct residue_large l;
    struct residue_node n;
    cr_assert_eq(vector("free", (uint8_t *)&f, sizeof f), sizeof f);
    cr_assert_eq(f.time, 2000u);
    cr_assert_eq(residue_where_api(f.where), RESIDUE_API_FREE);
    cr_assert_eq(vector("large", (uint8_t *)&l, sizeof l), sizeof l);
    cr_assert_eq(l.size, 262268u);
    cr_assert_eq(l.node, 6u);
    cr_assert_eq(residue_where_api(l.where), RESIDUE_API_MALLOC);
    cr_assert_eq(vector("node", (uint8_t *)&n, sizeof n), sizeof n);
    cr_assert_eq(n.pc, 0x401136u);
    cr_assert_eq(n.parent, 4u);
    cr_assert_eq(n.owner, 2u);
    cr_assert_eq(n.kind, RESIDUE_NODE_NATIVE);
    cr_assert_eq(n.source, RESIDUE_SOURCE_CFI);
    cr_assert_eq(vector("node-origin", (uint8_t *)&n, sizeof n), sizeof n);
    cr_assert_eq(n.kind, RESIDUE_NODE_ORIGIN);
    cr_assert_eq(n.pc, UINT64_C(3) << 32 | 17);
    cr_assert_eq(n.parent, 1u);
    cr_assert_eq(n.owner, (uint32_t)RESIDUE_ORIGIN_ASYNC_WORK);
}

Test(format, thread_is_4712_the_second_seen) {
    uint8_t bytes[48];
    struct rsd_tagged r;
    cr_assert_eq(vector("thread", bytes, sizeof bytes), sizeof bytes);
    cr_assert_eq(rsd_record_at(RESIDUE_OTHER, bytes, bytes + sizeof bytes), sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, sizeof bytes), RSD_TAGGED_OK);
    cr_assert_eq(r.tag, RESIDUE_TAG_THREAD);
    cr_assert_eq(r.time, 900u);
    cr_assert_eq(r.thread.tid, 4712u);
    cr_assert_eq(r.thread.serial, 2u);
    cr_assert_eq(strncmp(r.thread.name, "libuv-worker", 16), 0);
}

Test(format, code_is_that_of_resize_the_seventh_piece_seen) {
    uint8_t bytes[72];
    struct rsd_tagged r;
    cr_assert_eq(vector("code", bytes, sizeof bytes), sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, sizeof bytes), RSD_TAGGED_OK);
    cr_assert_eq(r.tag, RESIDUE_TAG_CODE);
    cr_assert_eq(r.time, 950u);
    cr_assert_eq(r.code.start, 0x7f0012346000u);
    cr_assert_eq(r.code.code_size, 512u);
    cr_assert_eq(r.code.id, 7u);
    cr_assert_eq(strncmp(r.first.bytes, "JS:*resize /app/a.js:4:10", r.first.size), 0);
}

Test(format, sampling_late_and_compacted_are_what_the_text_above_them_says) {
    uint8_t bytes[64];
    struct rsd_tagged r;
    size_t size = vector("sampling", bytes, sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, size), RSD_TAGGED_OK);
    cr_assert_eq(r.time, 1000u);
    cr_assert_eq(r.sampling.rate, 512u << 10);
    size = vector("late", bytes, sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, size), RSD_TAGGED_OK);
    cr_assert_eq(r.time, 2000u);
    cr_assert_eq(r.late.when, 1500u);
    cr_assert_eq(r.late.writer, 1u);
    cr_assert_eq(r.late.node, 5u);
    cr_assert_eq(r.late.blocks, 3u);
    cr_assert_eq(r.late.bytes, 48u);
    size = vector("compacted", bytes, sizeof bytes);
    cr_assert_eq(rsd_tagged_parse(&r, bytes, size), RSD_TAGGED_OK);
    cr_assert_eq(r.time, 3000u);
    cr_assert_eq(r.compacted.before, 2500u);
    cr_assert_eq(r.compacted.records, 7u);
}

Test(format, planes_come_back_as_rows_whatever_their_number) {
    static const size_t sizes[] = {16, 24, 32};
    uint64_t state = 88172645463325252u;
    for (size_t s = 0; s < 3; s++)
        for (size_t count = 1; count < 70; count++) {
            uint8_t rows[70 * 32], planes[70 * 32], result[70 * 32];
            for (size_t i = 0; i < count * sizes[s]; i++) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                rows[i] = (uint8_t)state;
            }
            made_planes(rows, planes, sizes[s], count);
            rsd_planes_to_rows(planes, result, sizes[s], count);
            cr_assert_arr_eq(result, rows, count * sizes[s], "%zu records of %zu bytes", count, sizes[s]);
        }
}

Test(format, tagged_records_whose_strings_pass_their_end_are_bad) {
    struct residue_stop stop = {.head = {.tag = RESIDUE_TAG_STOP, .size = sizeof stop, .time = 1}, .text_size = 1};
    struct rsd_tagged r;
    cr_assert_eq(rsd_tagged_parse(&r, (uint8_t *)&stop, sizeof stop), RSD_TAGGED_BAD);
    struct residue_js_function js = {
        .head = {.tag = RESIDUE_TAG_JS_FUNCTION, .size = sizeof js}, .name_size = UINT32_MAX, .file_size = UINT32_MAX};
    cr_assert_eq(rsd_tagged_parse(&r, (uint8_t *)&js, sizeof js), RSD_TAGGED_BAD);
    struct residue_tagged head = {.tag = RESIDUE_TAG_MODULE, .size = sizeof head};
    cr_assert_eq(rsd_tagged_parse(&r, (uint8_t *)&head, sizeof head), RSD_TAGGED_BAD);
    head.tag = 0x8123;
    cr_assert_eq(rsd_tagged_parse(&r, (uint8_t *)&head, sizeof head), RSD_TAGGED_SKIP);
    head.tag = 0x123;
    cr_assert_eq(rsd_tagged_parse(&r, (uint8_t *)&head, sizeof head), RSD_TAGGED_UNKNOWN);
}

Test(format, names_header_is_that_of_152_bytes_in_89) {
    struct residue_names_header h;
    cr_assert_eq(vector("names-header", (uint8_t *)&h, sizeof h), sizeof h);
    cr_assert_eq(h.skip_magic, RESIDUE_SKIP_NAMES);
    cr_assert_eq(h.skip_size, 56u);
    cr_assert_str_eq(h.magic, RESIDUE_NAMES_MAGIC);
    cr_assert_eq(h.major, RESIDUE_NAMES_MAJOR);
    cr_assert_eq(h.minor, RESIDUE_NAMES_MINOR);
    cr_assert_eq(h.trace_id, 0x1122334455667788u);
    cr_assert_eq(h.raw_size, 152u);
    cr_assert_eq(h.packed_size, 89u);
    cr_assert_eq(h.checksum, residue_fnv1a(&h, offsetof(struct residue_names_header, checksum)));
}
