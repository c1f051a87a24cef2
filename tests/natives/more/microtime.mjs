// microtime: C++ on N-API.

import microtime from 'microtime';
import { print } from '../common.mjs';

let last = 0;
for (let i = 0; i < 10000; i++) {
  const now = microtime.now();
  if (now < last) throw new Error('back in time');
  last = now;
}
print(microtime.nowStruct().length, Math.abs(last / 1000 - Date.now()) < 1000);
