/*
 * residue pack: a trace as one file, with all of its names.
 *
 * The trace itself is left as it is: it may be another user's, or on a disk that is full.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "naming.h"
#include "pack/pack.h"
#include "write.h"

#define ENDING ".tar.zst"

/* The trace's name in the current folder; that of a pack is its own, so one is given out anew under another. */
static char *default_name(const char *trace) {
    char *path = rsd_strdup(trace);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = 0;
    char *name = rsd_format("%s" ENDING, rsd_base_name(path));
    free(path);
    return name;
}

static bool write_to(const struct rsd_naming *naming, FILE *out) {
    char *why = NULL;
    bool done = rsd_pack(&naming->analysis.trace, naming->bytes, naming->size, out, &why);
    if (!done)
        fprintf(stderr, "residue pack: %s\n", why);
    free(why);
    return done;
}

/* Beside its place, then renamed: a pack that is there is whole. */
static bool write_file(const struct rsd_naming *naming, const char *file) {
    char *part = rsd_format("%s.part", file);
    FILE *out = rsd_create(part, O_TRUNC);
    bool done = out && write_to(naming, out);
    off_t size = done ? ftello(out) : 0;
    if (out && fclose(out) != 0)
        done = false;
    if (done)
        done = rename(part, file) == 0;
    if (done)
        rsd_naming_say(naming, "pack", file, (uint64_t)size);
    else
        fprintf(stderr, "residue pack: %s could not be written: %m\n", file);
    if (!done && out)
        unlink(part);
    free(part);
    return done;
}

static int pack(const char *path, const char *file, const struct rsd_places *places) {
    struct rsd_naming naming;
    if (!rsd_naming_open(&naming, "pack", path, places))
        return RSD_FAILED;
    bool done = false;
    if (strcmp(file, "-") == 0)
        done = write_to(&naming, stdout) && rsd_flush_output() == RSD_OK;
    else
        done = write_file(&naming, file);
    rsd_naming_close(&naming);
    return done ? RSD_OK : RSD_FAILED;
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"output", required_argument, NULL, 'o'}, RSD_PLACES_OPTIONS, {NULL, 0, NULL, 0}};
    struct rsd_places places = {0};
    const char *chosen = NULL;
    for (int option; (option = getopt_long(argc, argv, "o:", known, NULL)) != -1;)
        if (option == 'o')
            chosen = optarg;
        else if (!rsd_places_argument("pack", option, &places))
            return RSD_USAGE;
    char *path = rsd_trace_argument("pack", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    if (chosen && strcmp(chosen, "-") == 0 && isatty(STDOUT_FILENO)) {
        free(path);
        return rsd_usage("pack", "a pack is not for a terminal");
    }
    char *file = chosen ? rsd_strdup(chosen) : default_name(path);
    int status = pack(path, file, &places);
    free(file);
    free(path);
    return status;
}

const struct rsd_command rsd_command_pack = {
    .name = "pack",
    .summary = "make one file of a trace, to be sent elsewhere",
    .help = "usage: residue pack [OPTIONS] [TRACE]\n"
            "\n"
            "One compressed file with the trace and all names that a report of it needs (see:\n"
            "residue help symbolize). Every command but symbolize takes it in the place of a\n"
            "trace, by its content, so it may be renamed. `tar --zstd -xf` gives back the\n"
            "directory. Its owner alone may read it, as the trace.\n"
            "\n"
            "  -o FILE          write to FILE, `-` for stdout (default: TRACE.tar.zst, in\n"
            "                   this folder)\n" RSD_PLACES_HELP "\n"
            "What is in it besides addresses, sizes and times: the program's path, arguments\n"
            "and working folder; names of functions and files; names of marks. Nothing of\n"
            "what the memory held, and no environment but RESIDUE_*.\n",
    .run = run,
};
