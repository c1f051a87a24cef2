// @node-rs/argon2: Rust on N-API, libuv's pool.

import { hash, hashSync, verify } from '@node-rs/argon2';
import { print } from '../common.mjs';

const options = { salt: Buffer.alloc(16, 7), memoryCost: 4096, timeCost: 2, parallelism: 2 };
const hashes = await Promise.all(['a', 'b', 'c', 'd'].map((password) => hash(password, options)));
print(hashes, hashSync('a', options) === hashes[0], await verify(hashes[1], 'b'), await verify(hashes[1], 'c'));
