/* Stacks as lines for people. */
#ifndef RSD_STACK_LINES_H
#define RSD_STACK_LINES_H

#include "report/report.h"

/* `whole`: also the middle of a deep stack. */
void rsd_print_stack(FILE *out, struct rsd_report *report, uint32_t stack, bool whole);
/* The whole stack without paths but those inside of packages. */
void rsd_print_stack_redacted(FILE *out, struct rsd_report *report, uint32_t stack);
/* "sharp/lib/output.js" of "/app/node_modules/sharp/lib/output.js"; other files by their last part, node's own as they are. */
const char *rsd_short_path(const char *file);
/* The name of a frame; a nameless one is its place. To be freed. */
char *rsd_frame_name(const struct rsd_named *frame);

#endif
