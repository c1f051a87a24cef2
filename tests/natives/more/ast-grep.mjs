// @ast-grep/napi: Rust on N-API, tree-sitter.

import { Lang, parse, parseAsync } from '@ast-grep/napi';
import { print } from '../common.mjs';

const source = Array.from({ length: 500 }, (_, i) => `function f${i}(a) { console.log(a + ${i}); return a; }`).join('\n');
const found = parse(Lang.JavaScript, source).root().findAll('console.log($A)');
print(found.length, found[77].getMatch('A').text(), found[77].range().start);
const roots = await Promise.all(Array.from({ length: 6 }, () => parseAsync(Lang.TypeScript, source)));
print(roots.map((one) => one.root().children().length));
