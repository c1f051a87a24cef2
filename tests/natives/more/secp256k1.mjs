// secp256k1: C++ on N-API.

import secp256k1 from 'secp256k1';
import { print } from '../common.mjs';

const signatures = Array.from({ length: 100 }, (_, i) => {
  const key = Buffer.alloc(32, i + 1);
  const message = Buffer.alloc(32, 255 - i);
  const { signature } = secp256k1.ecdsaSign(message, key);
  if (!secp256k1.ecdsaVerify(signature, message, secp256k1.publicKeyCreate(key))) throw new Error('not signed');
  return signature;
});
print(Buffer.from(signatures[42]).toString('hex'));
