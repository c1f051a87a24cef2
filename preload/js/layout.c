/*
 * Where things are in V8's objects.
 *
 * Node exports constants for debuggers, v8dbg_*, from Node 18 to 26 in every build: most offsets and all type numbers
 * come from them, that is from the running build itself. They are required. What they do not cover comes from one row
 * for each generation of V8 below, tested on the Node that is named there; where a symbol exists it wins over the
 * row.
 *
 *     running version = a row's version    the row was tested: names and lines from the start
 *     running version > a row's version    the nearest older row is tried, but must prove itself (trust.c)
 *     running version < the first row's, a required symbol missing, pointers compressed    nothing; why is said
 *
 * A wrong offset cannot crash (pages.c) and hardly names wrongly: whatever it leads to must have the right instance
 * type.
 *
 * Symbols are looked up once, in the constructor; nothing here changes afterwards.
 */
#include "js/layout.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#define SYMBOL_SIZE 192u
#define NONE (-1)

struct rsd_js_layout rsd_js_layout;

/* clang-format off */
static const struct rsd_js_layout generation[] = {
    {/* Node 18: a Code object is its own instructions */
     .major = 10, .minor = 2, .type_stream = NONE, .type_trusted_byte_array = NONE,
     .shared_data = 8, .script_line_offset = 24, .script_column_offset = 32,
     .bytecode_positions = 32, .code_start = 128, .code_flags = 48, .code_size = 40, .code_deopt_data = 16,
     .code_positions = 24, .deopt_literals = 2, .deopt_inlining = 7},
    {/* Node 20 */
     .major = 11, .minor = 3, .type_stream = NONE, .type_trusted_byte_array = NONE,
     .shared_data = 8, .script_line_offset = 24, .script_column_offset = 32,
     .bytecode_positions = 32, .code_start = 40, .code_flags = 48, .code_size = 56, .code_deopt_data = 16,
     .code_positions = 24, .deopt_literals = 2, .deopt_inlining = 7},
    {/* Node 22 */
     .major = 12, .minor = 4, .type_stream = NONE, .type_trusted_byte_array = NONE,
     .shared_data = 8, .script_line_offset = 24, .script_column_offset = 32,
     .bytecode_positions = 24, .code_start = 40, .code_flags = 48, .code_size = 52, .code_deopt_data = 8,
     .code_positions = 16, .deopt_literals = 2, .deopt_inlining = 7},
    {/* Node 24 */
     .major = 13, .minor = 6, .type_stream = NONE, .type_trusted_byte_array = NONE,
     .shared_data = 8, .script_line_offset = 24, .script_column_offset = 32,
     .bytecode_positions = 24, .code_start = 40, .code_flags = 52, .code_size = 56, .code_deopt_data = 8,
     .code_positions = 16, .deopt_literals = 3, .deopt_inlining = 8, .scope_range_is_fixed = true},
    {/* Node 26 */
     .major = 14, .minor = 6, .type_stream = NONE, .type_trusted_byte_array = NONE,
     .shared_data = 8, .script_line_offset = 24, .script_column_offset = 32,
     .bytecode_positions = 24, .code_start = 40, .code_flags = 52, .code_size = 56, .code_deopt_data = 8,
     .code_positions = 16, .deopt_literals = 3, .deopt_inlining = 8, .scope_range_is_fixed = true,
     .positions_unsigned = true},
};
/* clang-format on */

/* A field and the names that V8 has given to its constant over the years, newest last; a name says its C++ type. */
struct source {
    size_t field;
    bool required;
    const char *symbol[4];
};

