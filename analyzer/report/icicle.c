/*
 * An icicle in plain characters: the root first, each branch one step further in, what has no branches on one line.
 *
 *      97.1 %  152.8 MiB  ######### clone3 > start_thread > worker
 *      94.0 %  149.6 MiB  #########   PipelineWorker::Execute > vips::VImage::webpsave_buffer
 *       3.0 %    3.1 MiB                jpeg
 *
 * The bar is the share of the whole. A frame whose callees all went into one branch is joined to it by `>`, and what would
 * pass the margin is wrapped. Branches below a hundredth of the whole are left out, and counted at the end. Recursion is
 * not joined: the picture shows stacks as they were.
 *
 * Of two traces it draws what changed: a branch is as large as all changes in it, up or down, so that a leak that went and
 * another that came do not hide each other; its figures are the sums of both sides.
 *
 *       change          A          B
 *    -45.1 MiB   45.1 MiB        0 B ---------- clone3 > start_thread > worker
 */
#include "report/icicle.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "report/match_text.h"
#include "report/stack.h"
#include "text.h"
#include "words.h"

#define BAR 10
#define LEAST 0.01      /* of the whole */
#define DEEPEST 20      /* steps in; further ones are not indented more */
#define LONGEST_NAME 60 /* characters */

/* Columns to the left of the names. */
#define SHARE_WIDTH (7 + 1 + 11 + 1 + BAR + 1)
#define CHANGE_WIDTH (11 + 1 + 10 + 1 + 10 + 1 + BAR + 1)

struct node {
    char *name;
    int64_t value;                /* of a difference: what changed below, up or down */
    double side[2];               /* of a difference */
    uint32_t parent, first, next; /* of children: a chain */
};

struct tree {
    struct node *list; /* [0]: the whole */
    size_t count, capacity;
    int64_t omitted;
    size_t omitted_count;
};

static uint32_t child_of(struct tree *tree, uint32_t parent, char *name) {
    uint32_t *link = &tree->list[parent].first;
    for (; *link; link = &tree->list[*link].next)
        if (strcmp(tree->list[*link].name, name) == 0) {
            free(name);
            return *link;
        }
    *link = (uint32_t)tree->count;
    RSD_ROOM(tree->list, tree->count, tree->capacity);
    tree->list[tree->count] = (struct node){.name = name, .parent = parent};
    return (uint32_t)tree->count++;
}

static char *label_of(const struct rsd_walk *walk, const struct rsd_named *frame) {
    char *name = walk->run                       ? rsd_strdup("[JavaScript]")
                 : frame->kind == RSD_FRAME_SEAM ? rsd_format("[%s]", frame->function)
                                                 : rsd_frame_name(frame);
    char *shown = rsd_escape_string(name), *label;
    bool place = !walk->run && frame->kind == RSD_FRAME_JS && frame->file;
    label = place ? rsd_format("%.*s %s:%d", LONGEST_NAME, shown, rsd_short_path(frame->file), frame->line)
                  : rsd_format("%.*s", LONGEST_NAME, shown);
    free(name);
    free(shown);
    return label;
}

static void add_stack(struct tree *tree, struct rsd_report *report, const struct rsd_group *group) {
    char **labels = NULL;
    size_t count = 0, capacity = 0;
    struct rsd_walk walk;
    rsd_walk_begin(&walk, report, group->site.stack, true);
    for (const struct rsd_named *frame; (frame = rsd_walk_next(&walk));) {
        RSD_ROOM(labels, count, capacity);
        labels[count++] = label_of(&walk, frame);
    }
    uint32_t node = 0;
    tree->list[0].value += group->value;
    while (count) {
        node = child_of(tree, node, labels[--count]);
        tree->list[node].value += group->value;
    }
    free(labels);
}

/* The children of a node that are large enough, largest first; the others are counted. */
static uint32_t *branches_of(struct tree *tree, uint32_t node, size_t *count) {
    uint32_t *list = NULL;
    size_t capacity = 0;
    *count = 0;
    for (uint32_t child = tree->list[node].first; child; child = tree->list[child].next) {
        if ((double)tree->list[child].value < LEAST * (double)tree->list[0].value) {
            tree->omitted += tree->list[child].value;
            tree->omitted_count++;
            continue;
        }
        RSD_ROOM(list, *count, capacity);
        size_t at = (*count)++;
        for (; at && tree->list[list[at - 1]].value < tree->list[child].value; at--)
            list[at] = list[at - 1];
        list[at] = child;
    }
    return list;
}

struct drawing {
    struct tree *tree;
    size_t width;
    FILE *out;
    /* What stands to the left of the names, and how wide that is. */
    size_t (*figures)(const struct drawing *drawing, const struct node *node);
    size_t margin;
    const struct rsd_report *report;
    const struct rsd_match *match; /* of a difference */
};

static const char *bar_of(char sign, double share) {
    static char bar[BAR + 1];
    size_t length = (size_t)(share * BAR + 0.5);
    memset(bar, sign, length);
    bar[length] = 0;
    return bar;
}

static size_t put_share(const struct drawing *d, const struct node *node) {
    double share = (double)node->value / (double)d->tree->list[0].value;
    struct rsd_short size = rsd_metric_is_bytes(d->report->options.metric) ? rsd_bytes((uint64_t)node->value)
                                                                           : rsd_count((uint64_t)node->value);
    return (size_t)fprintf(d->out, "%5.1f %% %11s %-*s ", 100 * share, size.text, BAR, bar_of('#', share));
}

