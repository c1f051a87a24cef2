/*
 * residue symbolize: the names of a trace, stored in it.
 */
#include <stdio.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "names/stored.h"
#include "naming.h"

/* Beside its place, then renamed, so that it is never half there. */
static bool write_whole(const char *path, const uint8_t *bytes, size_t size) {
    char *part = rsd_format("%s.part", path);
    FILE *file = fopen(part, "we");
    bool done = file && fwrite(bytes, 1, size, file) == size;
    if (file)
        done = fclose(file) == 0 && done;
    done = done && rename(part, path) == 0;
    if (!done && file)
        unlink(part);
    free(part);
    return done;
}

static int symbolize(const char *path, const struct rsd_places *places) {
    struct rsd_naming naming;
    if (!rsd_naming_open(&naming, "symbolize", path, places))
        return RSD_FAILED;
    bool done = false;
    char *file = rsd_format("%s/%s", naming.analysis.trace.path, RSD_NAMES_FILE);
    if (naming.analysis.trace.folder.unpacked)
        fprintf(stderr, "residue symbolize: %s is a pack: `residue pack` makes another one of it, with new names\n",
                path);
    else if (!(done = write_whole(file, naming.bytes, naming.size)))
        fprintf(stderr, "residue symbolize: %s could not be written: %m\n", file);
    else
        rsd_naming_say(&naming, "symbolize", file, naming.size);
    free(file);
    rsd_naming_close(&naming);
    return done ? RSD_OK : RSD_FAILED;
}

static int run(int argc, char **argv) {
    static const struct option known[] = {RSD_PLACES_OPTIONS, {NULL, 0, NULL, 0}};
    struct rsd_places places = {0};
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
        if (!rsd_places_argument("symbolize", option, &places))
            return RSD_USAGE;
    char *path = rsd_trace_argument("symbolize", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = symbolize(path, &places);
    free(path);
    return status;
}

const struct rsd_command rsd_command_symbolize = {
    .name = "symbolize",
    .summary = "store the names of functions in a trace",
    .help = "usage: residue symbolize [OPTIONS] [TRACE]\n"
            "\n"
            "Functions, inlined functions, source lines and packages are looked up in the\n"
            "programs and libraries of this machine when a report is made. This looks all of\n"
            "them up now and stores them in the trace, as the file `names`: from then on\n"
            "every command says the same on a machine that has none of these files. `residue\n"
            "pack` does it too, without touching the trace.\n"
            "\n" RSD_PLACES_HELP "\n"
            "With one of these, what is found there counts more than what is stored.\n"
            "DEBUGINFOD_URLS in the environment names servers for debug files that are not\n"
            "here.\n",
    .run = run,
};
