// @parcel/watcher: C++ on N-API, a thread that waits on inotify.

import watcher from '@parcel/watcher';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { print } from '../common.mjs';

const here = realpathSync('.');
await watcher.writeSnapshot(here, 'snapshot', { backend: 'brute-force' });
for (let i = 0; i < 100; i++) writeFileSync(`file${i}`, 'x');
const since = await watcher.getEventsSince(here, 'snapshot', { backend: 'brute-force' });
print(since.filter(({ path }) => /file\d/.test(path)).length);

mkdirSync('watched');
const seen = new Promise((resolve, reject) => {
  const all = [];
  watcher.subscribe(`${here}/watched`, (error, events) => {
    if (error) return reject(error);
    all.push(...events.map(({ type, path }) => `${type} ${basename(path)}`));
    if (all.length === 3) resolve(all.sort());
  }, { backend: 'inotify' }).then(async (subscription) => {
    for (const name of ['a', 'b', 'c']) mkdirSync(`watched/${name}`);
    await seen;
    await subscription.unsubscribe();
  });
});
print(await seen);
