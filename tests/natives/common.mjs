// What the programs in few/ and more/ share: inputs that are the same each time, and short names for long outputs.

import { createHash } from 'node:crypto';

export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

// Bytes that compress a little, and lines of text.
export const bytes = (size, seed = 1) => Buffer.from(Array.from({ length: size }, (_, i) => (i * i * seed) >> 3));
export const lines = (count) => Array.from({ length: count }, (_, i) => `line ${i}: ${(i * 7919) % 1009}\n`).join('');

export const print = (...values) => console.log(JSON.stringify(values));
