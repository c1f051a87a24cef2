// isolated-vm: C++ on V8's own API: further isolates in the process, with threads and limits of their own.

import ivm from 'isolated-vm';
import { print } from '../common.mjs';

const run = async (seed) => {
  const isolate = new ivm.Isolate({ memoryLimit: 32 });
  const context = await isolate.createContext();
  const sum = await context.eval(`let s = 0; const a = []; for (let i = 0; i < 200000; i++) { a.push({ i }); s += i * ${seed} % 7; } s`);
  isolate.dispose();
  return sum;
};
print(await Promise.all([1, 2, 3, 4].map(run)));
const isolate = new ivm.Isolate({ memoryLimit: 16 });
const context = isolate.createContextSync();
print(await context.eval('for (;;);', { timeout: 50 }).catch((error) => error.message));
print(await context.eval('const all = []; for (;;) all.push(new Array(1000).fill(all.length))').catch((error) => error.message));
