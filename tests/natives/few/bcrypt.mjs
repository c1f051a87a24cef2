// bcrypt: C++ on N-API, libuv's pool.

import bcrypt from 'bcrypt';
import { print } from '../common.mjs';

const SALT = '$2b$06$abcdefghijklmnopqrstuu';
print(bcrypt.hashSync('residue', SALT), bcrypt.getRounds(SALT));
const hashes = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((password) => bcrypt.hash(password, SALT)));
print(hashes, await bcrypt.compare('c', hashes[2]), await bcrypt.compare('c', hashes[3]));
