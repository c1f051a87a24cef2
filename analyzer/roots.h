/* Where one program lies, trace by trace. */
#ifndef RSD_ROOTS_H
#define RSD_ROOTS_H

#include "report/report.h"

/* Find the roots of reports that are to be compared, for rsd_root_path. */
void rsd_roots_find(struct rsd_report *const *side, size_t sides);
/* The name of a JavaScript file that is the same in all of them; to be freed. */
char *rsd_root_path(const struct rsd_root *root, const char *file);
void rsd_root_free(struct rsd_root *root);

#endif
