/*
 * From a return address to the Code object.
 *
 * Machine code lies on V8's code pages as objects: a header, then the instructions. In V8 10 the header is the Code
 * object itself; since V8 11 it is an InstructionStream, one of whose first fields points to the Code object
 * elsewhere. Going back from the address word by word, the first header that is met must be the one: its code has to
 * cover the address. Headers are told by their map, which all of them share (it lies in the read-only space), so
 * after the first find each step is one comparison.
 *
 * Code that covers no address that was asked for (wasm, regular expressions of other makes) makes the search run to
 * its limit, which costs up to a millisecond: the caller remembers such misses.
 *
 * Entered by the thread that owns the state.
 */
#include "js/code.h"

#define SEARCH_MOST (1u << 20) /* bytes: longer than any function that was met */
#define INSTRUCTION_ALIGNMENT 32u
#define STREAM_HEADER_MOST 256u /* bytes from a stream's header to its first instruction, at most */

static struct rsd_js_code none(void) {
    return (struct rsd_js_code){.object = {0, RSD_JS_NO_TYPE}};
}

/* `code` if it covers `pc`. A return address may lie just behind the last instruction: a call that never returns. */
static struct rsd_js_code if_it_covers(struct rsd_js_object code, uintptr_t start, uintptr_t pc) {
    const struct rsd_js_layout *v8 = &rsd_js_layout;
    uint32_t size = rsd_js_word32(code.at + (uintptr_t)v8->code_size);
    if (code.type != v8->type_code || pc <= start || pc - start > size)
        return none();
    uint32_t flags = rsd_js_word32(code.at + (uintptr_t)v8->code_flags);
    return (struct rsd_js_code){code, flags & (uint32_t)v8->code_kind_mask, (uint32_t)(pc - start), size};
}

/* The word at `at`, which lies on a readable page, is the map of a header of type `type`. */
static bool is_header(struct rsd_js *js, uintptr_t at, int32_t type) {
    uintptr_t map = *(const volatile uintptr_t *)at;
    if (js->stream_map)
        return map == js->stream_map;
    return rsd_js_is_pointer(map) && rsd_js_page(map) & RSD_JS_PAGE_READABLE && rsd_js_object(js, at + 1).type == type;
}

static struct rsd_js_code code_of_stream(struct rsd_js *js, uintptr_t stream, uintptr_t pc) {
    for (int32_t field = 8; field <= 16; field += 8) {
        struct rsd_js_object code = rsd_js_object(js, rsd_js_word(stream + (uintptr_t)field));
        if (code.type != rsd_js_layout.type_code)
            continue;
        uintptr_t start = rsd_js_word(code.at + (uintptr_t)rsd_js_layout.code_start);
        if (start > stream && start - stream < STREAM_HEADER_MOST && start % INSTRUCTION_ALIGNMENT == 0)
            return if_it_covers(code, start, pc);
    }
    return none();
}

/* V8 10: the instructions are aligned, and stand behind the header at a fixed distance. */
static struct rsd_js_code code_of_header(struct rsd_js *js, uintptr_t header, uintptr_t pc) {
    return if_it_covers(rsd_js_object(js, header + 1), header + (uintptr_t)rsd_js_layout.code_start, pc);
}

struct rsd_js_code rsd_js_code_at(struct rsd_js *js, uintptr_t pc) {
    bool streams = rsd_js_layout.type_stream >= 0;
    uintptr_t back = streams ? 0 : (uintptr_t)rsd_js_layout.code_start;
    uintptr_t step = streams ? 8 : INSTRUCTION_ALIGNMENT;
    int32_t type = streams ? rsd_js_layout.type_stream : rsd_js_layout.type_code;
    uintptr_t page = 0;
    for (uintptr_t start = pc & ~(step - 1); start > back && pc - start < SEARCH_MOST; start -= step) {
        uintptr_t header = start - back;
        if (header >> RSD_JS_PAGE_SHIFT != page) {
            page = header >> RSD_JS_PAGE_SHIFT;
            if (!(rsd_js_page(header) & RSD_JS_PAGE_READABLE))
                return none();
        }
        if (!is_header(js, header, type))
            continue;
        uint32_t forwarded = js->forwarded;
        uintptr_t map = *(const volatile uintptr_t *)header;
        struct rsd_js_code code = streams ? code_of_stream(js, header, pc) : code_of_header(js, header, pc);
        if (code.object.at && forwarded == js->forwarded)
            js->stream_map = map;
        if (code.object.at || js->stream_map)
            return code;
    }
    return none();
}
