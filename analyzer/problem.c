/*
 * Problems of a trace.
 *
 * A trace may be cut anywhere, still be growing, or be damaged on its way here. The reader takes what is there and
 * leaves a problem for what is not: file, offset, a sentence. Nothing is fatal by itself; the commands decide what
 * to show. A hostile file can make millions of problems, so only the first RSD_PROBLEMS_KEPT keep their text and the
 * rest are counted.
 */
#include "problem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "memory.h"

void rsd_problem(struct rsd_problems *problems, const char *file, uint64_t offset, const char *format, ...) {
    problems->total++;
    if (problems->count == RSD_PROBLEMS_KEPT)
        return;
    char text[512];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    RSD_ROOM(problems->list, problems->count, problems->capacity);
    problems->list[problems->count++] =
        (struct rsd_problem){.file = rsd_strdup(file), .offset = offset, .text = rsd_strdup(text)};
}

char *rsd_problem_text(const struct rsd_problem *problem) {
    if (problem->offset == RSD_NO_OFFSET)
        return rsd_format("%s: %s", problem->file, problem->text);
    return rsd_format("%s: offset %" PRIu64 ": %s", problem->file, problem->offset, problem->text);
}

void rsd_problems_free(struct rsd_problems *problems) {
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->list[i].file);
        free(problems->list[i].text);
    }
    free(problems->list);
    *problems = (struct rsd_problems){0};
}
