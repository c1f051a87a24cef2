/* What is wrong with a trace: collected while it is read, shown by every command, fatal to none. */
#ifndef RSD_PROBLEM_H
#define RSD_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#define RSD_NO_OFFSET UINT64_MAX

struct rsd_problem {
    char *file;      /* name within the trace directory */
    uint64_t offset; /* in that file, or RSD_NO_OFFSET */
    char *text;
};

struct rsd_problems {
    struct rsd_problem *list;
    size_t count; /* kept in the list: at most RSD_PROBLEMS_KEPT */
    size_t capacity;
    size_t total; /* met */
};

#define RSD_PROBLEMS_KEPT 1000

void rsd_problem(struct rsd_problems *problems, const char *file, uint64_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "t12.log: offset 81920: text", for people; to be freed. */
char *rsd_problem_text(const struct rsd_problem *problem);
void rsd_problems_free(struct rsd_problems *problems);

#endif
