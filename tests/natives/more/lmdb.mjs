// lmdb: C++ on N-API, a file mapped whole, a thread that writes.

import { open } from 'lmdb';
import { print } from '../common.mjs';

const db = open({ path: 'lmdb', mapSize: 64 << 20 });
for (let i = 0; i < 3000; i++) db.put(['key', (i * 7919) % 3001], { i, text: `value ${i} `.repeat(20) });
await db.flushed;
await db.transaction(() => { for (let i = 0; i < 500; i++) db.remove(['key', i]); });
print(db.getCount({}), db.get(['key', 600]).i, [...db.getRange({ start: ['key', 2990] })].map(({ value }) => value.i));
await db.close();
