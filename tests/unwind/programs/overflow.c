/* Recursion that allocates until the stack overflows; the handler, on a stack of its own, allocates as well. */
#define _GNU_SOURCE 1
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static volatile unsigned depth;

static void on_overflow(int signal_number) {
    (void)signal_number;
    for (int i = 0; i < 1000; i++)
        free(malloc(100));
    _exit(depth > 1000 ? 0 : 1);
}

static __attribute__((noinline)) unsigned recurse(unsigned n) {
    volatile char block[200];
    char *p = malloc(n % 1000 + 1);
    block[n % 200] = (char)(p != NULL);
    depth = n;
    unsigned result = recurse(n + 1) + (unsigned)block[n % 200];
    free(p);
    return result;
}

int main(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};
    struct rlimit limit = {1 << 20, 1 << 20};
    setrlimit(RLIMIT_STACK, &limit);
    sigaltstack(&alternate, NULL);
    sigaction(SIGSEGV, &action, NULL);
    return (int)recurse(0);
}
