/*
 * residue version: one line, with the version of the format, which is what decides whether a trace can be read.
 */
#include <stdio.h>

#include "command.h"
#include "residue/format.h"
#include "residue/version.h"

static int run(int argc, char **argv) {
    (void)argv;
    if (argc > 1)
        return rsd_usage("version", "it takes no arguments");
    printf("residue %s, trace format %u.%u\n", RESIDUE_VERSION, RESIDUE_FORMAT_MAJOR, RESIDUE_FORMAT_MINOR);
    return rsd_flush_output();
}

const struct rsd_command rsd_command_version = {
    .name = "version",
    .summary = "print the version",
    .help = "usage: residue version\n"
            "\n"
            "Prints the version of residue and of the trace format that it reads and writes.\n",
    .run = run,
};
