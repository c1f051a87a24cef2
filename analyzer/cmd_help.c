/*
 * residue help: the commands, or one of them. The texts stand with the commands.
 */
#include <stdio.h>

#include "command.h"

static int run(int argc, char **argv) {
    if (argc > 2)
        return rsd_usage("help", "one command at a time");
    if (argc == 2) {
        const struct rsd_command *command = rsd_command_find(argv[1]);
        if (!command)
            return rsd_usage("help", "there is no command %s", argv[1]);
        fputs(command->help, stdout);
        return rsd_flush_output();
    }
    puts("residue traces the native memory of Node.js: which call site holds it.\n"
         "\n"
         "usage: residue COMMAND [OPTIONS] [TRACE]\n"
         "\n"
         "  residue record -- node server.js   then   residue report\n"
         "\n"
         "commands:");
    for (size_t i = 0; rsd_commands[i]; i++)
        printf("  %-9s %s\n", rsd_commands[i]->name, rsd_commands[i]->summary);
    puts("\n"
         "A command that is given no trace takes the newest residue.* in the current\n"
         "directory. RESIDUE_JOBS=N unpacks a trace with N threads (default: the\n"
         "processors, at most 4).\n"
         "residue help COMMAND tells more about one.");
    return rsd_flush_output();
}

const struct rsd_command rsd_command_help = {
    .name = "help",
    .summary = "explain a command",
    .help = "usage: residue help [COMMAND]\n"
            "\n"
            "Lists the commands, or explains one. `residue COMMAND --help` is the same.\n",
    .run = run,
};
