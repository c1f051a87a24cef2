/* The files of a trace: in a directory, or in a pack. */
#ifndef RSD_FOLDER_H
#define RSD_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "pack/unpack.h"
#include "problem.h"

struct rsd_folder {
    char *path;                    /* as given, without a final slash */
    struct rsd_unpacked *unpacked; /* NULL: it is a directory */
};

/* Open a directory, or unpack a pack. False, with *why (to be freed): it is neither, or nothing can be read there. What is
 * wrong with a pack that can be read in part becomes problems. `outline`: of a pack only what stands before the logs. */
bool rsd_folder_open(struct rsd_folder *folder, const char *path, bool outline, struct rsd_problems *problems,
                     char **why);
void rsd_folder_close(struct rsd_folder *folder);

/* A file, open for reading at its start, to be closed; -1, with errno, when it is not there. */
int rsd_folder_file(const struct rsd_folder *folder, const char *name);
/* Call `visit` with the name of each file. */
void rsd_folder_each(const struct rsd_folder *folder, void (*visit)(void *context, const char *name), void *context);

#endif
