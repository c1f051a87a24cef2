// tree-sitter: C++ on N-API, and a grammar as a second addon.

import Parser from 'tree-sitter';
import JavaScript from 'tree-sitter-javascript';
import { digest, print } from '../common.mjs';

const parser = new Parser();
parser.setLanguage(JavaScript);
const source = Array.from({ length: 300 }, (_, i) => `const f${i} = (a) => { if (a > ${i}) return [a, ...b]; };`).join('\n');
let tree = parser.parse(source);
print(tree.rootNode.childCount, digest(tree.rootNode.toString()));
for (let i = 0; i < 20; i++) tree = parser.parse(source + `let x${i};`, undefined, { bufferSize: 1 << 20 });
print(tree.rootNode.descendantsOfType('arrow_function').length);
