// argon2: C on N-API, libuv's pool, threads.

import argon2 from 'argon2';
import { print } from '../common.mjs';

const options = { salt: Buffer.alloc(16, 3), memoryCost: 4096, timeCost: 2, parallelism: 2 };
const hashes = await Promise.all(['a', 'b', 'c', 'd'].map((password) => argon2.hash(password, options)));
print(hashes, await argon2.verify(hashes[2], 'c'), await argon2.verify(hashes[2], 'd'));
