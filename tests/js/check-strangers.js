'use strict';
// Functions that were met only while the heap was in motion: does each of them stand in its source where it is said to
// begin? node check-strangers.js OUT, by the node that was traced: the sources of its internals are those built into it.
const fs = require('fs');

process.removeAllListeners('warning');
const internals = process.binding('natives');

function sourceOf(file) {
  if (file.startsWith('node:')) return internals[file.slice(5)];
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

// A function without a name of its own begins with its parameters, a method or a getter with its name; a class is called as
// the class is, and begins with its constructor.
function stands(name, text) {
  if (name === '(anonymous)') return /=>|function|async|\(/.test(text);
  if (name === '<static_initializer>') return /static|class/.test(text);
  if (name === '<instance_members_initializer>') return /class|=|;/.test(text);
  if (/\bconstructor\s*\(/.test(text)) return /^[A-Z]/.test(name);
  return text.includes(name.replace(/^(get|set) /, '').replace(/^.*\./, ''));
}

const wrong = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => {
  const [, name, file, start] = /^#stranger\t(.*)\x1f(.*):(\d+)$/.exec(line) ?? [];
  if (name === undefined) return false;
  if (name === 'eval' || name === '(top level)') return start !== '1';
  const [, evaluating] = /^eval at .* \((.*)\)$/.exec(file) ?? [];
  if (evaluating) return name !== '(anonymous)' && !sourceOf(evaluating)?.includes(name); // its source is a string in there
  const lines = sourceOf(file)?.split('\n') ?? [];
  return !stands(name, lines.slice(start - 1, +start + 1).join('\n'));
});
for (const line of wrong) console.log(line.replace(/[\t\x1f]/g, ' '));
process.exit(wrong.length ? 1 : 0);
