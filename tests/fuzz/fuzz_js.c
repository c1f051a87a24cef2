/*
 * The reader of V8's objects on a heap that says anything. The bytes are words: one that looks like a pointer and is small
 * points into the heap itself, and one with 0xf00d in its upper bits is an address there without a tag. They are put at the start of the fake heap of the unit tests, the rest of which is zeros;
 * the first words are the frame, and the first page counts as code as well.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "js/bytecodes.h"
#include "js/code.h"
#include "js/function.h"
#include "js/intern.h"
#include "js/lines.h"
#include "js/positions.h"
#include "js/trust.h"
#include "js_fake.h"

#define WORDS 8192u
#define FRAME_WORDS 16u

static uintptr_t heap[WORDS];

/* The heap as the input has it; returns its number of words. */
static size_t fill(struct fuzz_input *input) {
    size_t count = 0;
    while (count < WORDS && input->at < input->end) {
        uintptr_t word = fuzz_take(input, 8);
        if (word >> 48 == 0xf00d)
            word = fake_base + (word & 0xffff);
        heap[count++] = (word & 7) == 1 && word < WORDS * 8 ? word + fake_base : word;
    }
    memset((void *)fake_base, 0, sizeof heap);
    memcpy((void *)fake_base, heap, count * sizeof *heap);
    return count;
}

/* What was learned by address is forgotten, and the ids with it: their table keeps its memory. */
static void forget(void) {
    struct rsd_js_interned *table = fake_js->interned;
    uint32_t mask = fake_js->interned_mask;
    rsd_js_hand_over(fake_js);
    if (table)
        memset(table, 0, (mask + 1) * sizeof *table);
    fake_js->functions = 0;
    rsd_js_trust_anew();
}

static void name_frame(uintptr_t pc) {
    uintptr_t fp = fake_base + FRAME_WORDS * 8 - 16;
    struct rsd_registers frame = {.pc = pc, .sp = fake_base, .fp = fp};
    struct rsd_js_answer answer = {.count = 0};
    rsd_js_begin(fake_js);
    rsd_js_frame(fake_js, &frame, &answer);
    FUZZ_MUST(answer.count <= RSD_JS_INLINED + 1);
    for (uint32_t i = 0; i < answer.count; i++)
        FUZZ_MUST(answer.place[i].function && answer.place[i].function <= fake_js->functions);
}

static void describe(struct rsd_js_object object) {
    struct rsd_js_shared about;
    char text[64];
    FUZZ_MUST(rsd_js_utf8(fake_js, object, text, sizeof text) <= sizeof text);
    if (rsd_js_describe(fake_js, object, &about)) {
        FUZZ_MUST(about.name_size <= RSD_JS_NAME_SIZE && about.file_size <= RSD_JS_FILE_SIZE);
        rsd_js_line(fake_js, about.script, about.start);
        rsd_js_intern(fake_js, &about);
    }
    struct rsd_js_bounds bounds = {.code_size = 100, .start = 0, .end = 1000, .bytecode = true};
    rsd_js_position_at(fake_js, object, 7, &bounds);
    rsd_js_is_bytecode_start(fake_js, object, 5);
    rsd_js_bytecode_at(object, object, 9);
    rsd_js_line(fake_js, object, 17);
}

void fuzz_js(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, data + size};
    if (!fake_js) {
        fake_heap();
        rsd_js_memory_protect_after((void *)fake_base, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
        rsd_js_bytecodes_start(NULL);
        rsd_js_builtins = 1; /* one byte at an address that no frame has */
    }
    unsigned how = (unsigned)fuzz_take(&input, 1);
    rsd_js_layout.positions_unsigned = how & 1;
    rsd_js_layout.tested = !(how & 2);
    rsd_js_layout.type_stream = how & 4 ? -1 : 192;
    size_t count = fill(&input);
    forget();
    name_frame(fake_base + 8 * FRAME_WORDS + (how & 0xf8));
    name_frame(1);
    for (size_t i = FRAME_WORDS; i < count && i < FRAME_WORDS + 256; i += 2)
        describe(rsd_js_object(fake_js, fake_base + i * 8 + 1));
}
