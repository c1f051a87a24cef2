// esbuild: a static program of Go's, spoken to through pipes.

import esbuild from 'esbuild';
import { print } from '../common.mjs';

print(esbuild.transformSync('let a: number = 1 ?? 2; export default a', { loader: 'ts', minify: true }).code);
const all = await Promise.all(Array.from({ length: 20 }, (_, i) => esbuild.transform(`export const x = (a) => a + ${i}`, { minify: true })));
print(all.map(({ code }) => code));
