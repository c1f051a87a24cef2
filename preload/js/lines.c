/*
 * Lines of a source text.
 *
 * V8 keeps a table of line ends per script, but makes it only when somebody asks: when an error's stack is printed.
 * Where it is there it is used; else the line ends before the position are counted in the source itself, which V8
 * keeps on its heap or node in its read-only data. A line ends with \n, with \r unless \n follows, with U+2028 or
 * U+2029.
 *
 * Bundles are megabytes long, so for a longer text marks are set every so often on the way:
 *
 *     mark[k] = (line ends before position k * stride, position behind the last of them)
 *
 * and a later question only counts from the mark before it. Closures are made anew with every request, and ask for the
 * same few positions: the last answers are kept. What is remembered belongs to a text at an address; the
 * collector can put another one there. A sample of the text, taken at 16 places, tells the two apart.
 *
 * Entered by the thread that owns the state.
 */
#include "js/lines.h"

#include <string.h>

#include "residue/format.h"

#define SHORT_TEXT 2048u
#define STRIDE_LEAST 4096u
#define SAMPLES 16u
#define SOURCE_MOST (256u << 20)

static bool is_line_end(const void *text, bool wide, uint32_t size, uint32_t at) {
    uint32_t c = wide ? ((const uint16_t *)text)[at] : ((const uint8_t *)text)[at];
    if (c == '\n' || (wide && (c == 0x2028 || c == 0x2029)))
        return true;
    if (c != '\r')
        return false;
    uint32_t next = at + 1 == size ? 0 : wide ? ((const uint16_t *)text)[at + 1] : ((const uint8_t *)text)[at + 1];
    return next != '\n';
}

#define LANES 16u
#define BLOCK_MOST (255u * LANES) /* so many can be counted in a byte a lane */

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static lanes load(const uint8_t *at) {
    lanes all;
    memcpy(&all, at, sizeof all);
    return all;
}

/* Line ends among so many one-byte characters, a multiple of LANES; the one behind them can be read. */
static uint32_t count_block(const uint8_t *text, uint32_t size) {
    lanes counts = {0};
    for (uint32_t at = 0; at < size; at += LANES) {
        lanes now = load(text + at), next = load(text + at + 1);
        counts -= (lanes)(now == '\n') | ((lanes)(now == '\r') & (lanes)(next != '\n')); /* true is -1 */
    }
    uint32_t lines = 0;
    for (unsigned i = 0; i < LANES; i++)
        lines += counts[i];
    return lines;
}

uint32_t rsd_js_count_lines(const void *text, bool wide, uint32_t size, uint32_t from, uint32_t to,
                            uint32_t *last_end) {
    uint32_t lines = 0, at = from, readable = to < size || to == 0 ? to : to - 1;
    while (!wide && at + LANES <= readable) {
        uint32_t block = (readable - at) / LANES * LANES;
        block = block < BLOCK_MOST ? block : BLOCK_MOST;
        lines += count_block((const uint8_t *)text + at, block);
        at += block;
    }
    for (; at < to; at++)
        lines += is_line_end(text, wide, size, at);
    for (at = to; lines && !is_line_end(text, wide, size, at - 1); at--)
        continue;
    if (lines)
        *last_end = at;
    return lines;
}

/* The same for a text of the program, a chunk at a time. False: it cannot be read. */
static bool count(struct rsd_js *js, const struct rsd_js_text *text, uint32_t from, uint32_t to, uint32_t *lines,
                  uint32_t *last_end) {
    const uint32_t step = RSD_JS_CHUNK / 2 - 1;
    for (uint32_t at = from; at < to; at += step) {
        uint32_t size = to - at < step ? to - at : step;
        uint32_t ahead = at + size < text->size; /* a \r at the end of a chunk needs its successor */
        const void *units =
            rsd_js_view(text->at + ((uintptr_t)at << text->wide), (size_t)(size + ahead) << text->wide, js->chunk);
        if (!units)
            return false;
        uint32_t end = 0;
        *lines += rsd_js_count_lines(units, text->wide, size + ahead, 0, size, &end);
        if (end)
            *last_end = at + end;
    }
    return true;
}

/* ---- Marks ----------------------------------------------------------------------------------------------------- */

static uint64_t sample_of(const struct rsd_js_text *text) {
    uint64_t bytes[SAMPLES];
    uintptr_t size = (uintptr_t)text->size << text->wide, step = (size - sizeof *bytes) / (SAMPLES - 1);
    for (unsigned i = 0; i < SAMPLES; i++)
        if (!rsd_js_read(text->at + step * i, &bytes[i], sizeof bytes[i]))
            return 0;
    return residue_fnv1a(bytes, sizeof bytes);
}

static uint32_t stride_of(uint32_t size) {
    uint32_t stride = size / RSD_JS_MARKS + 1;
    return stride < STRIDE_LEAST ? STRIDE_LEAST : stride;
}

