// hnswlib-node: C++ on N-API, threads of libuv's pool.

import hnswlib from 'hnswlib-node';
import { print } from '../common.mjs';

const { HierarchicalNSW } = hnswlib;
const index = new HierarchicalNSW('l2', 8);
index.initIndex(2000, 16, 200, 100);
const point = (i) => Array.from({ length: 8 }, (_, k) => ((i * (k + 3)) % 101) / 101);
for (let i = 0; i < 2000; i++) index.addPoint(point(i), i);
print(index.searchKnn(point(77), 1).distances, index.getCurrentCount());
await index.writeIndex('index');
const again = new HierarchicalNSW('l2', 8);
await again.readIndex('index');
print(again.getCurrentCount(), again.searchKnn(point(78), 1).distances);
