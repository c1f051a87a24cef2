/*
 * The corpus as an ordinary test: every input of every target is run once, and must be done in SECONDS.
 *
 *     corpus FOLDER             for each target the files in FOLDER/TARGET; prints how many there were
 *     corpus TARGET FILE...     these alone
 *     corpus --bundle TRACE     a trace directory as an input for the target `trace`, on stdout
 *
 * An input lies in memory that ends where it ends, so that a sanitizer sees a read behind it. The one that was being run is
 * named when the process dies, by whatever: a signal, a sanitizer, the time.
 */
#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bundle.h"
#include "fuzz.h"

#define SECONDS 20 /* the slowest takes a fiftieth of it, under the sanitizers */

static char running[4096];

/* Of the sanitizers, if there is one. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void tell(void) {
    static const char before[] = "while running ";
    ssize_t written = write(STDERR_FILENO, before, sizeof before - 1);
    written += write(STDERR_FILENO, running, strlen(running));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
}

static void died(int signal) {
    tell();
    raise(signal);
}

static void watch(void) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM};
    struct sigaction ours = {.sa_handler = died, .sa_flags = (int)SA_RESETHAND}, before;
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(tell);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) {
        sigaction(fatal[i], NULL, &before);
        if (before.sa_handler == SIG_DFL) /* else a sanitizer has it */
            sigaction(fatal[i], &ours, NULL);
    }
}

static bool run_file(fuzz_target *target, const char *path) {
    struct stat info;
    FILE *file = fopen(path, "re");
    if (!file || fstat(fileno(file), &info) || !S_ISREG(info.st_mode)) {
        if (file)
            fclose(file);
        return false;
    }
    size_t size = (size_t)info.st_size;
    uint8_t *data = malloc(size ? size : 1);
    FUZZ_MUST(data && fread(data, 1, size, file) == size);
    fclose(file);
    snprintf(running, sizeof running, "%s", path);
    alarm(SECONDS);
    target(data, size);
    alarm(0);
    free(data);
    return true;
}

static unsigned run_folder(fuzz_target *target, const char *folder) {
    unsigned count = 0;
    char path[4096];
    struct dirent **list;
    int entries = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < entries; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        count += run_file(target, path);
        free(list[i]);
    }
    if (entries >= 0)
        free(list);
    return count;
}

static int run_all(const char *corpus) {
    unsigned total = 0, empty = 0;
    char path[4096];
#define X(name, bytes)                                                                                                 \
    {                                                                                                                  \
        snprintf(path, sizeof path, "%s/%s", corpus, #name);                                                           \
        unsigned count = run_folder(fuzz_##name, path);                                                                \
        printf("%-9s %u inputs\n", #name, count);                                                                      \
        total += count;                                                                                                \
        empty += count == 0;                                                                                           \
    }
    FUZZ_TARGETS(X)
#undef X
    printf("%u inputs, none of them broke anything\n", total);
    return empty != 0;
}

int main(int argc, char **argv) {
    watch();
    if (argc == 3 && strcmp(argv[1], "--bundle") == 0)
        return bundle_pack(argv[2], stdout) ? 0 : 1;
    if (argc == 2)
        return run_all(argv[1]);
    fuzz_target *target = argc > 2 ? fuzz_find(argv[1]) : NULL;
    if (!target) {
        fputs("usage: corpus FOLDER, corpus TARGET FILE..., corpus --bundle TRACE\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        if (!run_file(target, argv[i])) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
    return 0;
}
