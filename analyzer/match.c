/*
 * Matching call sites across traces.
 *
 * A row is what reads the same in words (words.c), on however many sides. What is missing on some side then gets two more
 * chances, by coarser keys. First the modules and JavaScript functions alone: a function was renamed or split, or is inlined
 * differently. That happens only in modules that changed: of one whose build-id is the same on all sides the functions stay
 * part of the key. Then the native functions alone: other JavaScript calls them. The second key says less, so there a pair is
 * joined only where it is the only one. Such rows are marked, and say in what their stacks differ.
 *
 * Nothing is lost by it: for each side the values of all rows add up to the sum over its call sites.
 */
#include "match.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "roots.h"
#include "words.h"

/* ---- Rows --------------------------------------------------------------------------------------------------------- */

struct rows {
    struct rsd_intern keys;
    uint64_t **largest; /* by row and side: outstanding bytes of the member whose stack is shown */
    size_t capacity;
};

static uint32_t row_of(struct rsd_match *match, struct rows *rows, char *key) {
    uint32_t number = rsd_intern(&rows->keys, key, strlen(key));
    free(key);
    if (number == match->count) {
        size_t count = match->count;
        RSD_ROOM(rows->largest, count, rows->capacity);
        RSD_ROOM(match->list, match->count, match->capacity);
        rows->largest[number] = rsd_zalloc(match->sides, sizeof **rows->largest);
        match->list[match->count++] = (struct rsd_row){.part = rsd_zalloc(match->sides, sizeof(struct rsd_part))};
    }
    return number;
}

static void add_side(struct rsd_match *match, struct rows *rows, size_t side) {
    struct rsd_report *report = match->side[side];
    const char *why;
    double parts = rsd_per_parts(&match->per, &report->analysis->window, side, &why);
    for (size_t i = 0; i < report->heap.count; i++) {
        const struct rsd_group *group = &report->heap.list[i];
        uint32_t number = row_of(match, rows, rsd_words_key(report, group->site.stack, RSD_WORDS_ALL, NULL));
        struct rsd_part *part = &match->list[number].part[side];
        uint64_t weight = group->site.now.live_bytes ? group->site.now.live_bytes : 1;
        part->value += (double)group->value / parts;
        part->error = hypot(part->error, group->error / parts);
        part->outstanding += group->site.now.live_bytes;
        part->calls += group->site.now.calls - group->site.start.calls;
        part->leaks |= group->trend.verdict == RSD_VERDICT_LEAK;
        if (weight > rows->largest[number][side]) {
            rows->largest[number][side] = weight;
            part->stack = group->site.stack;
        }
    }
}

/* ---- Kin ---------------------------------------------------------------------------------------------------------- */

static uint32_t sides_of(const struct rsd_match *match, const struct rsd_row *row) {
    uint32_t set = 0;
    for (size_t side = 0; side < match->sides; side++)
        set |= row->part[side].stack ? UINT32_C(1) << side : 0;
    return set;
}

static size_t first_side(const struct rsd_row *row) {
    size_t side = 0;
    while (!row->part[side].stack)
        side++;
    return side;
}

struct family {                  /* incomplete rows with the same coarser key */
    uint32_t sides, first_sides; /* of all, of the first */
    bool overlap;                /* a side is in two of them */
    size_t head;                 /* place of the row that the others join, SIZE_MAX: none yet */
};

#define NO_FAMILY UINT32_MAX

/* The family of each row, or NO_FAMILY. */
static struct family *find_families(struct rsd_match *match, enum rsd_wording wording, const char *const *steady,
                                    uint32_t *family_of) {
    struct rsd_intern keys = {0};
    struct family *families = NULL;
    size_t count = 0, capacity = 0;
    uint32_t every = (uint32_t)((UINT64_C(1) << match->sides) - 1);
    for (size_t i = 0; i < match->count; i++) {
        const struct rsd_row *row = &match->list[i];
        uint32_t sides = sides_of(match, row);
        family_of[i] = NO_FAMILY;
        if (!sides || sides == every)
            continue;
        size_t side = first_side(row);
        char *key = rsd_words_key(match->side[side], row->part[side].stack, wording, steady);
        if (*key)
            family_of[i] = rsd_intern(&keys, key, strlen(key));
        free(key);
        if (family_of[i] == NO_FAMILY)
            continue;
        if (family_of[i] == count) {
            RSD_ROOM(families, count, capacity);
            families[count++] = (struct family){.first_sides = sides, .head = SIZE_MAX};
        }
        struct family *family = &families[family_of[i]];
        family->overlap |= (family->sides & sides) != 0;
        family->sides |= sides;
    }
    rsd_intern_free(&keys);
    return families;
}

