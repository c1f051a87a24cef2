// snappy: Rust on N-API.

import { compress, compressSync, uncompress, uncompressSync } from 'snappy';
import { digest, lines, print } from '../common.mjs';

const text = Buffer.from(lines(20000));
const packed = compressSync(text);
print(text.length, packed.length, digest(uncompressSync(packed)) === digest(text));
const all = await Promise.all(Array.from({ length: 20 }, (_, i) => compress(text.subarray(0, i * 5000))));
print(all.map((one) => one.length), (await uncompress(all[7])).length);
print(await uncompress(Buffer.from('not snappy')).catch(() => 'refused'));
