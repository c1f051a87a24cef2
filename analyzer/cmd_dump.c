/*
 * residue dump: the raw records (dump.c).
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "dump.h"
#include "memory.h"

static bool kind_of(const char *text, unsigned *kinds) {
    static const char *const name[] = {"alloc", "free", "large", "node", "other"};
    for (unsigned i = 0; i < RESIDUE_KINDS; i++)
        if (strcmp(text, name[i]) == 0) {
            *kinds |= 1u << i;
            return true;
        }
    rsd_usage("dump", "--kind wants alloc, free, large, node or other, not %s", text);
    return false;
}

static int dump(const char *path, const struct rsd_dump_options *options) {
    struct rsd_trace trace;
    struct rsd_source source;
    char *why = NULL;
    if (!rsd_trace_open(&trace, path, &why)) {
        fprintf(stderr, "residue dump: %s\n", why);
        free(why);
        return RSD_FAILED;
    }
    rsd_source_open(&source, &trace.problems, trace.cutoff);
    rsd_dump(&trace, &source, options, stdout);
    rsd_print_problems("dump", &trace.problems);
    rsd_source_close(&source);
    rsd_trace_close(&trace);
    return rsd_flush_output();
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"writer", required_argument, NULL, 'w'}, {"kind", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
    struct rsd_dump_options options = {0};
    double number;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'k' && kind_of(optarg, &options.kinds))
            continue;
        if (option != 'w')
            return option == 'k' ? RSD_USAGE : rsd_usage("dump", "that is no option of it");
        if (!rsd_number_argument("dump", "--writer", optarg, &number))
            return RSD_USAGE;
        options.has_writer = true;
        options.writer = (uint32_t)number;
    }
    if (!options.kinds)
        options.kinds = (1u << RESIDUE_KINDS) - 1;
    char *path = rsd_trace_argument("dump", argc, argv, optind);
    if (!path)
        return RSD_USAGE;
    int status = dump(path, &options);
    free(path);
    return status;
}

const struct rsd_command rsd_command_dump = {
    .name = "dump",
    .summary = "print the raw records of a trace",
    .help = "usage: residue dump [--writer N] [--kind KIND]... [TRACE]\n"
            "\n"
            "Prints one line a record. NODE records come first, writer by writer; all others\n"
            "in the order of time over all writers, the order that the analysis uses.\n"
            "\n"
            "  --writer N   only the records of writer N (0: the process)\n"
            "  --kind KIND  only alloc, free, large, node or other; may be given more than\n"
            "               once\n"
            "\n"
            "Lines are TIME wWRITER KIND and fields; `ring` at the end: from the nursery's\n"
            "ring.\n"
            "\n"
            "  - wW node ID parent=ID KIND SOURCE pc=0xPC owner=ID flags=N\n"
            "  TIME wW alloc FUNCTION 0xADDRESS SIZE node=ID\n"
            "  TIME wW free FUNCTION 0xADDRESS\n"
            "  TIME wW large FUNCTION 0xADDRESS SIZE node=ID detail=0xDETAIL\n"
            "  TIME wW thread tid=N serial=N creator=wW/ID name=\"NAME\"\n"
            "  TIME wW module id=N start=0x.. end=0x.. bias=0x.. build-id=HEX path=\"PATH\"\n"
            "  TIME wW barrier reason=N name=\"NAME\"\n"
            "                       1 teardown, 2 exit, 3 mark, 4 start, 5 stop,\n"
            "                       6 periodic\n"
            "  TIME wW memory virtual=N rss=N shared=N     bytes\n"
            "  ... and so on for the other tagged records of FORMAT.md, section 5\n"
            "\n"
            "Times are in ticks of the trace's clock. Problems go to stderr.\n",
    .run = run,
};
