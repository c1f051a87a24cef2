/*
 * residue start, residue stop: switch the recording of a running process.
 */
#include "command.h"
#include "request.h"

static int ask(const char *command, int argc, char **argv) {
    if (argc != 2)
        return rsd_usage(command, "which process? a pid, or its trace directory");
    return rsd_request(command, argv[1], "");
}

static int run_start(int argc, char **argv) {
    return ask("start", argc, argv);
}

static int run_stop(int argc, char **argv) {
    return ask("stop", argc, argv);
}

const struct rsd_command rsd_command_start = {
    .name = "start",
    .summary = "begin to record the allocations of a running process",
    .help = "usage: residue start PID|TRACE\n"
            "\n"
            "For a process that was started with RESIDUE_START=off, or after `residue stop`.\n"
            "Until then malloc and its kin cost it next to nothing; mappings and memory\n"
            "samples are recorded.\n"
            "\n"
            "What was allocated before is not known: reports begin here, and show what has\n"
            "been allocated since. The ledger has a row for what malloc held before.\n"
            "\n"
            "Returns when recording has begun, within a tenth of a second. The process must\n"
            "have been started with libresidue.so; it needs a second thread, as every node\n"
            "has.\n",
    .run = run_start,
};

const struct rsd_command rsd_command_stop = {
    .name = "stop",
    .summary = "end the recording of a running process; it may be started again",
    .help = "usage: residue stop PID|TRACE\n"
            "\n"
            "What is outstanding is exact at this moment, and reports end here, unless --to\n"
            "says otherwise. Returns when it is done, within a tenth of a second.\n",
    .run = run_stop,
};