/* The text is looked at once a stack: that has some frames of the same script, and nothing moves meanwhile. */
static struct rsd_js_source *source_of(struct rsd_js *js, const struct rsd_js_text *text) {
    if (js->sampled && js->sampled->text == text->at && js->sampled->size == text->size && !js->forwarded)
        return js->sampled;
    uint64_t sample = sample_of(text);
    uint64_t hash = (text->at ^ sample) * 0x9e3779b97f4a7c15u;
    struct rsd_js_source *source = &js->source[hash >> 32 & (RSD_JS_SOURCES - 1)];
    if (source->text != text->at || source->size != text->size || source->sample != sample)
        *source = (struct rsd_js_source){.text = text->at, .size = text->size, .sample = sample, .marks = 1};
    return js->sampled = source;
}

/* Count up to `to`, setting marks on the way. */
static bool count_from_mark(struct rsd_js *js, struct rsd_js_source *source, const struct rsd_js_text *text,
                            uint32_t to, uint32_t *lines, uint32_t *last_end) {
    uint32_t stride = stride_of(text->size), want = to / stride;
    while (source->marks <= want) {
        uint32_t mark = source->marks;
        uint32_t so_far = source->mark[mark - 1].lines, end = source->mark[mark - 1].last_end;
        if (!count(js, text, (mark - 1) * stride, mark * stride, &so_far, &end))
            return false;
        source->mark[mark].lines = so_far;
        source->mark[mark].last_end = end;
        source->marks++;
    }
    *lines = source->mark[want].lines;
    *last_end = source->mark[want].last_end;
    return count(js, text, want * stride, to, lines, last_end);
}

static bool count_with_marks(struct rsd_js *js, const struct rsd_js_text *text, uint32_t to, uint32_t *lines,
                             uint32_t *last_end) {
    struct rsd_js_source *source = source_of(js, text);
    uint32_t at = (to * 0x9e3779b1u >> 16) % RSD_JS_ANSWERS;
    if (to && source->answer[at].position == to) {
        *lines = source->answer[at].lines;
        *last_end = source->answer[at].last_end;
        return true;
    }
    if (!count_from_mark(js, source, text, to, lines, last_end))
        return false;
    source->answer[at].position = to;
    source->answer[at].lines = *lines;
    source->answer[at].last_end = *last_end;
    return true;
}

static bool line_from_text(struct rsd_js *js, struct rsd_js_object script, uint32_t position, struct rsd_js_line *out) {
    struct rsd_js_text text = rsd_js_text(js, rsd_js_field(js, script, rsd_js_layout.script_source));
    uint32_t lines = 0, last_end = 0;
    if (!text.at || position > text.size || text.size > SOURCE_MOST)
        return false;
    bool counted = text.size <= SHORT_TEXT ? count(js, &text, 0, position, &lines, &last_end)
                                           : count_with_marks(js, &text, position, &lines, &last_end);
    *out = (struct rsd_js_line){lines + 1, position - last_end + 1};
    return counted;
}

/* ---- V8's own table -------------------------------------------------------------------------------------------- */

/* Element i is the position at which line i ends; the line of a position is the first that ends at or after it. */
static bool line_from_table(struct rsd_js *js, struct rsd_js_object script, uint32_t position,
                            struct rsd_js_line *out) {
    struct rsd_js_object ends = rsd_js_field(js, script, rsd_js_layout.script_line_ends);
    if (ends.type != rsd_js_layout.type_fixed_array)
        return false;
    int32_t count_of_lines = rsd_js_integer_field(ends, rsd_js_layout.array_length);
    uint32_t low = 0, high = count_of_lines > 0 ? (uint32_t)count_of_lines : 0, size = high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if ((uint32_t)rsd_js_integer(rsd_js_element(ends, middle)) >= position)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == size)
        return false;
    uint32_t begin = low ? (uint32_t)rsd_js_integer(rsd_js_element(ends, low - 1)) + 1 : 0;
    *out = (struct rsd_js_line){low + 1, position - begin + 1};
    return true;
}

/* A script may be told that its source is a part of a file that begins further down. */
static void shift(struct rsd_js_object script, struct rsd_js_line *line) {
    int32_t lines = rsd_js_integer_field(script, rsd_js_layout.script_line_offset);
    int32_t columns = rsd_js_integer_field(script, rsd_js_layout.script_column_offset);
    if (line->line == 1 && columns > 0)
        line->column += (uint32_t)columns;
    if (lines > 0)
        line->line += (uint32_t)lines;
}

struct rsd_js_line rsd_js_line(struct rsd_js *js, struct rsd_js_object script, int32_t position) {
    struct rsd_js_line line = {0, 0}, none = {0, 0};
    if (position < 0 || script.type != rsd_js_layout.type_script)
        return none;
    if (!line_from_table(js, script, (uint32_t)position, &line) &&
        !line_from_text(js, script, (uint32_t)position, &line))
        return none;
    shift(script, &line);
    return line;
}
