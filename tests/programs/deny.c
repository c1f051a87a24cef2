/*
 * Runs a program in a world where some system calls fail: with a seccomp filter that answers them with an error.
 *
 *     deny CALL=ERROR [CALL=ERROR ...] -- PROGRAM [ARGUMENTS]
 *
 * A CALL is a name of the table below. Some are narrowed by their arguments to what a recorder does and no ordinary
 * program: opening with O_NOFOLLOW and O_NOCTTY, writing more than a word elsewhere than to the standard streams.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum condition { ANY, ALL_BITS, ABOVE };

static const struct call {
    const char *name;
    unsigned number;
    struct test {
        enum condition condition;
        unsigned argument, value;
    } test[2];
} calls[] = {
    {"open", SYS_openat, {{ALL_BITS, 2, O_NOFOLLOW | O_NOCTTY}}},
    {"create", SYS_openat, {{ALL_BITS, 2, O_NOFOLLOW | O_NOCTTY | O_CREAT}}},
    {"append", SYS_openat, {{ALL_BITS, 2, O_NOFOLLOW | O_NOCTTY | O_APPEND}}},
    {"write", SYS_write, {{ABOVE, 0, 2}, {ABOVE, 2, 8}}},
    {"map-shared", SYS_mmap, {{ALL_BITS, 2, PROT_READ | PROT_WRITE}, {ALL_BITS, 3, MAP_SHARED}}},
    {"mkdir", SYS_mkdir, {{ANY}}},
    {"fallocate", SYS_fallocate, {{ANY}}},
    {"ftruncate", SYS_ftruncate, {{ANY}}},
    {"madvise", SYS_madvise, {{ANY}}},
    {"prlimit64", SYS_prlimit64, {{ANY}}},
    {"statfs", SYS_statfs, {{ANY}}},
    {"readlink", SYS_readlink, {{ANY}}},
    {"getcwd", SYS_getcwd, {{ANY}}},
    {"getrandom", SYS_getrandom, {{ANY}}},
    {"close_range", SYS_close_range, {{ANY}}},
    {"clone", SYS_clone, {{ANY}}},
    {"prctl", SYS_prctl, {{ANY}}},
    {"tgkill", SYS_tgkill, {{ANY}}},
    {"sched_yield", SYS_sched_yield, {{ANY}}},
    {"sigprocmask", SYS_rt_sigprocmask, {{ANY}}},
};

static const struct {
    const char *name;
    unsigned number;
} errors[] = {{"EPERM", EPERM},          {"EACCES", EACCES}, {"ENOSPC", ENOSPC}, {"EMFILE", EMFILE},
              {"ENFILE", ENFILE},        {"EDQUOT", EDQUOT}, {"EROFS", EROFS},   {"EIO", EIO},
              {"ENOSYS", ENOSYS},        {"ENOMEM", ENOMEM}, {"ENODEV", ENODEV}, {"EFBIG", EFBIG},
              {"EOPNOTSUPP", EOPNOTSUPP}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct sock_filter program[512];
static unsigned short length;

static void put(struct sock_filter instruction) {
    program[length++] = instruction;
}

static unsigned lower_half(unsigned argument) {
    return (unsigned)(offsetof(struct seccomp_data, args) + argument * sizeof(__u64));
}

/* A test that fails goes on behind the answer: `left` instructions further on. */
static void put_test(const struct test *test, unsigned char left) {
    if (test->condition == ANY)
        return;
    put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, lower_half(test->argument)));
    if (test->condition == ALL_BITS) {
        put((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, test->value));
        put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, test->value, 0, left));
    } else {
        put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, test->value, 0, left));
    }
}

static unsigned char size_of(const struct test *test) {
    return test->condition == ANY ? 0 : test->condition == ALL_BITS ? 3 : 2;
}

static void put_call(const struct call *call, unsigned error) {
    unsigned char second = size_of(&call->test[1]), all = (unsigned char)(size_of(&call->test[0]) + second + 1);
    put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->number, 0, all));
    put_test(&call->test[0], second + 1);
    put_test(&call->test[1], 1);
    put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
}

static int add(const char *rule) {
    const char *equals = strchr(rule, '=');
    size_t name = equals ? (size_t)(equals - rule) : 0;
    for (size_t i = 0; i < COUNT(calls); i++)
        for (size_t k = 0; k < COUNT(errors); k++)
            if (strlen(calls[i].name) == name && !memcmp(calls[i].name, rule, name) &&
                !strcmp(errors[k].name, equals + 1)) {
                put_call(&calls[i], errors[k].number);
                return 0;
            }
    fprintf(stderr, "deny: %s: not known\n", rule);
    return -1;
}

int main(int argc, char **argv) {
    int i = 1;
    for (; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (add(argv[i]))
            return 2;
    if (i + 1 >= argc)
        return 2;
    put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    struct sock_fprog filter = {length, program};
    /* What comes from here on is already under the filter. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter)) {
        perror("deny");
        return 2;
    }
    execvp(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 127;
}
