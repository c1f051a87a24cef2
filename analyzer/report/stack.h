/* Stacks as lines for people. */
#ifndef RSD_STACK_LINES_H
#define RSD_STACK_LINES_H

#include "report/report.h"

/* `whole`: also the middle of a deep stack. */
void rsd_print_stack(FILE *out, struct rsd_report *report, uint32_t stack, bool whole);
/* The name of a frame; a nameless one is its place. To be freed. */
char *rsd_frame_name(const struct rsd_named *frame);

#endif
