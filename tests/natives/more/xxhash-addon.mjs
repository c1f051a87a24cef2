// xxhash-addon: C++ on N-API.

import xxhash from 'xxhash-addon';
import { bytes, print } from '../common.mjs';

for (const name of ['XXHash64', 'XXHash3', 'XXHash128']) {
  const hash = new xxhash[name](Buffer.alloc(8, 1));
  for (let i = 0; i < 300; i++) hash.update(bytes(i + 1));
  print(name, hash.digest().toString('hex'));
}
