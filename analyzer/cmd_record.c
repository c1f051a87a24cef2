/*
 * residue record: run a program with the recorder preloaded.
 *
 * Plain LD_PRELOAD does the same; this sets the variables, watches how the program ends and says where the trace is.
 * The program is to notice nothing: stdin, stdout and stderr are its own, and it stays in our process group, so that
 * the terminal's signals (^C, ^Z) reach it directly. Signals that somebody sends to us by kill are passed on; those
 * that the kernel made for the whole group are not, or the program would get them twice.
 *
 * We end as the program ends: with its exit status, or by the same signal (without a core dump of ours).
 *
 * Which trace is the program's is found afterwards: of the directories that the pattern can have made, the newest whose
 * meta.json has its pid and start time. (The recorder adds .2, .3, ... to a name that is taken, and each exec in the
 * same process makes a trace of its own; the last one is the program that was meant.) Where the program is npm or a shell
 * it is a child that matters, so those of other processes that began since are named too.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "memory.h"
#include "text.h"
#include "trace.h"
#include "write.h"

#define DEFAULT_PATTERN "residue.%p"

#define OTHERS_SHOWN 3

enum { CANNOT_RUN = 126, NOT_FOUND = 127 }; /* as the shell has it */

/* ---- The recorder ------------------------------------------------------------------------------------------------ */

/* Beside the executable, where the build puts it, or in ../lib/residue, where `make install` does. To be freed. */
static char *find_recorder(void) {
    static const char *const place[] = {"libresidue.so", "../lib/residue/libresidue.so"};
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0)
        return NULL;
    self[length] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    for (size_t i = 0; i < sizeof place / sizeof *place; i++) {
        char *path = rsd_format("%s/%s", self, place[i]);
        char *real = realpath(path, NULL);
        free(path);
        if (real)
            return real;
    }
    fprintf(stderr, "residue record: libresidue.so is neither in %s nor in %s/../lib/residue\n", self, self);
    return NULL;
}

/* ld.so parts LD_PRELOAD at spaces and colons and knows no way to quote them. */
static bool can_be_preloaded(const char *path) {
    if (!strpbrk(path, " :"))
        return true;
    fprintf(stderr, "residue record: %s cannot be preloaded: its path has a space or a colon in it\n", path);
    return false;
}

static void set_environment(const char *recorder, const char *pattern, const char *depth) {
    const char *others = getenv("LD_PRELOAD");
    char *preload = others && *others ? rsd_format("%s:%s", recorder, others) : rsd_strdup(recorder);
    setenv("LD_PRELOAD", preload, 1);
    setenv("RESIDUE_OUT", pattern, 1);
    if (depth)
        setenv("RESIDUE_DEPTH", depth, 1);
    free(preload);
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

static volatile pid_t program;
static const int passed_on[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,  SIGUSR1,
                                SIGUSR2, SIGALRM, SIGCONT, SIGWINCH, SIGPIPE};

static void pass_on(int signal, siginfo_t *info, void *context) {
    (void)context;
    int saved = errno;
    if (info->si_code != SI_KERNEL && info->si_pid != program && program > 0)
        kill(program, signal);
    errno = saved;
}

static void catch_signals(struct sigaction *before) {
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
        sigaction(passed_on[i], NULL, &before[i]);
        if (before[i].sa_handler != SIG_IGN) /* nohup: stays ignored, for us and for the program */
            sigaction(passed_on[i], &action, NULL);
    }
}

/* In the child: the signals' actions are ours until exec resets them, so only ignored ones need no care. */
static void run_program(char **argv, int report) {
    execvp(argv[0], argv);
    int error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(CANNOT_RUN);
    _exit(error == ENOENT ? NOT_FOUND : CANNOT_RUN);
}

/* 0, or the errno of the exec that failed. */
static int exec_error(int pipe_end) {
    int error = 0;
    ssize_t got;
    while ((got = read(pipe_end, &error, sizeof error)) < 0 && errno == EINTR)
        continue;
    close(pipe_end);
    return got == sizeof error ? error : 0;
}

struct result {
    int error;  /* of exec */
    int status; /* of waitpid */
    uint64_t start_time;
};