static void absorb(struct rsd_match *match, struct rsd_row *to, struct rsd_row *from, enum rsd_kinship kinship) {
    for (size_t side = 0; side < match->sides; side++) {
        struct rsd_part *part = &to->part[side];
        const struct rsd_part *more = &from->part[side];
        if (more->stack && (!part->stack || more->outstanding > part->outstanding))
            part->stack = more->stack;
        part->value += more->value;
        part->error = hypot(part->error, more->error);
        part->outstanding += more->outstanding;
        part->calls += more->calls;
        part->leaks |= more->leaks;
    }
    to->kinship = kinship;
    free(from->part);
}

static void match_again(struct rsd_match *match, enum rsd_wording wording, const char *const *steady,
                        enum rsd_kinship kinship, bool only_pairs) {
    uint32_t *family_of = rsd_alloc(match->count * sizeof *family_of);
    struct family *families = find_families(match, wording, steady, family_of);
    size_t kept = 0;
    for (size_t i = 0; i < match->count; i++) {
        struct family *family = family_of[i] == NO_FAMILY ? NULL : &families[family_of[i]];
        bool joins = family && family->sides != family->first_sides && !(only_pairs && family->overlap);
        if (joins && family->head != SIZE_MAX) {
            absorb(match, &match->list[family->head], &match->list[i], kinship);
            continue;
        }
        if (joins)
            family->head = kept;
        match->list[kept++] = match->list[i];
    }
    match->count = kept;
    free(families);
    free(family_of);
}

/* Of two files without a build-id (the node that is published has none) it is told by the path. */
static bool same_build(const struct rsd_binary *a, const struct rsd_binary *b) {
    if (a->build_id_size != b->build_id_size)
        return false;
    return a->build_id_size ? memcmp(a->build_id, b->build_id, a->build_id_size) == 0 : strcmp(a->path, b->path) == 0;
}

/* Is the module on this side too, and the same? */
static bool has_build(const struct rsd_history *history, const struct rsd_binary *wanted) {
    for (size_t i = 0; i < history->binary_count; i++)
        if (strcmp(rsd_base_name(history->binaries[i].path), rsd_base_name(wanted->path)) == 0)
            return same_build(&history->binaries[i], wanted);
    return false;
}

/* Names of the modules that are the same file on all sides; NULL behind the last. */
static const char **steady_modules(const struct rsd_match *match) {
    const struct rsd_history *first = &match->side[0]->analysis->history;
    const char **list = rsd_zalloc(first->binary_count + 1, sizeof *list);
    size_t count = 0;
    for (size_t i = 0; i < first->binary_count; i++) {
        bool steady = true;
        for (size_t side = 0; side < match->sides; side++)
            steady &= has_build(&match->side[side]->analysis->history, &first->binaries[i]);
        if (steady)
            list[count++] = rsd_base_name(first->binaries[i].path);
    }
    return list;
}

/* ---- The whole ---------------------------------------------------------------------------------------------------- */

static void sum_up(struct rsd_match *match) {
    uint32_t every = (uint32_t)((UINT64_C(1) << match->sides) - 1);
    double matched = 0, all = 0, held[RSD_TRACES_MOST] = {0};
    for (size_t i = 0; i < match->count; i++) {
        const struct rsd_row *row = &match->list[i];
        bool complete = sides_of(match, row) == every;
        for (size_t side = 0; side < match->sides; side++) {
            double bytes = (double)row->part[side].outstanding;
            match->total[side] += row->part[side].value;
            match->error[side] = hypot(match->error[side], row->part[side].error);
            match->matched_of[side] += complete ? bytes : 0;
            held[side] += bytes;
        }
    }
    for (size_t side = 0; side < match->sides; side++) {
        all += held[side];
        matched += match->matched_of[side];
        match->matched_of[side] = held[side] > 0 ? match->matched_of[side] / held[side] : 1;
    }
    match->matched = all > 0 ? matched / all : 1;
}

void rsd_match_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per,
                    bool kin) {
    struct rows rows = {0};
    *match = (struct rsd_match){.sides = sides, .metric = side[0]->options.metric, .per = *per};
    memcpy(match->side, side, sides * sizeof *side);
    rsd_roots_find(side, sides);
    for (size_t i = 0; i < sides; i++)
        add_side(match, &rows, i);
    for (size_t i = 0; i < match->count; i++)
        free(rows.largest[i]);
    free(rows.largest);
    rsd_intern_free(&rows.keys);
    if (kin) {
        const char **steady = steady_modules(match);
        match_again(match, RSD_WORDS_COARSE, steady, RSD_RENAMED, false);
        match_again(match, RSD_WORDS_NATIVE, NULL, RSD_MOVED, true);
        free(steady);
    }
    sum_up(match);
}

