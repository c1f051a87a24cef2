/*
 * residue compact: a trace without what does not matter any more.
 *
 * The new trace is a folder of its own: the old one is the user's to remove, when the new one is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "compact.h"
#include "memory.h"
#include "names/stored.h"
#include "text.h"
#include "write.h"

struct options {
    struct rsd_window_options before; /* its end is the moment */
    bool has_before;
    const char *to;
};

static bool copy_file(const struct rsd_folder *from, const char *to, const char *name, bool must) {
    char *target = rsd_format("%s/%s", to, name), bytes[65536];
    int fd = rsd_folder_file(from, name);
    FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL, *out = in ? rsd_create(target, O_EXCL) : NULL;
    size_t got;
    while (out && (got = fread(bytes, 1, sizeof bytes, in)) > 0)
        fwrite(bytes, 1, got, out);
    bool good = in && out && !ferror(in) && !ferror(out);
    if (out && fclose(out))
        good = false;
    if (in)
        fclose(in);
    free(target);
    return good || (!in && !must);
}

static bool make_folder(const char *path) {
    if (mkdir(path, 0700) == 0)
        return true;
    fprintf(stderr, "residue compact: %s cannot be made: %m\n", path);
    return false;
}

/* The moment, and the start of the window that a report would choose. */
static bool choose(struct rsd_analysis *outline, const struct options *options, uint64_t *start, uint64_t *before) {
    struct rsd_window whole, named;
    rsd_window_choose(&whole, &(struct rsd_window_options){0}, &outline->history, false);
    *start = *before = whole.from;
    free(whole.why);
    if (!options->has_before)
        return true;
    bool found = rsd_window_choose(&named, &options->before, &outline->history, false);
    *before = named.to;
    free(named.why);
    if (!found)
        fprintf(stderr, "residue compact: there is no mark of that name\n");
    return found;
}

static int write_compact(struct rsd_analysis *outline, const struct options *options, const char *to) {
    uint64_t start, before;
    struct rsd_compaction result;
    char *why = NULL;
    if (!choose(outline, options, &start, &before) || !make_folder(to))
        return RSD_FAILED;
    const struct rsd_folder *from = &outline->trace.folder;
    if (!copy_file(from, to, "meta.json", true) || !copy_file(from, to, "status.json", false) ||
        !copy_file(from, to, RSD_NAMES_FILE, false))
        why = rsd_format("meta.json: %s", strerror(errno));
    if (why || !rsd_compact(outline, start, before, to, &result, &why)) {
        fprintf(stderr, "residue compact: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    printf("%s: %s, %s of %s left out, of blocks that died before %.1f s\n", to, rsd_bytes(result.bytes).text,
           rsd_count(result.dropped).text, rsd_counted(result.records, "record").text,
           rsd_history_seconds(&outline->history, before));
    return rsd_flush_output();
}

static int compact(const char *path, const struct options *options) {
    struct rsd_analysis outline;
    char *why = NULL;
    if (!rsd_analyse_outline(&outline, path, &why)) {
        fprintf(stderr, "residue compact: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    char *to = options->to ? rsd_strdup(options->to) : rsd_format("%s.compact", outline.trace.path);
    int status = RSD_FAILED;
    if (outline.trace.running)
        fprintf(stderr, "residue compact: the process of %s still runs; RESIDUE_MAX_SIZE keeps its trace small\n",
                path);
    else
        status = write_compact(&outline, options, to);
    free(to);
    rsd_analysis_free(&outline);
    return status;
}

static bool take_before(struct options *options) {
    options->has_before = true;
    if (strcmp(optarg, "end") == 0) {
        options->before.at = RSD_AT_DEFAULT;
        return true;
    }
    return rsd_moment_argument("compact", "--before", optarg, &options->before.has_to, &options->before.to,
                               &options->before.to_mark);
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"before", required_argument, NULL, 'b'}, {"output", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
    struct options options = {0};
    for (int option; (option = getopt_long(argc, argv, "o:", known, NULL)) != -1;) {
        if (option == 'b' && take_before(&options))
            continue;
        if (option != 'o')
            return option == 'b' ? RSD_USAGE : rsd_usage("compact", "that is no option of it");
        options.to = optarg;
    }
    char *path = rsd_trace_argument("compact", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = compact(path, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_compact = {
    .name = "compact",
    .summary = "write a trace again without what died long ago",
    .help = "usage: residue compact [--before MOMENT] [-o FOLDER] [TRACE]\n"
            "\n"
            "Writes the trace again without the records of blocks that died before the window\n"
            "that `residue report` would choose. What they did is kept as counts by call\n"
            "site: reports on that window show the same figures. The process must have ended;\n"
            "the old trace stays.\n"
            "\n"
            "  --before MOMENT  leave out what died before this: seconds, the name of a mark,\n"
            "                   or end, the end of that window. What is outstanding,\n"
            "                   allocated and called is right from then on; curves before it\n"
            "                   lack the blocks that died\n"
            "  -o, --output FOLDER  where to write (default: TRACE.compact)\n",
    .run = run,
};
