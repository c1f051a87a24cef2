// @tailwindcss/oxide: Rust on N-API, rayon's threads.

import { Scanner } from '@tailwindcss/oxide';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { digest, print } from '../common.mjs';

mkdirSync('src');
for (let i = 0; i < 200; i++) writeFileSync(`src/page${i}.html`, `<p class="m-${i} flex hover:text-[${i}px] md:grid-cols-${i % 12}">`);
const scanner = new Scanner({ sources: [{ base: realpathSync('src'), pattern: '**/*', negated: false }] });
const found = scanner.scan().sort();
print(found.length, digest(found.join()), scanner.files.length);
