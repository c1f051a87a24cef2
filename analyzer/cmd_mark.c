/*
 * residue mark: give a moment of a running process a name.
 */
#include <string.h>

#include "command.h"
#include "request.h"

#define LONGEST 127 /* bytes of a name */

static int run(int argc, char **argv) {
    if (argc != 3)
        return rsd_usage("mark", "a process and a name are wanted");
    size_t length = strlen(argv[2]);
    if (!length || length > LONGEST || strchr("0123456789.-+", argv[2][0]))
        return rsd_usage("mark", "a name has 1 to %d bytes and does not begin like a number", LONGEST);
    return rsd_request("mark", argv[1], argv[2]);
}

const struct rsd_command rsd_command_mark = {
    .name = "mark",
    .summary = "give a moment of a running process a name",
    .help = "usage: residue mark PID|TRACE NAME\n"
            "\n"
            "What is outstanding is exact at a mark, and memory is sampled there. `--from\n"
            "NAME` and `--to NAME` of every command on a window begin and end it there.\n"
            "`--per mark` of check, diff and merge divides by the marks in the window, so a\n"
            "mark after each round of work gives growth per round.\n"
            "\n"
            "Returns when the mark is written, within a tenth of a second. The program needs\n"
            "a second thread, as every node has, and nothing of it notices.\n"
            "\n"
            "RESIDUE_SNAPSHOT_AT=90% has the recorder itself set a mark when memory runs\n"
            "short: near-limit at nine tenths of the cgroup's limit, near-heap-limit at nine\n"
            "tenths of V8's; the mark that comes first may be either. A size, such as 1.5GiB,\n"
            "is for RSS.\n"
            "\n"
            "The trace of a PID is found by what the process has mapped, else among the\n"
            "residue.* in this folder. From another container give the trace directory.\n",
    .run = run,
};
