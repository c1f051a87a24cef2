/*
 * The files of a trace, by name, whether they lie in a directory or in a pack. Whoever reads a trace takes its files from
 * here, and so every command reads a pack as it reads a directory.
 *
 * Which of the two a path is, is told by what is there and not by how it is called: trackers and mail programs rename.
 */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"

static bool unpack(struct rsd_folder *folder, bool outline, struct rsd_problems *problems, char **why) {
    int fd = open(folder->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        *why = rsd_format("%s: %s", folder->path, strerror(errno));
        return false;
    }
    folder->unpacked = rsd_unpack(fd, folder->path, outline, problems, why);
    close(fd);
    return folder->unpacked != NULL;
}

bool rsd_folder_open(struct rsd_folder *folder, const char *path, bool outline, struct rsd_problems *problems,
                     char **why) {
    struct stat info;
    *folder = (struct rsd_folder){.path = rsd_strdup(path)};
    for (size_t length = strlen(path); length > 1 && folder->path[length - 1] == '/'; length--)
        folder->path[length - 1] = 0;
    bool found = stat(folder->path, &info) == 0;
    if (!found)
        *why = rsd_format("%s: %s", path, strerror(errno));
    else if (!S_ISDIR(info.st_mode))
        found = unpack(folder, outline, problems, why);
    if (!found)
        rsd_folder_close(folder);
    return found;
}

void rsd_folder_close(struct rsd_folder *folder) {
    rsd_unpacked_free(folder->unpacked);
    free(folder->path);
    *folder = (struct rsd_folder){0};
}

int rsd_folder_file(const struct rsd_folder *folder, const char *name) {
    if (folder->unpacked)
        return rsd_unpacked_file(folder->unpacked, name);
    char *path = rsd_format("%s/%s", folder->path, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    return fd;
}

void rsd_folder_each(const struct rsd_folder *folder, void (*visit)(void *context, const char *name), void *context) {
    if (folder->unpacked) {
        rsd_unpacked_each(folder->unpacked, visit, context);
        return;
    }
    DIR *dir = opendir(folder->path);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        visit(context, entry->d_name);
    if (dir)
        closedir(dir);
}
