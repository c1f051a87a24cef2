// `residue diff` of two versions of sharp: the leak that the newer one lost is the first row, and what did not change is
// matched although every address and offset did.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, proving, record, residue, root } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
const SAVES = proving ? 1000 : 60;
const LOST = 262268; // bytes that sharp 0.33.5 loses three times for each failed save

test('sharp 0.33.5 against 0.34.0: the leak is gone, the rest is matched', (t) => {
  const trace = {};
  for (const version of ['leaky', 'fixed'])
    trace[version] = record(t, [process.execPath, worker, String(SAVES), version]).trace;
  const diff = JSON.parse(residue('diff', '--json', '--top', '0', trace.leaky, trace.fixed));
  const [first] = diff.sites;
  assert.strictEqual(first.change, 'gone');
  assert.ok(first.a.outstanding_bytes >= 3 * LOST * (SAVES - 3), `${first.a.outstanding_bytes} bytes`);
  assert.strictEqual(first.b.outstanding_bytes, 0);
  assert.ok(first.b.calls > 0, 'the newer version allocates there too');
  assert.ok(JSON.stringify(first.a.stack).includes('webpsave_buffer'));
  assert.ok(diff.matched_share >= 0.9, `matched: ${diff.matched_share}`);

  const sum = (side) => diff.sites.reduce((total, site) => total + site[side].value, 0);
  assert.ok(Math.abs(sum('a') - diff.total_a) < 1 && Math.abs(sum('b') - diff.total_b) < 1, 'the rows add up');

  const text = residue('diff', trace.leaky, trace.fixed);
  assert.match(text, /packages {6}.*@img\/sharp-libvips-linux-x64 1\.0\.4 -> 1\.1\.0/);
  assert.match(text, /\n#1 +-\d+\.\d MiB {3}A \d+\.\d MiB, B 0 B {3}gone\n/);
  for (const line of text.split('\n').slice(4)) assert.ok(line.length <= 80, `wider than 80 columns: ${line}`);

  const same = JSON.parse(residue('diff', '--json', trace.leaky, trace.leaky));
  assert.strictEqual(same.matched_share, 1);
  assert.strictEqual(same.total_a, same.total_b);
});

test('diff wants two traces', () => {
  const { status, stderr } = spawnSync(command, ['diff', '/nowhere'], { encoding: 'utf8' });
  assert.strictEqual(status, 2);
  assert.match(stderr, /two traces are wanted, 1 were given/);
});
