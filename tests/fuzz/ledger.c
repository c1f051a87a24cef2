/*
 * The analyzer's half of the differential test: see ledger.h. A file of its own, because recorder and analyzer give some
 * structs the same names.
 */
#include "ledger.h"

#include <stdlib.h>
#include <string.h>

#include "analysis.h"
#include "fuzz.h"

static void show(const struct rsd_analysis *a) {
    for (size_t i = 0; i < a->trace.problems.count; i++)
        fprintf(stderr, "%s: %s\n", a->trace.problems.list[i].file, a->trace.problems.list[i].text);
    for (int i = 0; i < RSD_ODDITIES; i++)
        if (a->pairing.anomaly[i])
            fprintf(stderr, "anomaly %d: %llu\n", i, (unsigned long long)a->pairing.anomaly[i]);
}

void ledger_compare(const struct ledger *ledger, const char *folder, const char *mark) {
    struct rsd_analysis_options options = {.quiet = true, .window = {.to_mark = mark, .at = RSD_AT_END}};
    struct rsd_analysis a;
    struct ledger told = {{0}, {0}, {0}};
    char *why = NULL;
    FUZZ_MUST(rsd_analyse(&a, folder, &options, &why));
    for (size_t i = 0; i < a.pairing.heap.count; i++) {
        const struct rsd_site *site = &a.pairing.heap.list[i];
        const struct rsd_stack_node *node = &a.stacks.nodes[site->stack];
        FUZZ_MUST(node->offset >= 0x1000 && node->offset - 0x1000 < LEDGER_SITES);
        told.bytes[node->offset - 0x1000] += site->now.live_bytes;
        told.blocks[node->offset - 0x1000] += site->now.live_blocks;
        told.calls[node->offset - 0x1000] += site->now.calls;
    }
    if (rsd_pairing_anomalies(&a.pairing) || a.trace.problems.total)
        show(&a);
    FUZZ_MUST(!rsd_pairing_anomalies(&a.pairing) && !a.trace.problems.total);
    FUZZ_MUST(memcmp(told.bytes, ledger->bytes, sizeof told.bytes) == 0);
    FUZZ_MUST(memcmp(told.blocks, ledger->blocks, sizeof told.blocks) == 0);
    FUZZ_MUST(mark || memcmp(told.calls, ledger->calls, sizeof told.calls) == 0);
    rsd_analysis_free(&a);
}
