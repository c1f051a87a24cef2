/* What became of call sites from one version to the next. */
#ifndef RSD_DIFF_H
#define RSD_DIFF_H

#include "match.h"

/* Match two traces or more, largest change first. */
void rsd_diff_make(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per);

/* From the first side to the last: "gone" (nothing is held any more), "new" (nothing was held), "grew", "shrank", "varies"
 * (only in between), "same". */
const char *rsd_diff_change(const struct rsd_match *match, const struct rsd_row *row);
/* One sentence on what became of the leak; to be freed. */
char *rsd_diff_verdict(const struct rsd_match *match);

void rsd_diff_text(const struct rsd_match *match, size_t top, FILE *out);
void rsd_diff_json(const struct rsd_match *match, size_t top, FILE *out);
/* Folded stacks of two sides, as FlameGraph's difffolded.pl writes them: the words of a stack, two numbers. */
void rsd_diff_flame(const struct rsd_match *match, FILE *out);

#endif
