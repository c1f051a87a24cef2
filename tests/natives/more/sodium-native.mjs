// sodium-native: C, guarded pages by mmap and mprotect.

import sodium from 'sodium-native';
import { bytes, digest, print } from '../common.mjs';

const out = Buffer.alloc(32);
sodium.crypto_generichash(out, bytes(100000));
print(out.toString('hex'));
const key = sodium.sodium_malloc(sodium.crypto_secretbox_KEYBYTES);
key.fill(5);
const nonce = Buffer.alloc(sodium.crypto_secretbox_NONCEBYTES, 1);
for (let i = 0; i < 300; i++) {
  const message = bytes(i * 10 + 1);
  const box = Buffer.alloc(message.length + sodium.crypto_secretbox_MACBYTES);
  sodium.crypto_secretbox_easy(box, message, nonce, key);
  if (i % 100 === 0) print(digest(box));
  const open = Buffer.alloc(message.length);
  if (!sodium.crypto_secretbox_open_easy(open, box, nonce, key) || !open.equals(message)) throw new Error('not the same');
}
sodium.sodium_mprotect_readonly(key);
print(key[3], sodium.crypto_secretbox_open_easy(Buffer.alloc(4), Buffer.alloc(20), nonce, key));
for (let i = 0; i < 200; i++) sodium.sodium_malloc(1000 + i).fill(1);
