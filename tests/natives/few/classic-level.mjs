// classic-level: C++ on N-API, LevelDB with a thread of its own.

import { ClassicLevel } from 'classic-level';
import { digest, print } from '../common.mjs';

const db = new ClassicLevel('level');
for (let round = 0; round < 10; round++) {
  await db.batch(Array.from({ length: 1000 }, (_, i) => ({ type: 'put', key: `key ${(i * 7919 + round) % 5003}`, value: `${round} `.repeat(50) })));
}
await db.compactRange('a', 'z');
const entries = await db.iterator({ gte: 'key 1', lt: 'key 3' }).all();
print(entries.length, digest(JSON.stringify(entries)), await db.get('key 77'));
await db.close();
