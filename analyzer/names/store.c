/*
 * All names of a trace, looked up for every place that any command can show: each address of each node of the trie, each
 * binary, each file of JavaScript, each place in one that has a source map. What is looked up goes through lookup.c, as it does for a report, so what is stored is
 * what a report here would have said.
 *
 * Many nodes share an address (163,000 nodes of a sharp worker have 10,000), so addresses are sorted first and each is
 * looked up once, which also keeps libdw within one compilation unit for long.
 */
#include "names/store.h"

#include <string.h>

#include "memory.h"
#include "names/names.h"
#include "names/package.h"
#include "names/stored.h"

struct place {
    uint32_t binary;
    uint64_t address;
};

struct storing {
    const struct rsd_history *history;
    struct rsd_lookup *lookup;
    struct rsd_problems *problems;
    struct rsd_storing to;
    struct place *places;
    size_t place_count;
};

/* ---- Addresses ----------------------------------------------------------------------------------------------------- */

static int by_place(const void *first, const void *second) {
    const struct place *a = first, *b = second;
    if (a->binary != b->binary)
        return a->binary < b->binary ? -1 : 1;
    return a->address < b->address ? -1 : a->address > b->address;
}

static void find_places(struct storing *s, const struct rsd_stacks *stacks) {
    size_t count = 0;
    s->places = rsd_alloc(stacks->count * sizeof *s->places);
    for (size_t i = 0; i < stacks->count; i++) {
        const struct rsd_stack_node *node = &stacks->nodes[i];
        struct place place = {.binary = node->owner};
        if (rsd_names_address(node, &place.address))
            s->places[count++] = place;
    }
    if (count)
        qsort(s->places, count, sizeof *s->places, by_place);
    for (size_t i = 0; i < count; i++)
        if (!i || by_place(&s->places[i - 1], &s->places[i]) != 0)
            s->places[s->place_count++] = s->places[i];
}

static void add_functions(struct storing *s, const struct place *place, struct residue_names_address *entry) {
    struct rsd_inline list[RSD_MOST_INLINED];
    struct rsd_storing *to = &s->to;
    entry->first = (uint32_t)to->function_count;
    entry->count = (uint32_t)rsd_lookup_inlines(s->lookup, place->binary, place->address, list, RSD_MOST_INLINED);
    for (uint32_t i = 0; i < entry->count; i++) {
        RSD_ROOM(to->functions, to->function_count, to->function_capacity);
        to->functions[to->function_count++] =
            (struct residue_names_function){.name = rsd_storing_string(to, list[i].name),
                                            .file = rsd_storing_string(to, list[i].file),
                                            .line = list[i].line > 0 ? (uint32_t)list[i].line : 0};
    }
}

static void add_address(struct storing *s, const struct place *place) {
    struct rsd_storing *to = &s->to;
    const struct rsd_symbol *symbol = rsd_lookup_symbol(s->lookup, place->binary, place->address);
    struct residue_names_address entry = {.address = place->address};
    if (symbol) {
        entry.start = symbol->start;
        entry.symbol = rsd_storing_string(to, symbol->name);
    }
    add_functions(s, place, &entry);
    RSD_ROOM(to->addresses, to->address_count, to->address_capacity);
    to->addresses[to->address_count++] = entry;
}

/* ---- Binaries ------------------------------------------------------------------------------------------------------ */

static uint32_t add_hex(struct storing *s, const struct rsd_binary *b) {
    char *hex = rsd_zalloc(2 * b->build_id_size + 1, 1);
    for (size_t i = 0; i < b->build_id_size; i++)
        sprintf(hex + 2 * i, "%02x", b->build_id[i]);
    uint32_t string = rsd_storing_string(&s->to, hex);
    free(hex);
    return string;
}

/* A binary with its places, which are those from `from` up to the next one's. Returns where that is. */
static size_t add_binary(struct storing *s, uint32_t number, size_t from) {
    const struct rsd_binary *b = &s->history->binaries[number];
    struct rsd_storing *to = &s->to;
    struct residue_names_binary entry = {
        .path = rsd_storing_string(to, b->path), .build_id = add_hex(s, b), .first = (uint32_t)to->address_count};
    const char *problem = NULL;
    for (; from < s->place_count && s->places[from].binary == number; from++)
        if (rsd_lookup_knows(s->lookup, number, s->places[from].address))
            add_address(s, &s->places[from]);
        else
            problem = rsd_lookup_problem(s->lookup, number);
    if (problem)
        rsd_problem(s->problems, b->path, RSD_NO_OFFSET, "%s", problem);
    entry.problem = rsd_storing_string(to, problem);
    entry.count = (uint32_t)(to->address_count - entry.first);
    RSD_ROOM(to->binaries, to->binary_count, to->binary_capacity);
    to->binaries[to->binary_count++] = entry;
    return from;
}

