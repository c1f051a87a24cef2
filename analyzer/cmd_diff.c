/*
 * residue diff: two traces or more, call site by call site.
 */
#include "command.h"
#include "diff.h"
#include "several.h"

static int run(int argc, char **argv) {
    static const struct rsd_several how = {"diff", rsd_diff_make, rsd_diff_text, rsd_diff_json};
    return rsd_several_run(&how, argc, argv);
}

const struct rsd_command rsd_command_diff = {
    .name = "diff",
    .summary = "compare traces, as of several versions of a library",
    .help = "usage: residue diff [OPTIONS] A B [C...]\n"
            "\n"
            "What became of the leak, and the call sites by how much they changed from A to\n"
            "B. Call sites are matched by the names on their stacks, without versions,\n"
            "addresses and lines; what remains, by modules and JavaScript functions alone\n"
            "(`renamed`), or by native functions alone (`moved`). Three traces or more make a\n"
            "table with a column for each, up to 26.\n"
            "\n"
            "  --top N          show N call sites, and the sum of the others; 0: all\n"
            "                   (default: 10)\n"
            "  --per minute     divide by the length of each window: for runs of different\n"
            "                   lengths\n"
            "  --per mark       divide by the number of marks in each window: for runs of\n"
            "                   different work\n"
            "  --per request=N,N  divide by a number of requests, one for each trace\n"
            "  --metric WHAT    growth (default), outstanding, peak, temporary, allocated or\n"
            "                   calls\n"
            "  --from MOMENT    start of the windows (default: the end of each warm-up)\n"
            "  --to MOMENT      end of the windows (default: the start of each teardown)\n"
            "  --at MOMENT      end of the windows: teardown, exit, or end (of the trace)\n"
            "  --source-maps    as in `residue report`\n"
            "  --json           one JSON object\n" RSD_PLACES_HELP,
    .run = run,
};
