'use strict';
// A layout that is wrong may lead to fewer names, never to others: node check-less.js OUT REFERENCE LABEL
// Every frame of OUT must stand in REFERENCE, which was made with the right layout, with the same line or none.
const fs = require('fs');

const read = file => fs.readFileSync(file, 'utf8').replace(/residue-js-\w+/g, 'residue-js').split('\n')
  .filter(row => row && !row.startsWith('#'))
  .flatMap(row => (row.split('\t')[2] || '').split('\x1e')).filter(Boolean).map(frame => frame.split('\x1f'));
const names = new Set(), lines = new Set();
for (const [name, file, line] of read(process.argv[3])) {
  names.add(`${name} ${file}`).add(`(anonymous) ${file}`);
  lines.add(`${file}:${line}`).add(`${file}:0`);
}
const wrong = new Set();
let frames = 0;
for (const [name, file, line] of read(process.argv[2])) {
  frames++;
  if (file === '(eval)')
    continue;
  if (!names.has(`${name} ${file}`) || !lines.has(`${file}:${line}`))
    wrong.add(`${name} ${file}:${line}`);
}
if (wrong.size)
  console.log(`FAIL ${process.argv[4]}: ${[...wrong].slice(0, 3).join(', ')} (${wrong.size} kinds)`);
else if (process.env.VERBOSE)
  console.log(`ok   ${process.argv[4]}: ${frames} frames`);
process.exit(wrong.size ? 1 : 0);
