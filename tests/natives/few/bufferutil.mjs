// bufferutil: C on N-API, what ws masks its frames with.

import bufferutil from 'bufferutil';
import { bytes, digest, print } from '../common.mjs';

const mask = Buffer.from([1, 2, 3, 4]);
for (let i = 0; i < 500; i++) {
  const source = bytes(100 + i);
  const masked = Buffer.alloc(source.length);
  bufferutil.mask(source, mask, masked, 0, source.length);
  if (i % 100 === 0) print(digest(masked));
  bufferutil.unmask(masked, mask);
  if (!masked.equals(source)) throw new Error('not the same');
}