static bool start_and_wait(char **argv, struct result *result) {
    struct sigaction before[sizeof passed_on / sizeof *passed_on];
    sigset_t all, old;
    int ends[2];
    bool alive;
    if (pipe2(ends, O_CLOEXEC))
        return false;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old); /* no signal may come before we know whom to pass it on to */
    pid_t pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &old, NULL);
        run_program(argv, ends[1]);
    }
    program = pid;
    catch_signals(before);
    sigprocmask(SIG_SETMASK, &old, NULL);
    close(ends[1]);
    if (pid < 0)
        return false;
    result->error = exec_error(ends[0]);
    result->start_time = rsd_process_start_time(pid, &alive); /* a zombie has it too */
    while (waitpid(pid, &result->status, 0) < 0)
        if (errno != EINTR)
            return false;
    return true;
}

/* ---- The trace --------------------------------------------------------------------------------------------------- */

static char *with_pid(const char *pattern, pid_t pid) {
    char *result = rsd_strdup("");
    for (const char *at = pattern; *at;) {
        size_t plain = strcspn(at, "%");
        bool is_pid = at[plain] == '%' && at[plain + 1] == 'p';
        size_t taken = is_pid || !at[plain] ? plain : plain + 1; /* another % is kept as it is */
        char number[16];
        snprintf(number, sizeof number, "%d", (int)pid);
        char *longer = rsd_format("%s%.*s%s", result, (int)taken, at, is_pid ? number : "");
        free(result);
        result = longer;
        at += taken + (is_pid ? 2 : 0);
    }
    return result;
}

/* The folder of the traces, and what the names of all in it begin with: everything before a %p or %e. */
static char *folder_of(const char *pattern, char **prefix) {
    const char *slash = strrchr(pattern, '/');
    *prefix = rsd_strdup(slash ? slash + 1 : pattern);
    (*prefix)[strcspn(*prefix, "%")] = 0;
    if (!slash || slash == pattern)
        return rsd_strdup(slash ? "/" : ".");
    char *folder = rsd_strndup(pattern, (size_t)(slash - pattern)), *path = with_pid(folder, program);
    free(folder);
    return path;
}

/* The program's own trace in a list that is sorted by start; NULL when there is none. */
static const struct rsd_listed *own_trace(const struct rsd_listed *list, size_t count, uint64_t start_time) {
    for (size_t i = count; i-- > 0;)
        if (list[i].meta.pid == program && list[i].meta.start_time == start_time)
            return &list[i];
    return NULL;
}

static int largest_first(const void *first, const void *second) {
    const struct rsd_listed *a = *(const struct rsd_listed *const *)first,
                            *b = *(const struct rsd_listed *const *)second;
    return a->bytes < b->bytes ? 1 : a->bytes > b->bytes ? -1 : strcmp(a->path, b->path);
}

/* Returns how many there are. */
static size_t tell_others(const struct rsd_listed *list, size_t count, uint64_t start_time) {
    const struct rsd_listed **other = rsd_alloc(count * sizeof *other);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i].meta.pid != program && list[i].meta.start_time >= start_time)
            other[found++] = &list[i];
    qsort(other, found, sizeof *other, largest_first);
    for (size_t i = 0; i < found && i < OTHERS_SHOWN; i++) {
        char *path = rsd_escape_string(other[i]->path), *words = rsd_listed_words(other[i]);
        fprintf(stderr, "%s%s (%s)", i ? ", " : "residue: processes that it started: ", path, words);
        free(path);
        free(words);
    }
    if (found > OTHERS_SHOWN)
        fprintf(stderr, ", and %zu more (residue list)", found - OTHERS_SHOWN);
    if (found)
        fputc('\n', stderr);
    free(other);
    return found;
}

/* FORMAT.md 7: "`{"exit": 0}` or `{"signal": 9}`". Written beside and renamed, so that it is never half there. */
static void write_status(const char *trace, int status) {
    char *part = rsd_format("%s/status.json.part", trace), *path = rsd_format("%s/status.json", trace);
    FILE *file = rsd_create(part, O_TRUNC);
    if (file) {
        if (WIFSIGNALED(status))
            fprintf(file, "{\"signal\": %d}\n", WTERMSIG(status));
        else
            fprintf(file, "{\"exit\": %d}\n", WEXITSTATUS(status));
        if (fclose(file) == 0)
            rename(part, path);
    }
    free(part);
    free(path);
}

static void tell_own(const char *path, int status) {
    write_status(path, status);
    char *shown = rsd_escape_string(path);
    fprintf(stderr, "residue: recorded %s; read it with: residue report %s\n", shown, shown);
    free(shown);
}

