/* Limits of memory cgroups, on files that are made up. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "residue/cgroup.h"

static const struct file { const char *path, *text; } * files;

static long read_file(const char *path, char *out, size_t size) {
    for (const struct file *file = files; file->path; file++)
        if (strcmp(file->path, path) == 0)
            return snprintf(out, size, "%s", file->text);
    return -1;
}

static void is(const struct file *made_up, uint64_t expected) {
    files = made_up;
    cr_assert_eq(residue_cgroup_memory_limit(read_file), expected);
}

Test(cgroup, version_2_the_smallest_up_to_the_root) {
    is((const struct file[]){{"/proc/self/cgroup", "0::/a.slice/b.scope\n"},
                             {"/sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n"},
                             {"/sys/fs/cgroup/a.slice/memory.max", "300\n"},
                             {NULL, NULL}},
       300);
    is((const struct file[]){{"/proc/self/cgroup", "0::/a/b\n"},
                             {"/sys/fs/cgroup/a/b/memory.max", "500\n"},
                             {"/sys/fs/cgroup/a/memory.max", "300\n"},
                             {NULL, NULL}},
       300);
    is((const struct file[]){{"/proc/self/cgroup", "0::/a\n"}, {"/sys/fs/cgroup/a/memory.max", "max\n"}, {NULL, NULL}},
       0);
}

Test(cgroup, in_a_container_the_root_is_its_own) {
    is((const struct file[]){{"/proc/self/cgroup", "0::/\n"}, {"/sys/fs/cgroup/memory.max", "200\n"}, {NULL, NULL}},
       200);
    is((const struct file[]){{"/proc/self/cgroup", "4:memory:/docker/0123\n"},
                             {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "100\n"},
                             {NULL, NULL}},
       100);
}

Test(cgroup, version_1_beside_an_empty_version_2) {
    is((const struct file[]){{"/proc/self/cgroup", "9:cpu:/x\n4:memory:/a/b\n0::/\n"},
                             {"/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"},
                             {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "700\n"},
                             {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
                             {NULL, NULL}},
       700);
}

Test(cgroup, where_nothing_can_be_read_there_is_no_limit) {
    is((const struct file[]){{NULL, NULL}}, 0);
    is((const struct file[]){{"/proc/self/cgroup", "nonsense\n:\n\n0::"}, {NULL, NULL}}, 0);
}
