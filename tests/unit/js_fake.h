/*
 * A heap as V8 would have it, with objects made by hand: what a test needs to show one rule of preload/js at a time.
 * The layout is that of V8 13.6; objects are 16 bytes aligned in one mapping that the page map knows.
 */
#ifndef FAKE_H
#define FAKE_H

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "js/layout.h"
#include "js/object.h"
#include "js/state.h"

#define FAKE_SIZE (8u << 20)

static uintptr_t fake_base, fake_next;
static struct rsd_js *fake_js;
static uint32_t fake_written;
static char fake_last[2048]; /* "name|file|line" of the function that was written last */
static bool fake_full;       /* writing fails */

static inline bool fake_write(void *context, const struct rsd_js_function *function) {
    (void)context;
    if (fake_full)
        return false;
    fake_written++;
    snprintf(fake_last, sizeof fake_last, "%.*s|%.*s|%u", (int)function->name_size, function->name,
             (int)function->file_size, function->file, function->line);
    return true;
}

static inline void fake_heap(void) {
    rsd_js_pages_kept = true; /* the page map is kept only where there is JavaScript */
    rsd_js_layout = (struct rsd_js_layout){.major = 13,
                                           .minor = 6,
                                           .tested = true,
                                           .fp_context = -8,
                                           .fp_function = -16,
                                           .fp_bytecode_array = -32,
                                           .fp_bytecode_offset = -40,
                                           .type_first_function = 2065,
                                           .type_last_function = 2081,
                                           .type_shared = 282,
                                           .type_scope_info = 280,
                                           .type_script = 167,
                                           .type_bytecode_array = 186,
                                           .type_interpreter_data = 188,
                                           .type_code = 187,
                                           .type_stream = 192,
                                           .type_byte_array = 217,
                                           .type_trusted_byte_array = 196,
                                           .type_fixed_array = 205,
                                           .type_oddball = 131,
                                           .function_shared = 32,
                                           .shared_data = 8,
                                           .shared_name = 24,
                                           .shared_script = 40,
                                           .script_source = 8,
                                           .script_name = 16,
                                           .script_line_ends = 56,
                                           .script_line_offset = 24,
                                           .script_column_offset = 32,
                                           .script_eval_shared = 72,
                                           .string_length = 12,
                                           .array_length = 8,
                                           .bytecode_data = 64,
                                           .bytecode_positions = 24,
                                           .code_start = 40,
                                           .code_flags = 52,
                                           .code_size = 56,
                                           .code_deopt_data = 8,
                                           .code_positions = 16,
                                           .code_kind_mask = 15,
                                           .code_kind_baseline = 10,
                                           .deopt_literals = 3,
                                           .deopt_inlining = 8,
                                           .scope_first_slot = 5,
                                           .scope_range_is_fixed = true};
    fake_base = fake_next =
        (uintptr_t)mmap(NULL, FAKE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rsd_js_memory_comes((void *)fake_base, FAKE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
    fake_js = mmap(NULL, rsd_js_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    rsd_js_init(fake_js, fake_write, NULL);
    rsd_js_begin(fake_js);
}

static inline uintptr_t fake_room(size_t size) {
    uintptr_t at = fake_next;
    fake_next += (size + 15) & ~(size_t)15;
    assert(fake_next < fake_base + FAKE_SIZE);
    return at;
}

static inline void fake_set(uintptr_t tagged, int32_t offset, uintptr_t word) {
    *(uintptr_t *)(tagged - 1 + (uintptr_t)offset) = word;
}

static inline uintptr_t fake_integer(int32_t value) {
    return (uintptr_t)(uint32_t)value << 32;
}

/* An object of a type, tagged; its map is made for it alone. */
static inline uintptr_t fake_object(int32_t type, size_t size) {
    uintptr_t map = fake_room(80), at = fake_room(size);
    *(uint16_t *)(map + 12) = (uint16_t)type;
    *(uintptr_t *)at = map + 1;
    return at + 1;
}

static inline uintptr_t fake_undefined(void) {
    return fake_object(131, 48);
}

static inline uintptr_t fake_string_of(int32_t type, uint32_t length, const void *units, size_t bytes) {
    uintptr_t string = fake_object(type, 16 + bytes + 16);
    *(uint32_t *)(string - 1 + 12) = length;
    if (units)
        memcpy((void *)(string - 1 + 16), units, bytes);
    return string;
}

static inline uintptr_t fake_string(const char *text) {
    return fake_string_of(40, (uint32_t)strlen(text), text, strlen(text));
}

static inline uintptr_t fake_bytes(const void *bytes, uint32_t size) {
    uintptr_t array = fake_object(217, 16 + size);
    fake_set(array, 8, fake_integer((int32_t)size));
    memcpy((void *)(array - 1 + 16), bytes, size);
    return array;
}

static inline uintptr_t fake_script(uintptr_t name, uintptr_t source) {
    uintptr_t script = fake_object(167, 128), undefined = fake_undefined();
    for (int32_t at = 8; at < 128; at += 8)
        fake_set(script, at, undefined);
    fake_set(script, 8, source);
    fake_set(script, 16, name);
    fake_set(script, 24, fake_integer(0));
    fake_set(script, 32, fake_integer(0));
    return script;
}

/* A function with a scope of no locals. `name` 0: none. */
static inline uintptr_t fake_shared(uintptr_t script, uintptr_t name, int32_t start, int32_t end) {
    uintptr_t shared = fake_object(282, 64), scope = fake_object(280, 96);
    uint32_t flags = name ? 1u << 12 : 0;
    fake_set(scope, 8, flags);
    fake_set(scope, 32, fake_integer(start));
    fake_set(scope, 40, fake_integer(end));
    fake_set(scope, 48, name ? name : fake_undefined());
    fake_set(shared, 24, scope);
    fake_set(shared, 40, script);
    return shared;
}

static inline struct rsd_js_object fake_get(uintptr_t tagged) {
    return rsd_js_object(fake_js, tagged);
}

#endif
