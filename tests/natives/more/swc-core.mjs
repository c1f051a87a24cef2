// @swc/core: Rust on N-API, an allocator of its own, threads.

import { minify, parse, transform, transformSync } from '@swc/core';
import { digest, print } from '../common.mjs';

const source = Array.from({ length: 200 }, (_, i) => `export class C${i}<T> { #x: number = ${i}; async get(): Promise<number> { return this.#x ?? ${i} } }`).join('\n');
const options = { filename: 'a.ts', jsc: { parser: { syntax: 'typescript' }, target: 'es2015' }, sourceMaps: true };
const { code, map } = transformSync(source, options);
print(code.length, digest(code), digest(map));
const all = await Promise.all(Array.from({ length: 8 }, () => transform(source, options)));
print(all.every((one) => one.code === code), (await minify(code, { compress: true, mangle: true, module: true })).code.length);
print((await parse('let a = 1')).body[0].type, await parse('let = =').catch(() => 'refused'));
