/*
 * Names for stacks.
 *
 * Two things are asked for. The frames of the few stacks that are shown: with lines, inlined functions, packages; slow,
 * and done for those only. And a hash for every stack, by which call sites are joined and told apart from run to run;
 * it needs symbol tables only.
 *
 * The hash. A frame with a symbol counts as (module's base name, symbol, offset in the symbol), one without as (base
 * name, offset in the file), a JavaScript function as (name, file, line): nothing that depends on where things were
 * loaded. A function moves from the interpreter to baseline to optimised code, and what comes and goes with that counts as
 * nothing, else it would be three call sites, of which one stops growing and the next begins: code of JavaScript that has no
 * name, V8's builtins, the functions by which V8 calls an addon, and those that the language has of its own, such as `Uint8Array`
 * and `map`, which optimised code has inlined. The last do count in a stack without a script: nothing is optimised there, and
 * it may have no other name. The hash of a node mixes its frame into the hash of its parent, so all are found in one pass from
 * the root.
 *
 * Kin. Two call sites are kin if the same code makes their blocks: the same frames from the allocation up to where V8 begins,
 * or JavaScript. What JavaScript asked for, and by which way V8 got there, does not count.
 *
 * A return address belongs to the instruction before it, so it is looked up one byte lower (a call may be the last
 * instruction of its function); an interrupted instruction is looked up where it is.
 */
#include "names/names.h"

#include <inttypes.h>
#include <string.h>

#include "memory.h"
#include "names/demangle.h"
#include "names/lookup.h"
#include "names/package.h"

struct binary {
    bool package_tried;
    const char *name;
    char *package;
};

struct script {
    bool tried;
    char *package;
};

struct frames {
    struct rsd_named *list;
    size_t count;
};

struct rsd_names {
    const struct rsd_history *history;
    const struct rsd_stacks *stacks;
    struct rsd_lookup *lookup;
    struct binary *binaries;
    struct frames *frames;      /* by node; empty until asked for */
    struct script *scripts;     /* by number of the JavaScript function */
    uint64_t *hashes;           /* by node; NULL until one is asked for */
    struct rsd_intern readable; /* demangled names, files */
    struct rsd_intern places;   /* what native nodes are of, but for their parents and sources */
    uint32_t *first;            /* by place: the node that was the first to have its frames */
    size_t first_count, first_capacity;
    bool source_maps;
};

struct rsd_names *rsd_names_open(const struct rsd_history *history, const struct rsd_stacks *stacks,
                                 struct rsd_lookup *lookup) {
    struct rsd_names *names = rsd_zalloc(1, sizeof *names);
    *names = (struct rsd_names){.history = history, .stacks = stacks, .lookup = lookup};
    names->binaries = rsd_zalloc(history->binary_count, sizeof *names->binaries);
    names->frames = rsd_zalloc(stacks->count, sizeof *names->frames);
    names->scripts = rsd_zalloc(history->js_name_count, sizeof *names->scripts);
    for (size_t i = 0; i < history->binary_count; i++)
        names->binaries[i].name = rsd_base_name(history->binaries[i].path);
    return names;
}

void rsd_names_close(struct rsd_names *names) {
    for (size_t i = 0; i < names->history->binary_count; i++)
        free(names->binaries[i].package);
    for (size_t i = 0; i < names->stacks->count; i++)
        free(names->frames[i].list);
    for (size_t i = 0; i < names->history->js_name_count; i++)
        free(names->scripts[i].package);
    free(names->scripts);
    rsd_intern_free(&names->readable);
    rsd_intern_free(&names->places);
    free(names->first);
    rsd_lookup_close(names->lookup);
    free(names->binaries);
    free(names->frames);
    free(names->hashes);
    free(names);
}

void rsd_names_use_source_maps(struct rsd_names *names) {
    names->source_maps = true;
}

const char *rsd_seam_mark(const struct rsd_named *frame) {
    return strcmp(frame->function, RSD_SEAM_THREAD) == 0 ? "[thread]" : "[queued]";
}

const char *rsd_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

const char *rsd_names_package(struct rsd_names *names, uint32_t number) {
    struct binary *binary = &names->binaries[number];
    const struct rsd_history *history = names->history;
    if (!binary->package_tried)
        binary->package = rsd_is_node(history, number)
                              ? rsd_format("node@%s", history->node + (*history->node == 'v'))
                              : rsd_lookup_package(names->lookup, history->binaries[number].path);
    binary->package_tried = true;
    return binary->package;
}

bool rsd_names_address(const struct rsd_stack_node *node, uint64_t *address) {
    *address = node->offset - (node->interrupted || !node->offset ? 0 : 1);
    return node->kind == RESIDUE_NODE_NATIVE && node->has_binary;
}

static const struct rsd_symbol *symbol_of(struct rsd_names *names, const struct rsd_stack_node *node) {
    uint64_t address;
    return rsd_names_address(node, &address) ? rsd_lookup_symbol(names->lookup, node->owner, address) : NULL;
}

static bool is_builtin(const struct rsd_symbol *symbol) {
    return symbol && strncmp(symbol->name, "Builtins_", 9) == 0;
}

