'use strict';
// Compares whole stacks with what V8 said: node check-stacks.js OUT TRUTH [least share of lines]. Builtins are left out on
// both sides: some have frames that only V8 can read (JSON.parse), and node's own C++ functions have some that V8 hides.
const fs = require('fs');

const truth = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'));
const probe = frames => frames.findIndex(frame => frame.name === 'probe') + 1;
const count = { stacks: 0, frames: 0, depth: 0, file: 0, line: 0, column: 0, name: 0 };
const wrong = new Map();

for (const row of fs.readFileSync(process.argv[2], 'utf8').split('\n')) {
  const [size, times, text = ''] = row.split('\t');
  if (!truth[size])
    continue;
  const expected = truth[size].filter(frame => frame.file);
  const all = text.split('\x1e').map(frame => {
    const [name, file, line, column] = frame.split('\x1f');
    return { name, file: file.startsWith('eval at') ? '(eval)' : file, line: +line, column: +column };
  });
  const frames = all.slice(probe(all)).filter(frame => frame.file);
  count.stacks += +times;
  count.depth += frames.length === expected.length ? +times : 0;
  expected.forEach((want, i) => {
    const got = frames[i] || { name: '-', file: '-', line: -1, column: -1 };
    const same = { file: got.file === want.file, line: got.line === want.line, column: got.column === want.column,
      name: got.name === (want.name || '(anonymous)') };
    count.frames += +times;
    for (const key of ['file', 'line', 'column', 'name'])
      count[key] += same[key] ? +times : 0;
    if (!same.file || !same.line || (process.env.VERBOSE && !same.name)) {
      const key = `${size}[${i}/${expected.length},${frames.length}] ${want.name} ${want.file}:${want.line}:${want.column} ` +
        `but ${got.name} ${got.file}:${got.line}:${got.column}`;
      wrong.set(key, (wrong.get(key) || 0) + +times);
    }
  });
}
const share = (n, of) => (n / of * 100).toFixed(2);
const least = Number(process.argv[4] || 1);
const good = count.stacks > 0 && count.depth === count.stacks && count.file === count.frames &&
  count.line >= count.frames * least;
console.log(`${good ? 'ok  ' : 'FAIL'} ${count.stacks} whole stacks, ${count.frames} frames: depth ` +
  `${share(count.depth, count.stacks)} file ${share(count.file, count.frames)} line ${share(count.line, count.frames)} ` +
  `column ${share(count.column, count.frames)} name ${share(count.name, count.frames)} %`);
if (!good || process.env.VERBOSE)
  for (const [key, times] of [...wrong].slice(0, 14))
    console.log(`     ${times} x ${key}`);
process.exit(good ? 0 : 1);
