// @node-rs/crc32: Rust on N-API.

import { crc32, crc32c } from '@node-rs/crc32';
import { bytes, print } from '../common.mjs';

let sum = 0;
for (let i = 0; i < 2000; i++) sum = crc32c(bytes(i % 300, i), sum);
print(sum, crc32('residue'), crc32(bytes(100000)));