bool rsd_names_is_script(struct rsd_names *names, uint32_t number) {
    const struct rsd_stack_node *node = &names->stacks->nodes[number];
    return node->kind == RESIDUE_NODE_JIT || is_builtin(symbol_of(names, node));
}

/* Does V8 call an addon or node by it? Optimised code calls them without. */
static bool is_glue(const struct rsd_symbol *symbol) {
    static const char *const part[] = {"FunctionCallbackArguments", "PropertyCallbackArguments", "HandleApiCall"};
    if (!symbol || strncmp(symbol->name, "_ZN2v88internal", 15) != 0)
        return false;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (strstr(symbol->name, part[i]))
            return true;
    return false;
}

/* ---- The hash ---------------------------------------------------------------------------------------------------- */

static uint64_t mix_text(uint64_t hash, const char *text) {
    return rsd_mix(hash ^ residue_fnv1a(text, strlen(text)));
}

static uint64_t frame_hash(struct rsd_names *names, const struct rsd_stack_node *node, uint64_t parent) {
    const struct rsd_symbol *symbol = symbol_of(names, node);
    uint64_t hash = rsd_mix(parent + 1 + node->kind);
    if (node->kind == RESIDUE_NODE_JS && node->has_binary) {
        const struct rsd_js_name *js = &names->history->js_names[node->owner];
        return mix_text(mix_text(hash, js->name), js->file) + (node->offset >> 32);
    }
    if (node->kind != RESIDUE_NODE_NATIVE || !node->has_binary)
        return hash;
    hash = mix_text(hash, names->binaries[node->owner].name);
    if (symbol)
        return rsd_mix(mix_text(hash, symbol->name) ^ (node->offset - symbol->start));
    return rsd_mix(hash ^ node->offset);
}

/* Is it a function that V8 has of its own, such as `Uint8Array` or `map`? Optimised code has it inlined, without a frame. */
static bool is_of_language(const struct rsd_names *names, const struct rsd_stack_node *node) {
    return node->kind == RESIDUE_NODE_JS && node->has_binary && names->history->js_names[node->owner].builtin;
}

struct hash {
    uint64_t whole, bare; /* with V8's own functions, and without */
    bool has_script;      /* a script's function is among the frames */
};

static struct hash hash_below(struct rsd_names *names, const struct rsd_stack_node *node, struct hash above) {
    struct hash hash = above;
    bool own = is_of_language(names, node);
    if (own && above.has_script)
        return hash;
    hash.has_script |= node->kind == RESIDUE_NODE_JS && !own;
    if (!own)
        hash.bare = frame_hash(names, node, above.bare);
    hash.whole = hash.has_script ? hash.bare : frame_hash(names, node, above.whole);
    return hash;
}

/* A parent stands before its children in the trie. */
static void find_hashes(struct rsd_names *names) {
    size_t count = names->stacks->count;
    struct hash *hashes = rsd_zalloc(count, sizeof *hashes);
    for (uint32_t at = 1; at < count; at++) {
        const struct rsd_stack_node *node = &names->stacks->nodes[at];
        bool counts = !rsd_names_is_script(names, at) && !is_glue(symbol_of(names, node));
        hashes[at] = counts ? hash_below(names, node, hashes[node->parent]) : hashes[node->parent];
    }
    names->hashes = rsd_zalloc(count, sizeof *names->hashes);
    for (size_t at = 0; at < count; at++)
        names->hashes[at] = hashes[at].whole;
    free(hashes);
}

uint64_t rsd_names_hash(struct rsd_names *names, uint32_t node) {
    if (!names->hashes)
        find_hashes(names);
    return names->hashes[node];
}

/* ---- Kin --------------------------------------------------------------------------------------------------------- */

static bool is_of_v8(const struct rsd_symbol *symbol) {
    return symbol && (strncmp(symbol->name, "_ZN2v8", 6) == 0 || strncmp(symbol->name, "_ZNK2v8", 7) == 0);
}

uint64_t rsd_names_kin(struct rsd_names *names, uint32_t number) {
    const struct rsd_stack_node *nodes = names->stacks->nodes;
    uint64_t hash = 0;
    for (; number && nodes[number].kind == RESIDUE_NODE_NATIVE; number = nodes[number].parent) {
        if (rsd_names_is_script(names, number) || is_of_v8(symbol_of(names, &nodes[number])))
            break;
        hash = frame_hash(names, &nodes[number], hash);
    }
    return hash;
}

/* ---- Frames ------------------------------------------------------------------------------------------------------ */

static const char *keep(struct rsd_names *names, const char *text) {
    uint32_t number = rsd_intern(&names->readable, text, strlen(text));
    return names->readable.list[number].bytes;
}

static const char *readable(struct rsd_names *names, const char *symbol) {
    char *text = rsd_demangle(symbol);
    const char *kept = keep(names, text);
    free(text);
    return kept;
}

