// WebAssembly that calls back into JavaScript, which allocates.
'use strict';
const bytes = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 9, 2, 96, 1, 127, 0, 96, 1, 127, 0, 2, 7, 1, 1, 109, 1, 102, 0, 0, 3, 2, 1, 1, 7, 5, 1, 1,
  103, 0, 1, 10, 23, 1, 21, 0, 3, 64, 32, 0, 16, 0, 32, 0, 65, 1, 107, 34, 0, 65, 0, 74, 13, 0, 11, 11,
]);
const rounds = Number(process.argv[2] || 400);
const keep = [];
const allocate = (n) => { keep[n] = Buffer.alloc(64 + n); };
for (let i = 0; i < rounds; i++) {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { m: { f: allocate } });
  instance.exports.g(100);
}
console.log('wasm', rounds, keep.length);
