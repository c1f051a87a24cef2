// analyzer/JSON.md has every key that the commands print, and no other.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { node, program, record, report, residue, root } = require('./lib/residue');

const [ofReport, ofSeveral] = fs.readFileSync(path.join(root, 'analyzer', 'JSON.md'), 'utf8').split('## diff and merge');
const rows = [.../^\| `ledger\[\]\.id` \| (.*?) \|/m.exec(ofReport)[1].matchAll(/`(.+?)`/g)].map(([, id]) => id);

// The keys in the first column; whether the last one says when the value is null.
function described(text) {
  const keys = new Map();
  for (const [, names, isNull] of text.matchAll(/^\| (`.*?) \|.*\| (.*?)\|$/gm))
    for (const [, name] of names.matchAll(/`(.+?)`/g)) keys.set(name, isNull.trim() !== '');
  return keys;
}

// Each key of an object with its value; a frame's are those of `stack[]`, wherever it is.
function* members(value, at = '') {
  if (Array.isArray(value)) {
    for (const element of value) yield* members(element, `${at}[]`);
  } else if (value !== null && typeof value === 'object') {
    const inside = at.replace(/^.*\bstack\[\]$/, 'stack[]').replace(/^ledgers\.(start|end)/, 'ledgers.*');
    for (const [key, inner] of Object.entries(value)) {
      const name = inside ? `${inside}.${key}` : key;
      yield [name, inner];
      yield* members(inner, name);
    }
  }
}

function agree(keys, objects, change = (name) => name) {
  const seen = new Set();
  for (const [raw, value] of objects.flatMap((object) => [...members(object)])) {
    const name = change(raw);
    seen.add(name);
    assert.ok(keys.has(name), `${name} is not described`);
    assert.ok(value !== null || keys.get(name), `${name} is null, which is not described`);
  }
  assert.deepStrictEqual([...keys.keys()].filter((name) => !seen.has(name)), [], 'described, and not there');
}

test('the JSON of report, diff and merge is as it is described', (t) => {
  const code = `const kept = []; let n = 0;
    setInterval(() => { kept.push(Buffer.alloc(1e5, 1)); if (++n === 30) process.exit(); }, 50)`;
  const worker = [node(20), '-e', code];
  const plain = record(t, worker).trace;
  const sampled = record(t, worker, { options: { MODE: 'sample=16KiB', SNAPSHOT_AT: '1MiB' } }).trace;
  const small = record(t, [program('works'), '1']).trace;
  const keys = described(ofReport);
  for (const id of rows) keys.set(`ledgers.*.${id}`, false);
  agree(keys, [plain, sampled, small].map((trace) => report(trace, '--top', '200')));

  const several = described(ofSeveral);
  for (const name of ['format', 'tool', 'metric', 'verdict', 'sites']) several.set(name, false);
  for (const [name, isNull] of keys) {
    if (/^(process|window|verdict|sampling)\./.test(name)) several.set(`?.${name}`, isNull);
    if (name.startsWith('stack[]')) several.set(name, isNull);
  }
  several.set('?.sampling', true);
  const letters = (name) => name.replace(/^(sites\[\]\.)?[ab](?=\.|$)/, '$1?').replace(/^(total|error|matched)_[ab]$/, '$1_?');
  agree(several, ['diff', 'merge'].map((name) => JSON.parse(residue(name, '--json', '--top', '200', plain, sampled))), letters);
});
