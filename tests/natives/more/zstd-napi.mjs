// zstd-napi: C++ on N-API, a zstd of its own beside node's and ours.

import { Compressor, compress, decompress } from 'zstd-napi';
import { digest, lines, print } from '../common.mjs';

const text = Buffer.from(lines(30000));
for (const compressionLevel of [1, 3, 9]) print(compressionLevel, digest(decompress(compress(text, { compressionLevel }))) === digest(text));
const compressor = new Compressor();
compressor.setParameters({ compressionLevel: 5, checksumFlag: true });
compressor.loadDictionary(text.subarray(0, 5000));
print(compressor.compress(text).length);
