/*
 * The fuzz targets: functions that take any bytes and must come back, soon and with little memory.
 *
 * Each is called by three mains: driver.c (the corpus, as an ordinary test), libfuzzer.c under libFuzzer, and the same
 * under AFL++. A target asserts what must hold whatever the bytes are; the sanitizers assert the rest.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* X(name, what the bytes are) */
#define FUZZ_TARGETS(X)                                                                                                \
    X(trace, "a whole trace directory as a bundle (bundle.h), through every command that reads one")                   \
    X(log, "a log file, byte by byte")                                                                                 \
    X(frame, "a frame's header and its content before compression")                                                    \
    X(live, "a live file, byte by byte")                                                                               \
    X(tagged, "tagged records, one behind the other")                                                                  \
    X(meta, "meta.json")                                                                                               \
    X(package, "package.json, and the path of a file below it")                                                        \
    X(elf, "an ELF file that a trace names, with DWARF or without")                                                    \
    X(demangle, "a symbol")                                                                                            \
    X(cfi, "unwind tables of a loaded object, as the recorder reads them")                                             \
    X(code, "machine code without tables, and a stack")                                                                \
    X(object, "an ELF image in memory, and a stack: deriving rules")                                                   \
    X(js, "V8's heap as words, and a frame in it")                                                                     \
    X(recorder, "calls of malloc and free by four threads, checked against a ledger")

#define X(name, bytes) void fuzz_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS(X)
#undef X

typedef void fuzz_target(const uint8_t *data, size_t size);
/* NULL: there is none of that name. */
fuzz_target *fuzz_find(const char *name);

/* A folder in memory that belongs to this process, empty: it is emptied by each call, and gone when the process ends. */
const char *fuzz_folder(void);
void fuzz_file(const char *name, const void *bytes, size_t size);
/* The path of a file in it; overwritten by the next call. */
const char *fuzz_path(const char *name);
/* Whatever is written there is forgotten. */
FILE *fuzz_nowhere(void);

/* The first bytes of the input, taken away from it: 0 when there are no more. */
struct fuzz_input {
    const uint8_t *at, *end;
};
uint64_t fuzz_take(struct fuzz_input *input, unsigned bytes);

/* What must hold. */
#define FUZZ_MUST(condition) ((condition) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #condition))
static inline __attribute__((noreturn)) void fuzz_broken(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: this must hold: %s\n", file, line, condition);
    abort();
}

#endif
