/*
 * residue: the analyzer's command line. The first argument names the command (command.c lists them, cmd_*.c are they);
 * `residue CMD --help` is `residue help CMD`.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "command.h"

/* A trace has two files per writer, open at the same time. */
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int show_help(const char *name) {
    char help[] = "help", command[32];
    snprintf(command, sizeof command, "%s", name);
    char *argv[] = {help, command, NULL};
    return rsd_command_help.run(2, argv);
}

int main(int argc, char **argv) {
    char help[] = "help", *nothing[] = {help, NULL};
    if (argc < 2) {
        rsd_command_help.run(1, nothing);
        return RSD_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return rsd_command_help.run(1, nothing);
    if (strcmp(argv[1], "--version") == 0)
        return rsd_command_version.run(1, argv + 1);
    const struct rsd_command *command = rsd_command_find(argv[1]);
    if (!command) {
        fprintf(stderr, "residue: there is no command %s (see: residue help)\n", argv[1]);
        return RSD_USAGE;
    }
    if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
        return show_help(command->name);
    if (command != &rsd_command_record) /* what it runs must find the limits as they were */
        raise_file_limit();
    return command->run(argc - 1, argv + 1);
}
