// oxc-parser: Rust on N-API, mimalloc inside.

import { parse, parseSync } from 'oxc-parser';
import { digest, print } from '../common.mjs';

const source = Array.from({ length: 300 }, (_, i) => `export const f${i} = async (a = ${i}, ...rest) => \`\${a} \${await rest[${i}]}\`;`).join('\n');
const { program, errors } = parseSync('a.js', source);
print(program.body.length, digest(JSON.stringify(program)), errors.length);
const all = await Promise.all(Array.from({ length: 8 }, () => parse('a.js', source)));
print(all.every((one) => one.program.body.length === 300), parseSync('b.js', 'let = =').errors.length > 0);
