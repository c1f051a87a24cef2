// lz4-napi: Rust on N-API, libuv's pool.

import { compress, compressSync, uncompress, uncompressSync } from 'lz4-napi';
import { digest, lines, print } from '../common.mjs';

const text = Buffer.from(lines(20000));
const packed = compressSync(text);
print(packed.length, digest(uncompressSync(packed)) === digest(text));
const all = await Promise.all(Array.from({ length: 20 }, (_, i) => compress(text.subarray(0, 1 + i * 5000))));
print(all.map((one) => one.length), (await uncompress(all[7])).length);
