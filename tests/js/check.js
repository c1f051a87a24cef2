'use strict';
// Compares what the harness met with what stands in the sources: node check.js OUT TRUTH [least share of lines]
const fs = require('fs');
const path = require('path');

const [, , outFile, truthFile, leastLines = '1', leastNames = '1'] = process.argv;
const truth = new Map();
const folder = path.join(__dirname, 'sites');
for (const file of fs.readdirSync(folder)) {
  fs.readFileSync(path.join(folder, file), 'utf8').split('\n').forEach((text, i) => {
    const match = /\/\/@ (\d+) (.+?)\r?$/.exec(text);
    if (!match)
      return;
    const [, size, name] = match;
    truth.set(+size, name === 'eval' ? { name: 'eval', file: `(${path.join(folder, file)})`, line: 1 }
      : { name, file, line: i + 1 });
  });
}
for (const { size, ...rest } of JSON.parse(fs.readFileSync(truthFile, 'utf8')))
  truth.set(size, rest);
truth.set(20039, { name: 'eval', file: `(${path.join(folder, 'cjs.js')})`, line: 3 });

const parse = text => text.split('\x1e').filter(Boolean).map(frame => {
  const [name, file, line, column, start, builtin] = frame.split('\x1f');
  return { name, file, line: +line, column: +column, start: +start, builtin: builtin === '1' };
});
const isOurs = frame => !frame.builtin && !frame.file.startsWith('node:');

let total = 0, names = 0, files = 0, lines = 0, trust = '';
const wrong = new Map();
const met = new Set();
for (const row of fs.readFileSync(outFile, 'utf8').split('\n')) {
  const [size, times, text = ''] = row.split('\t');
  if (size.startsWith('#'))
    trust += `${row.replace(/\t/g, ' ')}; `;
  const expected = truth.get(+size);
  if (!expected)
    continue;
  const frames = parse(text).filter(isOurs);
  const first = frames[0] || { name: '-', file: '-', line: 0 };
  const [inner, outer] = expected.name.split('/');
  const okName = inner === '*' || inner.split('|').includes(first.name);
  const okFile = first.file.endsWith(expected.file);
  const at = outer ? frames[1] || { line: 0 } : first;
  const okLine = at.line === expected.line && (!outer || at.name === outer);
  total += +times;
  names += okName ? +times : 0;
  files += okFile ? +times : 0;
  lines += okLine ? +times : 0;
  met.add(+size);
  if (!okName || !okFile || !okLine) {
    const key = `${size}: ${expected.name} ${expected.file}:${expected.line} but ${first.name} ${first.file}:${first.line}` +
      (outer ? ` <- ${at.name}:${at.line}` : '');
    wrong.set(key, (wrong.get(key) || 0) + +times);
  }
}
const missing = [...truth.keys()].filter(size => !met.has(size));
const share = n => (n / total * 100).toFixed(3);
const good = total > 0 && missing.length === 0 && names >= total * leastNames && files >= total * leastNames &&
  lines >= total * leastLines;
console.log(`${good ? 'ok  ' : 'FAIL'} ${met.size} sites, ${total} allocations: ` +
  `name ${share(names)} file ${share(files)} line ${share(lines)} %`);
if (process.env.VERBOSE || !good) {
  console.log(`     ${trust}`);
  for (const [key, times] of [...wrong].sort((x, y) => y[1] - x[1]).slice(0, 12))
    console.log(`     ${times} x ${key}`);
  if (missing.length)
    console.log(`     not met: ${missing.join(' ')}`);
}
process.exit(good ? 0 : 1);
