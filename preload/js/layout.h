/*
 * How V8's objects are laid out in the running build. See layout.c.
 */
#ifndef RSD_JS_LAYOUT_H
#define RSD_JS_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

/* Offsets in bytes from an object's start, instance types, and indices. */
struct rsd_js_layout {
    int32_t major, minor; /* of V8 */
    bool tested;          /* this very version of V8 was tested; otherwise lines must prove themselves first */

    int32_t fp_context, fp_function, fp_bytecode_array, fp_bytecode_offset; /* from the frame pointer */

    int32_t type_first_function, type_last_function;
    int32_t type_shared, type_scope_info, type_script;
    int32_t type_bytecode_array, type_interpreter_data, type_code, type_stream; /* stream: -1 before V8 11 */
    int32_t type_byte_array, type_trusted_byte_array;                           /* trusted: -1 before V8 12 */
    int32_t type_fixed_array;
    int32_t type_oddball; /* undefined is one */

    int32_t function_shared;
    int32_t shared_data, shared_name, shared_script;
    int32_t script_source, script_name, script_line_ends, script_line_offset, script_column_offset;
    int32_t script_eval_shared;
    int32_t string_length;
    int32_t array_length; /* a Smi; elements follow it */

    int32_t bytecode_data, bytecode_positions;

    int32_t code_start; /* V8 10: the instructions stand there; later the word with their address */
    int32_t code_flags, code_size;
    int32_t code_deopt_data; /* baseline: the bytecodes */
    int32_t code_positions;  /* baseline: the table of bytecode offsets */
    int32_t code_kind_mask, code_kind_baseline;
    int32_t deopt_literals, deopt_inlining; /* indices in the deoptimization data */

    int32_t scope_first_slot;  /* index of what follows the fixed slots of a ScopeInfo */
    bool scope_range_is_fixed; /* the source range stands in slots 3 and 4; otherwise behind the names */

    bool positions_unsigned; /* the table of positions as V8 14 has it */
};

extern struct rsd_js_layout rsd_js_layout;

/* Fill it in from the executable's symbols. NULL, or the reason why that is not possible. `bytecode_sizes` is set to
 * V8's own table if it has a symbol. */
const char *rsd_js_layout_start(const uint8_t **bytecode_sizes);

#endif
