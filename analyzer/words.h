/* What a stack says, in words that are the same in two versions of a library. */
#ifndef RSD_WORDS_H
#define RSD_WORDS_H

#include "report/report.h"

enum rsd_wording {
    RSD_WORDS_ALL,    /* functions, modules without a version, JavaScript without lines */
    RSD_WORDS_COARSE, /* native frames of modules that changed by the module alone */
    RSD_WORDS_NATIVE, /* without JavaScript */
};

struct rsd_words {
    char **list; /* leaf first */
    size_t count, capacity;
};

/* The roots of the report are found (roots.h). `steady`: names of modules that did not change, NULL behind the last, for COARSE; or NULL. */
void rsd_words_of(struct rsd_words *words, struct rsd_report *report, uint32_t stack, enum rsd_wording wording,
                  const char *const *steady);
void rsd_words_free(struct rsd_words *words);
/* The words as one string, each ended by a newline; to be freed. */
char *rsd_words_key(struct rsd_report *report, uint32_t stack, enum rsd_wording wording, const char *const *steady);

#endif