/* ---- Originals ----------------------------------------------------------------------------------------------------- */

struct mapped {
    struct rsd_script_place place;
    struct rsd_original original;
};

static int by_script_place(const void *first, const void *second) {
    return rsd_script_place_order(&((const struct mapped *)first)->place, &((const struct mapped *)second)->place);
}

/* Each place once, of all nodes of JavaScript. */
static size_t find_script_places(const struct storing *s, const struct rsd_stacks *stacks, struct mapped *list) {
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < stacks->count; i++) {
        const struct rsd_stack_node *node = &stacks->nodes[i];
        bool script = node->kind == RESIDUE_NODE_JS || node->kind == RESIDUE_NODE_JIT;
        if (script && node->has_binary && *s->history->js_names[node->owner].file)
            list[count++].place = rsd_names_script_place(s->history, node);
    }
    if (count)
        qsort(list, count, sizeof *list, by_script_place);
    for (size_t i = 0; i < count; i++)
        if (!kept || by_script_place(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    return kept;
}

static void add_originals(struct storing *s, const struct rsd_stacks *stacks) {
    struct mapped *list = rsd_alloc(stacks->count * sizeof *list);
    struct rsd_storing *to = &s->to;
    size_t count = find_script_places(s, stacks, list);
    for (size_t i = 0; i < count; i++) {
        const struct rsd_script_place *p = &list[i].place;
        struct rsd_original *o = &list[i].original;
        if (!rsd_lookup_original(s->lookup, p, o) || !*o->source)
            continue;
        RSD_ROOM(to->originals, to->original_count, to->original_capacity);
        to->originals[to->original_count++] =
            (struct residue_names_original){.line = p->line,
                                            .column = p->column,
                                            .function_line = p->function_line,
                                            .function_column = p->function_column,
                                            .file = rsd_storing_string(to, p->file),
                                            .name = rsd_storing_string(to, p->name),
                                            .source = rsd_storing_string(to, o->source),
                                            .source_line = o->line,
                                            .source_name = rsd_storing_string(to, o->name)};
    }
    free(list);
}

/* ---- Packages ------------------------------------------------------------------------------------------------------ */

static int by_text(const void *first, const void *second) {
    return strcmp(*(const char *const *)first, *(const char *const *)second);
}

static void add_packages(struct storing *s) {
    size_t count = 0;
    size_t most = s->history->binary_count + s->history->js_name_count + s->to.original_count;
    const char **paths = rsd_alloc(most * sizeof *paths);
    for (size_t i = 0; i < s->history->binary_count; i++)
        paths[count++] = s->history->binaries[i].path;
    for (size_t i = 0; i < s->history->js_name_count; i++)
        if ((paths[count] = rsd_script_path(s->history->js_names[i].file)))
            count++;
    for (size_t i = 0; i < s->to.original_count; i++)
        if (*(paths[count] = s->to.strings.list[s->to.originals[i].source].bytes) == '/')
            count++;
    if (count)
        qsort(paths, count, sizeof *paths, by_text);
    for (size_t i = 0; i < count; i++) {
        if (!*paths[i] || (i && strcmp(paths[i - 1], paths[i]) == 0))
            continue;
        char *package = rsd_lookup_package(s->lookup, paths[i]);
        RSD_ROOM(s->to.packages, s->to.package_count, s->to.package_capacity);
        s->to.packages[s->to.package_count++] = (struct residue_names_package){
            .path = rsd_storing_string(&s->to, paths[i]), .package = rsd_storing_string(&s->to, package)};
        free(package);
    }
    free(paths);
}

static void count_names(const struct rsd_storing *to, struct rsd_store_sums *sums) {
    *sums = (struct rsd_store_sums){.addresses = to->address_count};
    for (size_t i = 0; i < to->address_count; i++)
        sums->named += to->addresses[i].symbol != 0;
}

uint8_t *rsd_store_names(struct rsd_trace *trace, const struct rsd_history *history, const struct rsd_stacks *stacks,
                         struct rsd_lookup *lookup, size_t *size, struct rsd_store_sums *sums) {
    struct storing s = {.history = history, .lookup = lookup, .problems = &trace->problems};
    size_t from = 0;
    rsd_storing_begin(&s.to);
    find_places(&s, stacks);
    for (uint32_t i = 0; i < history->binary_count; i++)
        from = add_binary(&s, i, from);
    add_originals(&s, stacks);
    add_packages(&s);
    count_names(&s.to, sums);
    uint8_t *bytes = rsd_storing_bytes(&s.to, trace->meta.trace_id, size);
    rsd_storing_free(&s.to);
    free(s.places);
    return bytes;
}
