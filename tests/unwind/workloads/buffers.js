// Buffers of 64 B to 8 KiB, kept a little while, from a few call depths.
'use strict';
const rounds = Number(process.argv[2] || 300000);
const keep = new Array(512);
const make = [
  (n) => Buffer.alloc(n),
  (n) => Buffer.from('x'.repeat(n)),
  (n) => new Uint8Array(n),
  (n) => Buffer.allocUnsafeSlow(n),
];
const nested = (depth, n, i) => (depth ? nested(depth - 1, n, i) : make[i & 3](n));
for (let i = 0; i < rounds; i++) keep[i & 511] = nested(i % 5, 64 << (i % 8), i);
console.log('buffers', rounds, keep.length);
