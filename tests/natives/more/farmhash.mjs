// farmhash: C++ on N-API.

import farmhash from 'farmhash';
import { bytes, lines, print } from '../common.mjs';

const hashes = Array.from({ length: 500 }, (_, i) => farmhash.fingerprint32(bytes(i)));
print(hashes.reduce((a, b) => a ^ b), farmhash.fingerprint64(lines(1000)).toString());
