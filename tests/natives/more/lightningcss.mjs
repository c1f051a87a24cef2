// lightningcss: Rust on N-API.

import { bundle, transform } from 'lightningcss';
import { writeFileSync } from 'node:fs';
import { print } from '../common.mjs';

const code = Array.from({ length: 300 }, (_, i) => `.a${i} { color: hsl(${i} 50% 50%); & .b { margin: ${i}px 0 ${i}px 0 } }`).join('\n');
const { code: small, warnings } = transform({ filename: 'a.css', code: Buffer.from(code), minify: true, targets: { chrome: 80 << 16 } });
print(small.length, small.subarray(0, 200).toString(), warnings.length);
writeFileSync('a.css', '@import "b.css"; p { color: red }');
writeFileSync('b.css', 'q { color: blue }');
print(bundle({ filename: 'a.css', minify: true }).code.toString());
try {
  transform({ filename: 'a.css', code: Buffer.from('a { b: }}'), visitor: { Rule() { throw new Error('from JavaScript'); } } });
} catch (error) {
  print(error.message);
}
