/*
 * residue merge: the traces of several workers of one service, as one report.
 */
#include "command.h"
#include "several.h"
#include "workers.h"

static int run(int argc, char **argv) {
    static const struct rsd_several how = {"merge", rsd_workers_make, rsd_workers_text, rsd_workers_json};
    return rsd_several_run(&how, argc, argv);
}

const struct rsd_command rsd_command_merge = {
    .name = "merge",
    .summary = "report on several workers of one service as one",
    .help = "usage: residue merge [OPTIONS] TRACE TRACE...\n"
            "\n"
            "The traces of the workers of a cluster, or of pm2, as one report: how many leak,\n"
            "the call sites by their sum over the workers, with each worker's share and the\n"
            "spread. Call sites are matched by the names on their stacks. Up to 26 workers.\n"
            "\n"
            "  --top N          show N call sites, and the sum of the others; 0: all\n"
            "                   (default: 10)\n"
            "  --per minute     divide by the length of each window\n"
            "  --per mark       divide by the number of marks in each window\n"
            "  --per request=N,N  divide by a number of requests, one for each trace\n"
            "  --metric WHAT    growth (default), outstanding, peak, temporary, allocated or\n"
            "                   calls\n"
            "  --from MOMENT    start of the windows (default: the end of each warm-up)\n"
            "  --to MOMENT      end of the windows (default: the start of each teardown)\n"
            "  --at MOMENT      end of the windows: teardown, exit, or end (of the trace)\n"
            "  --source-maps    as in `residue report`\n"
            "  --json           one JSON object\n" RSD_PLACES_HELP "\n"
            "`residue flame TRACE TRACE...` adds the same traces up as folded stacks.\n",
    .run = run,
};
