// Regular expressions: compiled to machine code, replaced with callbacks, running out of their backtrack stack.
'use strict';
const rounds = Number(process.argv[2] || 3000);
let n = 0;
for (let i = 0; i < rounds; i++) {
  const re = new RegExp('(a+)(b|c' + i + ')*[d-z]{1,3}', 'g');
  'aaabdxyz aacc1zz aab'.replace(re, (match) => { n += Buffer.alloc(match.length + 99).length; return match; });
  if (i % 100 === 0) n += /(?:(x+)|(y+))*z/.test('xy'.repeat(2000)) ? 1 : 0;
}
console.log('regexp', rounds, n);
