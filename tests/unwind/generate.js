// Random C functions, to be compiled without unwind tables: what compilers do to the stack, in every mixture.
//     node generate.js SEED COUNT > functions.c
// functions.c has one entry, `long generated(int fuel)`, for programs/generated_main.c. Every function allocates, and
// calls later ones only, until the fuel is used up, so the program ends and its result does not depend on the compiler.
'use strict';
let state = BigInt(process.argv[2] || 1) * 0x9e3779b97f4a7c15n + 1n;
const count = Number(process.argv[3] || 60);
const random = (n) => {
  state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
  return Number((state >> 33n) % BigInt(n));
};
const pick = (list) => list[random(list.length)];
const chance = (percent) => random(100) < percent;

const kinds = ['plain', 'plain', 'many', 'floating', 'variadic', 'structure'];
const kindOf = Array.from({ length: count }, () => pick(kinds));
const prototype = {
  plain: (i) => `long f${i}(int n, long a)`,
  many: (i) => `long f${i}(int n, long a, long b, long c, long d, long e, long g, long h, int k)`,
  floating: (i) => `long f${i}(int n, double x, long a, double y)`,
  variadic: (i) => `long f${i}(int n, long a, ...)`,
  structure: (i) => `struct s f${i}(int n, struct s a, long b)`,
};
const call = (j, a) => ({
  plain: `f${j}(n - 1, ${a})`,
  many: `f${j}(n - 1, ${a}, 1, 2, 3, 4, ${a} + 5, 6, n)`,
  floating: `f${j}(n - 1, ${a} * 0.5, ${a}, 1.25)`,
  variadic: `f${j}(n - 1, ${a}, 7L, 9L)`,
  structure: `f${j}(n - 1, (struct s){${a}, n, 3, {1, 2, 3, 4}}, 5).a`,
})[kindOf[j]];
const someCall = (i, a) => (i + 1 < count ? call(i + 1 + random(Math.min(count - i - 1, 12)), a) : 'leaf(n)');

const statements = [
  () => `    { char *p = malloc((unsigned)n % 97u + 1); p[0] = (char)r; r += p[0]; free(p); }`,
  () => `    { char b[${1 + random(300)}]; fill(b, sizeof b, n); r += b[sizeof b / 2]; }`,
  () => `    { int m = (n & 31) + 1; long v[m]; for (int i = 0; i < m; i++) v[i] = r + i; r += touch(v, m); }`,
  () => `    { char *q = __builtin_alloca((size_t)(n & 63) + 16); fill(q, 16, n); r += q[3] + touch(&r, 1); }`,
  () => `    { _Alignas(${pick([32, 64])}) long w[8]; for (int i = 0; i < 8; i++) w[i] = r; r += touch(w, 8); }`,
  (i) => `    if (n & ${1 << random(4)}) r += ${someCall(i, 'r')}; else r ^= leaf(n);`,
  (i) => `    for (int i = 0; i < (n & 3); i++) r += ${someCall(i, 'r + i')};`,
  (i) => `    switch ((unsigned)(n + r) % 7u) { case 0: r += leaf(1); break; case 1: r -= ${someCall(i, 'r')}; break;
    case 2: r ^= 5; case 3: r += leaf(n); break; case 4: r = ~r; break; case 5: r += 3; break; default: r--; }`,
  (i) => `    if (r == 0x7ffffffffffffff1) die(n);`,
  (i) => `    r += table[(unsigned)n % 2u](n);`,
  (i) => `    { double z = r * 1.5; r += ${someCall(i, 'r')}; r += (long)(z * 0) + (z > 1e300); }`,
  (i) => `    while (fuel > 0 && (n & 7) == 5) { fuel--; r += ${someCall(i, 'r')}; n++; }`,
  () => `    for (int t = 0; t < 5; t++) { r = r * 31 + leaf(n); if (r & 1) goto out; if ((r & 6) != 6) break; }`,
];

function body(i) {
  const lines = ['    long r = a_;', '    if (n <= 0 || --fuel < 0) { free(malloc(24)); goto out; }'];
  for (let k = 1 + random(6); k > 0; k--) lines.push(pick(statements)(i));
  const tail = chance(30) && kindOf[i] !== 'structure' ? `    if (r & 2) return ${someCall(i, 'r')};` : '';
  return lines.concat(tail ? [tail] : [], ['out:', '    free(malloc(8));']);
}

const argument = {
  plain: 'a',
  many: 'a + h + k',
  floating: 'a + (long)x + (long)y',
  variadic: 'sum(a, 2, ap)',
  structure: 'a.a + a.c[1] + b',
};
function definition(i) {
  const kind = kindOf[i], inlined = chance(50) ? '' : '__attribute__((noinline)) ';
  const lines = [`${inlined}${chance(70) ? 'static ' : ''}${prototype[kind](i)} {`];
  if (kind === 'variadic') lines.push('    va_list ap; va_start(ap, a);');
  lines.push(`    long a_ = ${argument[kind]};`);
  if (kind === 'variadic') lines.push('    va_end(ap);');
  lines.push(...body(i), kind === 'structure' ? '    return (struct s){r, n, 1, {r, 2, 3, 4}};' : '    return r;', '}');
  return lines.join('\n');
}

const head = `#include <stdarg.h>
#include <stdlib.h>
struct s { long a; int b; short d; long c[4]; };
int fuel;
void fill(char *p, unsigned long n, int c);
long touch(long *p, int n);
static long sum(long a, int n, va_list ap) { while (n--) a += va_arg(ap, long); return a; }
static __attribute__((noinline, noreturn, cold)) void die(int n) { free(malloc(9)); exit(n); }
static __attribute__((noinline)) long leaf(int n) {
    char *p = malloc(16); p[0] = (char)n; long r = p[0]; free(p); return r;
}
static __attribute__((noinline)) long other(int n) { char b[40]; fill(b, sizeof b, n); return leaf(n + 1) + b[7]; }
static long (*volatile table[2])(int) = {leaf, other};`;
const linkage = (text) =>
  text.slice(0, text.indexOf('{')).replace('__attribute__((noinline)) ', '').trim() + ';';
const functions = Array.from({ length: count }, (_, i) => definition(i));
const entries = functions.map((_, i) => `    fuel = limit; r = r * 7 + ${call(i, 'r')};`);
process.stdout.write([head, ...functions.map(linkage), ...functions,
  'long generated(int limit) {', '    long r = 0;', '    int n = 40;', ...entries, '    return r;', '}', ''].join('\n'));
