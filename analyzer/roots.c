/*
 * Roots: where one program lies, trace by trace.
 *
 * The same program may be started from another folder, be a copy in another folder, or lie in a container, and its files
 * have another path each time. Neither the working folder nor the path of the script tells how they belong together: a
 * program is started from anywhere, and by any of its scripts. So it is told by the files themselves. Each of a trace's own
 * files (those of packages are known by the package) has a file in the first trace whose path ends like its own for
 * longest. What differs before that are the roots that it speaks for, here /home/me and /app:
 *
 *     A   /home/me/shop/lib/cart.js
 *     B       /app/shop/lib/cart.js
 *
 * The pair of roots that most files speak for is taken, if fewer lie below it whose path is the same in both traces: those
 * did not move. Two files called index.js end alike wherever they are; so roots count only if each program was started in
 * its own: its working folder lies there, or something that is named on its command line.
 *
 * Files are compared under the paths that they have in the first trace, and named relative to the working folder there.
 */
#include "roots.h"

#include <string.h>

#include "memory.h"
#include "names/package.h"
#include "path.h"

#define FILES_MOST 4096u /* of a trace that are looked at */
#define ARGUMENTS_MOST 64u

/* A trace, as far as it matters here. */
struct program {
    struct rsd_intern files; /* its own */
    char **starts;           /* the working folder, and what the arguments are as paths */
    size_t start_count;
};

static void find_files(struct program *program, const struct rsd_history *history) {
    for (size_t i = 0; i < history->js_name_count && program->files.count < FILES_MOST; i++) {
        const char *path = rsd_script_path(history->js_names[i].file);
        if (path && !strstr(path, "/node_modules/"))
            rsd_intern(&program->files, path, strlen(path));
    }
}

static void find_starts(struct program *program, const struct rsd_meta *meta) {
    size_t arguments = meta->argc < ARGUMENTS_MOST ? meta->argc : ARGUMENTS_MOST;
    program->starts = rsd_zalloc(1 + arguments, sizeof *program->starts);
    if (!meta->cwd)
        return;
    program->starts[program->start_count++] = rsd_strdup(meta->cwd);
    for (size_t i = 1; i < arguments; i++)
        program->starts[program->start_count++] = rsd_path_join(meta->cwd, meta->argv[i]);
}

static struct program program_of(const struct rsd_analysis *analysis) {
    struct program program = {0};
    find_files(&program, &analysis->history);
    find_starts(&program, &analysis->trace.meta);
    return program;
}

static void program_free(struct program *program) {
    rsd_intern_free(&program->files);
    for (size_t i = 0; i < program->start_count; i++)
        free(program->starts[i]);
    free(program->starts);
}

/* Was it started in the folder that is the first `size` bytes of `path`? Yes where that is not known. */
static bool starts_in(const struct program *program, const char *path, size_t size) {
    for (size_t i = 0; i < program->start_count; i++) {
        const char *start = program->starts[i];
        if (strncmp(start, path, size) == 0 && (start[size] == '/' || !start[size]))
            return true;
    }
    return !program->start_count;
}

/* The first bytes of two paths, and how many files speak for them. */
struct pair {
    const char *from, *to;
    size_t from_size, to_size, votes;
};

/* The roots that a file speaks for. False: none. */
static bool find_pair(struct pair *pair, const struct program *program, const char *file, const struct program *first) {
    size_t longest = 0, size = strlen(file);
    for (size_t i = 0; i < first->files.count; i++) {
        const struct rsd_interned *like = &first->files.list[i];
        size_t tail = rsd_path_tail(file, like->bytes);
        if (tail <= longest || !starts_in(program, file, size - tail) ||
            !starts_in(first, like->bytes, like->size - tail))
            continue;
        longest = tail;
        *pair = (struct pair){file, like->bytes, size - tail, like->size - tail, 0};
    }
    return longest != 0;
}

static bool same_pair(const struct pair *a, const struct pair *b) {
    return a->from_size == b->from_size && a->to_size == b->to_size && memcmp(a->from, b->from, a->from_size) == 0 &&
           memcmp(a->to, b->to, a->to_size) == 0;
}

/* All roots that are spoken for; the first are those of files that have the same path, none. */
struct pairs {
    struct pair *list;
    size_t count, capacity;
    const char **unmoved; /* the files of the first */
    size_t unmoved_capacity;
};

static void add_vote(struct pairs *pairs, const struct pair *pair) {
    size_t at = 0;
    while (at < pairs->count && !same_pair(&pairs->list[at], pair))
        at++;
    if (at == pairs->count) {
        RSD_ROOM(pairs->list, pairs->count, pairs->capacity);
        pairs->list[pairs->count++] = *pair;
    }
    if (at == 0) {
        RSD_ROOM(pairs->unmoved, pairs->list->votes, pairs->unmoved_capacity);
        pairs->unmoved[pairs->list->votes] = pair->from;
    }
    pairs->list[at].votes++;
}

/* Do more files speak for these roots than lie below them unmoved? */
static bool prevails(const struct pairs *pairs, const struct pair *pair) {
    size_t against = 0;
    for (size_t i = 0; i < pairs->list->votes; i++)
        against +=
            strncmp(pairs->unmoved[i], pair->from, pair->from_size) == 0 && pairs->unmoved[i][pair->from_size] == '/';
    return pair->votes > against;
}

static void find_root(struct rsd_root *root, const struct program *program, const struct program *first) {
    struct pairs pairs = {0};
    struct pair pair;
    RSD_ROOM(pairs.list, pairs.count, pairs.capacity);
    pairs.list[pairs.count++] = (struct pair){.from = "", .to = ""};
    for (size_t i = 0; i < program->files.count; i++)
        if (find_pair(&pair, program, program->files.list[i].bytes, first))
            add_vote(&pairs, &pair);
    const struct pair *most = pairs.list;
    for (size_t i = 1; i < pairs.count; i++)
        if ((most == pairs.list || pairs.list[i].votes > most->votes) && prevails(&pairs, &pairs.list[i]))
            most = &pairs.list[i];
    root->from = rsd_strndup(most->from, most->from_size);
    root->to = rsd_strndup(most->to, most->to_size);
    free(pairs.list);
    free(pairs.unmoved);
}

void rsd_roots_find(struct rsd_report *const *side, size_t sides) {
    const struct rsd_analysis *first = side[0]->analysis;
    struct program of_first = program_of(first);
    for (size_t i = 0; i < sides; i++) {
        struct program program = program_of(side[i]->analysis);
        rsd_root_free(&side[i]->root);
        find_root(&side[i]->root, &program, &of_first);
        side[i]->root.folder = rsd_strdup(first->trace.meta.cwd ? first->trace.meta.cwd : "");
        program_free(&program);
    }
    program_free(&of_first);
}

char *rsd_root_path(const struct rsd_root *root, const char *file) {
    const char *below = *file == '/' ? rsd_path_below(file, root->from) : NULL;
    char *path = below ? rsd_format("%s/%s", root->to, below) : rsd_strdup(file);
    const char *shown = *root->folder ? rsd_path_below(path, root->folder) : NULL;
    char *name = rsd_strdup(shown ? shown : path);
    free(path);
    return name;
}

void rsd_root_free(struct rsd_root *root) {
    free(root->from);
    free(root->to);
    free(root->folder);
    *root = (struct rsd_root){0};
}
