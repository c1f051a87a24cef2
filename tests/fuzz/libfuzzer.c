/*
 * The main of libFuzzer, and of AFL++ by its driver for libFuzzer's targets. One program for all targets: which one it
 * runs is told by RESIDUE_FUZZ, so that they are built and linked once.
 */
#include <stdlib.h>

#include "fuzz.h"

static fuzz_target *target;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    const char *name = getenv("RESIDUE_FUZZ");
    target = name ? fuzz_find(name) : NULL;
    if (target)
        return 0;
    fprintf(stderr, "RESIDUE_FUZZ names the target, one of:\n");
#define X(name, bytes) fprintf(stderr, "  %-9s %s\n", #name, bytes);
    FUZZ_TARGETS(X)
#undef X
    exit(2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    target(data, size);
    return 0;
}