static size_t native_frames(struct rsd_names *names, const struct rsd_stack_node *node, struct rsd_named *list) {
    struct rsd_inline inlined[RSD_MOST_INLINED];
    const struct rsd_symbol *symbol = symbol_of(names, node);
    uint64_t address;
    size_t count = 0;
    if (rsd_names_address(node, &address))
        count = rsd_lookup_inlines(names->lookup, node->owner, address, inlined, RSD_MOST_INLINED);
    if (!count)
        inlined[count++] = (struct rsd_inline){0};
    if (symbol)
        inlined[count - 1].name = symbol->name;
    for (size_t i = 0; i < count; i++)
        list[i] = (struct rsd_named){
            .function = inlined[i].name ? readable(names, inlined[i].name) : NULL,
            .module = node->has_binary ? names->binaries[node->owner].name : NULL,
            .offset = node->offset,
            .file = inlined[i].file ? keep(names, inlined[i].file) : NULL,
            .line = inlined[i].line,
            .package = node->has_binary ? rsd_names_package(names, node->owner) : NULL,
            .kind = is_builtin(symbol) ? RSD_FRAME_BUILTIN : RSD_FRAME_NATIVE,
            .inlined = i + 1 < count,
        };
    return count;
}

/* A place is looked up once: the same code stands in thousands of stacks. */
static size_t native_frames_once(struct rsd_names *names, uint32_t number, struct rsd_named *list) {
    const struct rsd_stack_node *node = &names->stacks->nodes[number];
    const uint64_t key[] = {node->offset, node->owner,
                            (uint64_t)node->kind << 16 | (uint64_t)node->has_binary << 8 | node->interrupted};
    uint32_t place = rsd_intern(&names->places, key, sizeof key);
    if (place == names->first_count) {
        RSD_ROOM(names->first, names->first_count, names->first_capacity);
        names->first[names->first_count++] = number;
        return native_frames(names, node, list);
    }
    const struct frames *known = &names->frames[names->first[place]];
    memcpy(list, known->list, known->count * sizeof *list);
    return known->count;
}

static const char *package_of_script(struct rsd_names *names, uint32_t number, const char *file) {
    struct script *script = &names->scripts[number];
    if (!script->tried && *file == '/')
        script->package = rsd_lookup_package(names->lookup, file);
    script->tried = true;
    return script->package;
}

struct rsd_script_place rsd_names_script_place(const struct rsd_history *history, const struct rsd_stack_node *node) {
    const struct rsd_js_name *js = &history->js_names[node->owner];
    return (struct rsd_script_place){.file = js->file,
                                     .name = js->name,
                                     .function_line = js->line,
                                     .function_column = js->column,
                                     .line = (uint32_t)(node->offset >> 32),
                                     .column = (uint32_t)node->offset};
}

static void apply_source_map(struct rsd_names *names, const struct rsd_stack_node *node, struct rsd_named *frame) {
    struct rsd_script_place place = rsd_names_script_place(names->history, node);
    struct rsd_original original;
    if (!names->source_maps || !frame->file || !rsd_lookup_original(names->lookup, &place, &original))
        return;
    if (original.name)
        frame->function = original.name;
    frame->file = original.source;
    frame->line = (int)original.line;
}

/* "kind JS: line << 32 | column". */
static size_t script_frame(struct rsd_names *names, const struct rsd_stack_node *node, struct rsd_named *list) {
    *list = (struct rsd_named){.kind = RSD_FRAME_JS, .offset = node->offset};
    if (!node->has_binary)
        return 1;
    const struct rsd_js_name *js = &names->history->js_names[node->owner];
    list->function = *js->name ? js->name : "(anonymous)";
    const char *path = rsd_script_path(js->file);
    list->file = path ? path : *js->file ? js->file : NULL;
    list->line = (int)(node->offset >> 32);
    apply_source_map(names, node, list);
    list->package = package_of_script(names, node->owner, list->file ? list->file : "");
    list->kind = js->builtin ? RSD_FRAME_BUILTIN : RSD_FRAME_JS;
    return 1;
}

const struct rsd_named *rsd_names_frames(struct rsd_names *names, uint32_t number, size_t *count) {
    struct frames *frames = &names->frames[number];
    const struct rsd_stack_node *node = &names->stacks->nodes[number];
    if (!frames->count) {
        struct rsd_named list[RSD_MOST_INLINED];
        bool script = node->kind == RESIDUE_NODE_JIT || node->kind == RESIDUE_NODE_JS;
        if (node->kind == RESIDUE_NODE_ORIGIN) {
            bool thread = node->owner == RESIDUE_ORIGIN_THREAD;
            list[0] =
                (struct rsd_named){.function = thread ? RSD_SEAM_THREAD : RSD_SEAM_QUEUED, .kind = RSD_FRAME_SEAM};
            frames->count = 1;
        } else {
            frames->count = script ? script_frame(names, node, list) : native_frames_once(names, number, list);
        }
        for (size_t i = 0; i < frames->count; i++)
            list[i].source = (enum residue_source)node->source;
        frames->list = rsd_alloc(frames->count * sizeof *list);
        memcpy(frames->list, list, frames->count * sizeof *list);
    }
    *count = frames->count;
    return frames->list;
}
