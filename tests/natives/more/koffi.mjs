// koffi: C++ on N-API, calls C and is called back from it.

import koffi from 'koffi';
import { print } from '../common.mjs';

const libc = koffi.load('libc.so.6');
const compare = koffi.proto('int compare(const void *, const void *)');
const qsort = libc.func('qsort', 'void', [koffi.inout('int *'), 'size_t', 'size_t', koffi.pointer(compare)]);
const numbers = Int32Array.from({ length: 500 }, (_, i) => (i * 7919) % 1009);
qsort(numbers, numbers.length, 4, (a, b) => koffi.decode(a, 'int') - koffi.decode(b, 'int'));
print(numbers.slice(0, 10), libc.func('int abs(int)')(-7));
const length = libc.func('size_t strlen(const char *)');
print(Array.from({ length: 100 }, (_, i) => length('x'.repeat(i * 10))).reduce((a, b) => a + b));
const later = (i) => new Promise((resolve, reject) => length.async('y'.repeat(i), (error, n) => (error ? reject(error) : resolve(n))));
print(await Promise.all([1, 20, 300].map(later)));
