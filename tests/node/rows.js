// Holds memory of V8's, of WebAssembly's and resizable, and prints V8's own account of it as JSON; then waits.

const v8 = require('node:v8');

const held = Array.from({ length: 3e5 }, (_, i) => ({ i, list: [i, i + 1] }));
const wasm = new WebAssembly.Memory({ initial: 160, maximum: 1000 });
new Uint8Array(wasm.buffer).fill(1);
const resizable = new ArrayBuffer(4 << 20, { maxByteLength: 64 << 20 });
new Uint8Array(resizable).fill(1);
setInterval(() => held.length, 1000);

setTimeout(() => {
  const spaces = Object.fromEntries(v8.getHeapSpaceStatistics().map((space) => [space.space_name, space.physical_space_size]));
  const { code_space = 0, code_large_object_space = 0, new_space, new_large_object_space, read_only_space = 0 } = spaces;
  const all = Object.values(spaces).reduce((sum, bytes) => sum + bytes, 0);
  console.log(JSON.stringify({
    v8: all - code_space - code_large_object_space,
    v8_young: new_space + new_large_object_space,
    wasm: wasm.buffer.byteLength + resizable.byteLength,
    read_only_space,
  }));
}, 500);
