/*
 * What symbolize and pack have in common: all names of a trace as the bytes of its file `names`.
 *
 * No event is read, only modules, JavaScript functions and stacks, so a trace of gigabytes is done in seconds.
 */
#include "naming.h"

#include <stdio.h>

#include "command.h"
#include "memory.h"
#include "names/lookup.h"
#include "text.h"

bool rsd_naming_open(struct rsd_naming *naming, const char *command, const char *path,
                     const struct rsd_places *places) {
    struct rsd_analysis *a = &naming->analysis;
    char *why = NULL;
    if (!rsd_analyse_outline(a, path, &why)) {
        fprintf(stderr, "residue %s: %s\n", command, why);
        free(why);
        return false;
    }
    rsd_stacks_read(&a->stacks, &a->trace, &a->history, &a->source);
    struct rsd_lookup *lookup = rsd_lookup_open(&a->trace, &a->history, places);
    naming->bytes = rsd_store_names(&a->trace, &a->history, &a->stacks, lookup, &naming->size, &naming->sums);
    rsd_lookup_close(lookup);
    if (naming->bytes)
        return true;
    fprintf(stderr, "residue %s: %s has more names than can be stored\n", command, path);
    rsd_analysis_free(a);
    return false;
}

void rsd_naming_close(struct rsd_naming *naming) {
    free(naming->bytes);
    rsd_analysis_free(&naming->analysis);
}

void rsd_naming_say(const struct rsd_naming *naming, const char *command, const char *path, uint64_t bytes) {
    char *shown = rsd_escape_string(path);
    fprintf(stderr, "residue %s: wrote %s, %s; of %s in code %s have a name\n", command, shown, rsd_bytes(bytes).text,
            rsd_counted(naming->sums.addresses, "place").text, rsd_count(naming->sums.named).text);
    rsd_print_problems(command, &naming->analysis.trace.problems);
    free(shown);
}