/* What does not change below the node has no part in the bar, but in the figures. */
static size_t put_change(const struct drawing *d, const struct node *node) {
    double change = node->side[1] - node->side[0], share = (double)node->value / (double)d->tree->list[0].value;
    return (size_t)fprintf(d->out, "%11s %10s %10s %-*s ", rsd_match_value(d->match, change, true).text,
                           rsd_match_value(d->match, node->side[0], false).text,
                           rsd_match_value(d->match, node->side[1], false).text, BAR,
                           bar_of(change < 0 ? '-' : '+', share));
}

static size_t begin_line(const struct drawing *d, const struct node *node, size_t depth, bool first) {
    size_t indent = 2 * (depth < DEEPEST ? depth : DEEPEST);
    if (!first)
        return (size_t)fprintf(d->out, "%*s", (int)(d->margin + indent + 2), "");
    return d->figures(d, node) + (size_t)fprintf(d->out, "%*s", (int)indent, "");
}

static size_t put_name(const struct drawing *d, size_t column, size_t depth, const char *name, bool joined) {
    size_t length = strlen(name) + (joined ? 3 : 0);
    if (joined && column + length > d->width) {
        fputc('\n', d->out);
        column = begin_line(d, NULL, depth, false);
    }
    if (column + length > d->width)
        length = d->width > column + 4 ? d->width - column : 4;
    fprintf(d->out, "%s%.*s", joined ? " > " : "", (int)(length - (joined ? 3 : 0)), name);
    return column + length;
}

static void draw(struct drawing *d, uint32_t node, size_t depth) {
    size_t column = begin_line(d, &d->tree->list[node], depth, true), count;
    column = put_name(d, column, depth, d->tree->list[node].name, false);
    uint32_t *branches = branches_of(d->tree, node, &count);
    while (count == 1 && (double)d->tree->list[branches[0]].value > 0.99 * (double)d->tree->list[node].value) {
        node = branches[0];
        column = put_name(d, column, depth, d->tree->list[node].name, true);
        free(branches);
        branches = branches_of(d->tree, node, &count);
    }
    fputc('\n', d->out);
    for (size_t i = 0; i < count; i++)
        draw(d, branches[i], depth + 1);
    free(branches);
}

static void draw_tree(struct drawing *d) {
    struct tree *tree = d->tree;
    size_t count = 0;
    uint32_t *branches = tree->list[0].value ? branches_of(tree, 0, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        draw(d, branches[i], 0);
    free(branches);
}

static void begin_tree(struct tree *tree) {
    RSD_ROOM(tree->list, tree->count, tree->capacity);
    tree->list[tree->count++] = (struct node){.name = rsd_strdup("all")};
}

static void free_tree(struct tree *tree) {
    for (size_t i = 0; i < tree->count; i++)
        free(tree->list[i].name);
    free(tree->list);
}

void rsd_report_icicle(struct rsd_report *report, size_t width, FILE *out) {
    struct tree tree = {0};
    struct drawing drawing = {&tree, width, out, put_share, SHARE_WIDTH, report, NULL};
    begin_tree(&tree);
    for (size_t i = 0; i < report->heap.count; i++)
        if (report->heap.list[i].value > 0)
            add_stack(&tree, report, &report->heap.list[i]);
    draw_tree(&drawing);
    if (tree.omitted_count)
        fprintf(out, "%5.1f %% %11s in %s below 1 %%\n", 100 * (double)tree.omitted / (double)tree.list[0].value,
                rsd_metric_is_bytes(report->options.metric) ? rsd_bytes((uint64_t)tree.omitted).text
                                                            : rsd_count((uint64_t)tree.omitted).text,
                rsd_counted(tree.omitted_count, "part").text);
    free_tree(&tree);
}

/* ---- A difference ------------------------------------------------------------------------------------------------- */

static void add_row(struct tree *tree, const struct rsd_match *match, const struct rsd_row *row) {
    size_t shown = rsd_match_shown(match, row);
    double a = row->part[0].value, b = row->part[1].value;
    struct rsd_words words;
    uint32_t node = 0;
    rsd_words_of(&words, match->side[shown], row->part[shown].stack, RSD_WORDS_ALL, NULL);
    for (size_t i = words.count + 1; i-- > 0;) {
        tree->list[node].side[0] += a;
        tree->list[node].side[1] += b;
        tree->list[node].value += (int64_t)fabs(b - a);
        if (!i)
            break;
        char *label = rsd_escape_string(words.list[i - 1]);
        label[strlen(label) < LONGEST_NAME ? strlen(label) : LONGEST_NAME] = 0;
        node = child_of(tree, node, label);
    }
    rsd_words_free(&words);
}

void rsd_diff_icicle(const struct rsd_match *match, size_t width, FILE *out) {
    struct tree tree = {0};
    struct drawing drawing = {&tree, width, out, put_change, CHANGE_WIDTH, NULL, match};
    begin_tree(&tree);
    for (size_t i = 0; i < match->count; i++)
        add_row(&tree, match, &match->list[i]);
    fprintf(out, "%11s %10s %10s\n", "change", "A", "B");
    draw_tree(&drawing);
    if (tree.omitted_count)
        fprintf(out, "%s with less than 1 %% of all changes not shown\n", rsd_counted(tree.omitted_count, "part").text);
    put_change(&drawing, &tree.list[0]);
    fprintf(out, "all\n");
    free_tree(&tree);
}