static void finish_trace(const char *pattern, const struct result *result) {
    struct rsd_listed *list;
    char *prefix, *folder = folder_of(pattern, &prefix);
    size_t count = rsd_trace_list(folder, prefix, &list);
    const struct rsd_listed *own = own_trace(list, count, result->start_time);
    size_t others = tell_others(list, count, result->start_time);
    if (own)
        tell_own(own->path, result->status);
    else if (getenv("RESIDUE_ONLY"))
        fprintf(stderr, "residue: the program itself was not recorded: RESIDUE_ONLY does not name it\n");
    else if (!others)
        fprintf(stderr, "residue: no trace was made: a static or setuid program cannot be traced\n");
    rsd_trace_list_free(list, count);
    free(folder);
    free(prefix);
}

static int end_like(int status) {
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    struct rlimit none = {0, 0};
    sigset_t set;
    int signal_number = WTERMSIG(status);
    setrlimit(RLIMIT_CORE, &none);
    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(signal_number);
    return 128 + signal_number;
}

static int record(char **argv, const char *pattern, const char *depth) {
    char *recorder = find_recorder();
    if (!recorder || !can_be_preloaded(recorder)) {
        free(recorder);
        return CANNOT_RUN;
    }
    struct result result = {0};
    set_environment(recorder, pattern, depth);
    free(recorder);
    if (!start_and_wait(argv, &result)) {
        fprintf(stderr, "residue record: the program could not be started: %m\n");
        return CANNOT_RUN;
    }
    if (result.error) {
        fprintf(stderr, "residue record: %s: %s\n", argv[0], strerror(result.error));
        return result.error == ENOENT ? NOT_FOUND : CANNOT_RUN;
    }
    finish_trace(pattern, &result);
    return end_like(result.status);
}

static int run(int argc, char **argv) {
    static const struct option known[] = {
        {"output", required_argument, NULL, 'o'}, {"depth", required_argument, NULL, 'd'}, {NULL, 0, NULL, 0}};
    const char *from_outside = getenv("RESIDUE_OUT");
    const char *pattern = from_outside && *from_outside ? from_outside : DEFAULT_PATTERN, *depth = NULL;
    double number;
    for (int option; (option = getopt_long(argc, argv, "+o:", known, NULL)) != -1;) {
        if (option == 'o') {
            pattern = optarg;
        } else if (option == 'd') {
            if (!rsd_number_argument("record", "--depth", optarg, &number))
                return RSD_USAGE;
            depth = optarg;
        } else {
            return rsd_usage("record", "that is no option of it");
        }
    }
    if (optind == argc)
        return rsd_usage("record", "which program is to be run?");
    return record(argv + optind, pattern, depth);
}

const struct rsd_command rsd_command_record = {
    .name = "record",
    .summary = "run a program and record its allocations",
    .help = "usage: residue record [-o PATTERN] [--depth N] -- PROGRAM [ARGUMENTS]\n"
            "\n"
            "Runs the program with libresidue.so preloaded. Its input, output, signals and\n"
            "exit status are its own. When it has ended, the last line on stderr names the\n"
            "trace, and one before it those of the processes that it started, as npm starts\n"
            "node.\n"
            "\n"
            "  -o, --output PATTERN  the trace directory's name; %p: process id, %e: name of\n"
            "                        the executable (default: residue.%p). A name that is\n"
            "                        taken gets .2, .3, ...; every process that the program\n"
            "                        starts makes its own.\n"
            "  --depth N             frames of a stack that are kept (default and most: 1024)\n"
            "\n"
            "The same without this command: LD_PRELOAD=/path/to/libresidue.so PROGRAM, with\n"
            "the options as variables: RESIDUE_OUT, RESIDUE_DEPTH. RESIDUE_MODE=full keeps\n"
            "every event, RESIDUE_MODE=sample=512KiB records a sample in each 512 KiB\n"
            "allocated, for production; RESIDUE_MAX_SIZE=2GiB keeps the trace below that;\n"
            "RESIDUE_JS=off leaves JavaScript without names, RESIDUE_JS=map has V8's own code\n"
            "map name it; RESIDUE_START=off waits for `residue start`;\n"
            "RESIDUE_SNAPSHOT_AT=90% or a size sets a mark when memory runs short.\n"
            "RESIDUE_ONLY=node,npx records only executables of these names (a * at the end\n"
            "stands for any more); RESIDUE_FOLLOW=0 leaves out children that are forked and\n"
            "execute nothing.\n",
    .run = run,
};
