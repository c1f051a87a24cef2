/* A pack, unpacked into files without a name (FORMAT.md 9). */
#ifndef RSD_UNPACK_H
#define RSD_UNPACK_H

#include <stdbool.h>

#include "problem.h"

struct rsd_unpacked;

/* Unpack what `fd` reads. NULL, with *why (to be freed): it is no pack, or nothing of it can be had. What is wrong with
 * parts of it becomes problems. `outline`: only up to the logs. */
struct rsd_unpacked *rsd_unpack(int fd, const char *path, bool outline, struct rsd_problems *problems, char **why);
void rsd_unpacked_free(struct rsd_unpacked *unpacked);

/* As rsd_folder_file and rsd_folder_each. */
int rsd_unpacked_file(const struct rsd_unpacked *unpacked, const char *name);
void rsd_unpacked_each(const struct rsd_unpacked *unpacked, void (*visit)(void *context, const char *name),
                       void *context);

#endif
