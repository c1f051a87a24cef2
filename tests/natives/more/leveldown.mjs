// leveldown: C++ on N-API, LevelDB with a thread of its own.

import leveldown from 'leveldown';
import { promisify } from 'node:util';
import { print } from '../common.mjs';

const db = leveldown('level');
const call = (name, ...args) => promisify(db[name]).apply(db, args);
await call('open');
for (let round = 0; round < 5; round++) {
  await call('batch', Array.from({ length: 1000 }, (_, i) => ({ type: 'put', key: `key ${(i * 7919 + round) % 3001}`, value: `${round}`.repeat(100) })));
}
print(String(await call('get', 'key 77')), await call('get', 'nothing').catch((error) => error.message));
await call('close');
