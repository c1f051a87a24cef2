/* What the commands on several traces have in common: options, opening, writing. */
#ifndef RSD_SEVERAL_H
#define RSD_SEVERAL_H

#include "match.h"

struct rsd_several {
    const char *command;
    void (*make)(struct rsd_match *match, struct rsd_report *const *side, size_t sides, const struct rsd_per *per);
    void (*text)(const struct rsd_match *match, size_t top, FILE *out);
    void (*json)(const struct rsd_match *match, size_t top, FILE *out);
};

/* Run the command; returns its exit status. */
int rsd_several_run(const struct rsd_several *how, int argc, char **argv);

#endif
