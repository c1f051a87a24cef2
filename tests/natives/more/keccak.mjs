// keccak: C++ on N-API.

import createKeccakHash from 'keccak';
import { bytes, print } from '../common.mjs';

for (const name of ['keccak256', 'sha3-512', 'shake128']) {
  const hash = createKeccakHash(name);
  for (let i = 0; i < 500; i++) hash.update(bytes(i));
  print(name, name === 'shake128' ? hash.squeeze(40, 'hex') : hash.digest('hex'));
}