#define FROM(field, ...)                                                                                               \
    {                                                                                                                  \
        offsetof(struct rsd_js_layout, field), true, {                                                                 \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }
#define MAYBE(field, ...)                                                                                              \
    {                                                                                                                  \
        offsetof(struct rsd_js_layout, field), false, {                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static const struct source sources[] = {
    FROM(fp_context, "off_fp_context_or_frame_type", "off_fp_context"),
    FROM(fp_function, "off_fp_function"),
    FROM(fp_bytecode_array, "off_fp_bytecode_array"),
    FROM(fp_bytecode_offset, "off_fp_bytecode_offset"),
    FROM(type_first_function, "FirstJSFunctionType", "type_JSFunction__JS_FUNCTION_TYPE"),
    MAYBE(type_last_function, "LastJSFunctionType"),
    FROM(type_shared, "type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE"),
    FROM(type_scope_info, "type_ScopeInfo__SCOPE_INFO_TYPE"),
    FROM(type_script, "type_Script__SCRIPT_TYPE"),
    FROM(type_bytecode_array, "type_BytecodeArray__BYTECODE_ARRAY_TYPE"),
    FROM(type_interpreter_data, "type_InterpreterData__INTERPRETER_DATA_TYPE"),
    FROM(type_code, "type_Code__CODE_TYPE"),
    MAYBE(type_stream, "type_InstructionStream__INSTRUCTION_STREAM_TYPE"),
    FROM(type_byte_array, "type_ByteArray__BYTE_ARRAY_TYPE"),
    MAYBE(type_trusted_byte_array, "type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE"),
    FROM(type_fixed_array, "type_FixedArray__FIXED_ARRAY_TYPE"),
    FROM(type_oddball, "type_Oddball__ODDBALL_TYPE"),
    FROM(function_shared, "class_JSFunction__shared__SharedFunctionInfo",
         "class_JSFunction__shared__Tagged_SharedFunctionInfo_"),
    MAYBE(shared_data, "class_SharedFunctionInfo__function_data__Object",
          "class_SharedFunctionInfo__function_data__Tagged_Object_"),
    FROM(shared_name, "class_SharedFunctionInfo__name_or_scope_info__Object",
         "class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_",
         "class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_"),
    FROM(shared_script, "class_SharedFunctionInfo__script_or_debug_info__HeapObject",
         "class_SharedFunctionInfo__script__Tagged_HeapObject_",
         "class_SharedFunctionInfo__raw_script__Tagged_Object_"),
    FROM(script_source, "class_Script__source__Object"),
    FROM(script_name, "class_Script__name__Object"),
    FROM(script_line_ends, "class_Script__line_ends__Object"),
    FROM(script_eval_shared, "class_Script__eval_from_shared_or_wrapped_arguments__Object",
         "class_Script__eval_from_shared_or_wrapped_arguments__Tagged_Object_",
         "class_Script__eval_from_shared_or_wrapped_arguments_or_sfi_table__Object"),
    FROM(string_length, "class_String__length__int32_t"),
    FROM(array_length, "class_FixedArrayBase__length__SMI"),
    FROM(bytecode_data, "class_BytecodeArray__data__uintptr_t"),
    MAYBE(code_start, "class_Code__instruction_start__Address", "class_Code__instruction_start__uintptr_t"),
    MAYBE(code_flags, "class_Code__flags__uint32_t"),
    MAYBE(code_size, "class_Code__instruction_size__int"),
    MAYBE(code_deopt_data, "class_Code__deoptimization_data__FixedArray"),
    MAYBE(code_positions, "class_Code__source_position_table__ByteArray"),
    FROM(code_kind_mask, "CodeKindFieldMask"),
    FROM(code_kind_baseline, "CodeKindBaseline"),
    MAYBE(deopt_literals, "DeoptimizationDataLiteralArrayIndex"),
    MAYBE(deopt_inlining, "DeoptimizationDataInliningPositionsIndex"),
    FROM(scope_first_slot, "scopeinfo_idx_first_vars"),
};

/* ---- Symbols --------------------------------------------------------------------------------------------------- */

static const void *lookup(const char *prefix, const char *name) {
    char symbol[SYMBOL_SIZE];
    size_t head = strlen(prefix), tail = strlen(name);
    if (head + tail >= sizeof symbol)
        return NULL;
    memcpy(symbol, prefix, head);
    memcpy(symbol + head, name, tail + 1);
    return dlsym(RTLD_DEFAULT, symbol);
}

static bool constant(const char *name, int32_t *value) {
    const int32_t *symbol = lookup("v8dbg_", name);
    if (symbol)
        *value = *symbol;
    return symbol != NULL;
}

static bool take(const struct source *source) {
    int32_t *field = (int32_t *)((char *)&rsd_js_layout + source->field);
    for (unsigned i = 0; i < sizeof source->symbol / sizeof *source->symbol && source->symbol[i]; i++)
        if (constant(source->symbol[i], field))
            return true;
    return !source->required;
}

static bool take_all(void) {
    for (unsigned i = 0; i < sizeof sources / sizeof *sources; i++)
        if (!take(&sources[i]))
            return false;
    return true;
}

/* ---- Is it believable? ----------------------------------------------------------------------------------------- */

/* Small integers shifted by 32 bits, that is: pointers are not compressed. */
static bool pointers_are_whole(void) {
    int32_t shift_size, value_shift;
    return constant("SmiShiftSize", &shift_size) && constant("SmiValueShift", &value_shift) && shift_size == 31 &&
           value_shift == 1;
}

static bool slot_below_fp(int32_t offset) {
    return offset < 0 && offset >= -128 && offset % 8 == 0;
}

static bool pointer_field(int32_t offset) {
    return offset >= 8 && offset <= 256 && offset % 8 == 0;
}

static bool believable(const struct rsd_js_layout *v8) {
    return slot_below_fp(v8->fp_context) && slot_below_fp(v8->fp_function) && slot_below_fp(v8->fp_bytecode_array) &&
           slot_below_fp(v8->fp_bytecode_offset) && pointer_field(v8->function_shared) &&
           pointer_field(v8->shared_data) && pointer_field(v8->shared_name) && pointer_field(v8->shared_script) &&
           pointer_field(v8->script_source) && pointer_field(v8->script_name) && pointer_field(v8->script_line_ends) &&
           pointer_field(v8->code_start) && pointer_field(v8->code_deopt_data) && pointer_field(v8->code_positions) &&
           v8->array_length == 8 && v8->string_length == 12 && v8->bytecode_data > 16 && v8->bytecode_data < 256 &&
           v8->type_first_function > 0 && v8->type_last_function - v8->type_first_function < 64;
}

/* ---- Start ----------------------------------------------------------------------------------------------------- */

static const struct rsd_js_layout *row_for(int32_t major, int32_t minor) {
    const struct rsd_js_layout *row = NULL;
    for (unsigned i = 0; i < sizeof generation / sizeof *generation; i++)
        if (generation[i].major < major || (generation[i].major == major && generation[i].minor <= minor))
            row = &generation[i];
    return row;
}

const char *rsd_js_layout_start(const uint8_t **bytecode_sizes) {
    const int32_t *major = lookup("", "_ZN2v88internal7Version6major_E");
    const int32_t *minor = lookup("", "_ZN2v88internal7Version6minor_E");
    if (!major || !minor)
        return "no V8 in this executable";
    const struct rsd_js_layout *row = row_for(*major, *minor);
    if (!row)
        return "this V8 is older than any that is known";
    rsd_js_layout = *row;
    if (!take_all())
        return "this build of V8 lacks v8dbg_ symbols";
    if (!rsd_js_layout.type_last_function)
        rsd_js_layout.type_last_function = rsd_js_layout.type_first_function + 16;
    if (!pointers_are_whole())
        return "this build of V8 compresses pointers";
    if (!believable(&rsd_js_layout))
        return "the layout of this V8 is not known";
    rsd_js_layout.tested = *major == row->major && *minor == row->minor;
    rsd_js_layout.major = *major;
    rsd_js_layout.minor = *minor;
    *bytecode_sizes = lookup("", "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE");
    return NULL;
}