void rsd_match_free(struct rsd_match *match) {
    for (size_t i = 0; i < match->count; i++)
        free(match->list[i].part);
    free(match->list);
    *match = (struct rsd_match){0};
}

static uint64_t outstanding_of(const struct rsd_match *match, const struct rsd_row *row) {
    uint64_t bytes = 0;
    for (size_t side = 0; side < match->sides; side++)
        bytes += row->part[side].outstanding;
    return bytes;
}

static int by_weight(const void *first, const void *second, void *context) {
    const struct rsd_row *a = first, *b = second;
    const struct rsd_match *match = context;
    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    uint64_t x = outstanding_of(match, a), y = outstanding_of(match, b);
    if (x != y)
        return x > y ? -1 : 1;
    for (size_t side = 0; side < match->sides; side++)
        if (a->part[side].stack != b->part[side].stack)
            return a->part[side].stack < b->part[side].stack ? -1 : 1;
    return 0;
}

void rsd_match_order(struct rsd_match *match,
                     double (*weight)(const struct rsd_match *match, const struct rsd_row *row)) {
    for (size_t i = 0; i < match->count; i++)
        match->list[i].weight = weight(match, &match->list[i]);
    if (match->count)
        qsort_r(match->list, match->count, sizeof *match->list, by_weight, match);
}

size_t rsd_match_shown(const struct rsd_match *match, const struct rsd_row *row) {
    size_t shown = SIZE_MAX;
    for (size_t side = 0; side < match->sides; side++)
        if (row->part[side].stack && (shown == SIZE_MAX || row->part[side].value > row->part[shown].value))
            shown = side;
    return shown == SIZE_MAX ? 0 : shown;
}

double rsd_match_error(const struct rsd_match *match, const struct rsd_row *row) {
    double error = 0;
    for (size_t side = 0; side < match->sides; side++)
        error = hypot(error, row->part[side].error);
    return error;
}

bool rsd_match_leaks(const struct rsd_match *match, size_t side) {
    return match->side[side]->judgement.cause == RSD_CAUSE_LEAK;
}

char *rsd_match_leaking(const struct rsd_match *match, bool leaking) {
    char *text = rsd_strdup("");
    size_t left = 0;
    for (size_t side = 0; side < match->sides; side++)
        left += rsd_match_leaks(match, side) == leaking;
    for (size_t side = 0; side < match->sides; side++) {
        if (rsd_match_leaks(match, side) != leaking)
            continue;
        char *longer = rsd_format("%s%s%c", text, !*text ? "" : left == 1 ? " and " : ", ", rsd_side_letter(side));
        free(text);
        text = longer;
        left--;
    }
    return text;
}

/* ---- Words about kin ---------------------------------------------------------------------------------------------- */

#define WORDS_SHOWN 2

const char *rsd_kinship_name(enum rsd_kinship kinship) {
    static const char *const name[] = {"same", "renamed", "moved"};
    return name[kinship];
}

static void put_words(FILE *out, size_t side, const struct rsd_words *words, size_t from, size_t to) {
    fprintf(out, "%c: ", rsd_side_letter(side));
    for (size_t i = from; i < to && i < from + WORDS_SHOWN; i++)
        fprintf(out, "%s%s", i > from ? ", " : "", words->list[i]);
    fputs(from == to ? "(nothing)" : to - from > WORDS_SHOWN ? ", ..." : "", out);
}

/* Both stacks without what they begin and end with alike. */
static void put_difference(FILE *out, const size_t side[2], const struct rsd_words words[2]) {
    size_t from = 0, to[2] = {words[0].count, words[1].count};
    while (from < to[0] && from < to[1] && strcmp(words[0].list[from], words[1].list[from]) == 0)
        from++;
    while (to[0] > from && to[1] > from && strcmp(words[0].list[to[0] - 1], words[1].list[to[1] - 1]) == 0) {
        to[0]--;
        to[1]--;
    }
    put_words(out, side[0], &words[0], from, to[0]);
    fputs("; ", out);
    put_words(out, side[1], &words[1], from, to[1]);
}

char *rsd_match_kinship(const struct rsd_match *match, const struct rsd_row *row) {
    if (row->kinship == RSD_SAME)
        return NULL;
    size_t side[2] = {first_side(row), match->sides - 1};
    while (!row->part[side[1]].stack)
        side[1]--;
    struct rsd_words words[2];
    for (int i = 0; i < 2; i++)
        rsd_words_of(&words[i], match->side[side[i]], row->part[side[i]].stack, RSD_WORDS_ALL, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        rsd_no_memory();
    put_difference(out, side, words);
    fclose(out);
    rsd_words_free(&words[0]);
    rsd_words_free(&words[1]);
    return text;
}
