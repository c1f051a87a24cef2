/* What a program of the tests knows to be outstanding, and the analyzer's word on it. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdint.h>

#define LEDGER_SITES 8u /* as many as the recorder's parts have */

struct ledger {
    uint64_t bytes[LEDGER_SITES], blocks[LEDGER_SITES]; /* outstanding */
    uint64_t calls[LEDGER_SITES];                       /* ever */
};

/* The trace in `folder`, analysed up to the mark of that name (NULL: to its end), must say the same, site by site, without an
 * anomaly or a problem. `calls` only where they are exact: at the end. */
void ledger_compare(const struct ledger *ledger, const char *folder, const char *mark);

#endif
