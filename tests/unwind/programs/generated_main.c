/* Runs what generate.js has made, and prints its result: the same with the harness as without. */
#include <stdio.h>
#include <stdlib.h>

long generated(int fuel);
void fill(char *p, unsigned long n, int c);
long touch(long *p, int n);

void fill(char *p, unsigned long n, int c) {
    for (unsigned long i = 0; i < n; i++)
        p[i] = (char)(c + (int)i);
    free(malloc(n));
}

long touch(long *p, int n) {
    long sum = 0;
    free(malloc(32));
    for (int i = 0; i < n; i++)
        sum += p[i] & 3;
    return sum;
}

int main(int argc, char **argv) {
    printf("%ld\n", generated(argc > 1 ? atoi(argv[1]) : 2000));
    return 0;
}
