// Several traces. `residue diff` of two versions of sharp: the leak that the newer one lost is the first row, and what did
// not change is matched although every address and offset did. `residue merge` of the workers of a cluster.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, program, proving, record, report, residue, root, scratch, variables } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
const SAVES = proving ? 1000 : 60;
const BLOCKS_KEPT = 100; // by tests/programs/keep.c
const LOST = 262268; // bytes that sharp 0.33.5 loses three times for each failed save

const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1, `${value} is not ${wanted}`);

function narrow(text, columns) {
  for (const line of text.split('\n')) assert.ok(line.length <= columns, `wider than ${columns} columns: ${line}`);
}

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
  assert.ok(Math.min(diff.matched_a, diff.matched_b) >= 0.9, `matched: ${diff.matched_a}, ${diff.matched_b}`);

  for (const side of ['a', 'b'])
    near(diff.sites.reduce((total, site) => total + site[side].value, 0), diff[`total_${side}`]);

  const text = residue('diff', trace.leaky, trace.fixed);
  assert.match(text, /packages {6}.*@img\/sharp-libvips-linux-x64 1\.0\.4 -> 1\.1\.0/);
  assert.match(text, /\n#1 +-\d+\.\d MiB {3}A \d+\.\d MiB, B 0 B {3}gone\n/);
  assert.match(text, /\nthe other \S+ call sites: /, 'what is not shown is added up');
  narrow(text.split('\n').slice(4).join('\n'), 80);

  const same = JSON.parse(residue('diff', '--json', trace.leaky, trace.leaky));
  assert.strictEqual(same.matched_share, 1);
  assert.strictEqual(same.total_a, same.total_b);
  t.diagnostic(`matched: ${(100 * diff.matched_share).toFixed(1)} % of outstanding bytes`);
});

test('a program started from another folder, or a copy of it, has the same call sites', (t) => {
  const folder = scratch(t);
  const at = (...names) => path.join(folder, ...names);
  const leak = `const { take } = require('./lib/take');
    for (let i = 0; i < 400; i++) take(50_000);`;
  const take = `const kept = [];
    exports.take = (size) => kept.push(Buffer.alloc(size, 1));`;
  for (const place of ['shop', 'copy/of']) {
    fs.mkdirSync(at(place, 'lib'), { recursive: true });
    fs.writeFileSync(at(place, 'leak.js'), leak);
    fs.writeFileSync(at(place, 'lib', 'take.js'), take);
  }
  const run = (cwd, script) => record(t, [process.execPath, script], { cwd: at(cwd) }).trace;
  const first = run('shop', 'leak.js');
  for (const other of [run('shop/lib', '../leak.js'), run('copy/of', './leak.js'), run('.', 'copy/of/leak')])
    for (const sides of [[first, other], [other, first]]) {
      const { sites, matched_share: share } = JSON.parse(residue('diff', '--json', '--top', '0', ...sides));
      const site = sites.find(({ a }) => JSON.stringify(a.stack).includes('lib/take.js') && a.outstanding_bytes >= 20_000_000);
      assert.deepStrictEqual([site.a.outstanding_bytes, site.match], [site.b.outstanding_bytes, 'same']);
      assert.ok(share > 0.95, `matched: ${share}`);
    }
});

test('merge: the workers of a cluster as one, to the byte, and the one that keeps more is seen', (t) => {
  const [WORKERS, BLOCKS, SIZE] = [2, 200, 40_009];
  const folder = scratch(t);
  const argv = [path.join(root, 'tests', 'node', 'workers.js'), String(WORKERS), String(BLOCKS)];
  const run = spawnSync(process.execPath, argv, { encoding: 'utf8', env: { ...process.env, ...variables(folder) } });
  assert.strictEqual(run.status, 0, run.stderr);
  const workers = run.stdout.trim().split('\n').map((pid) => path.join(folder, `residue.${pid}`));
  assert.strictEqual(workers.length, WORKERS);

  const merged = JSON.parse(residue('merge', '--json', '--top', '0', ...workers));
  workers.forEach((trace, i) => {
    const sum = report(trace).sites.reduce((total, site) => total + site.growth_bytes, 0);
    assert.strictEqual(merged[`total_${'ab'[i]}`], sum);
    assert.strictEqual(merged.sites.reduce((total, site) => total + site['ab'[i]].value, 0), sum);
  });
  const through = (name) => ({ a, b }) => [a, b].some(({ stack }) => JSON.stringify(stack).includes(`"${name}"`));
  const all = merged.sites.find(through('keep'));
  const one = merged.sites.find(through('keepMore'));
  assert.deepStrictEqual([all.workers, all.sum, all.least], [2, 2 * BLOCKS * SIZE, BLOCKS * SIZE]);
  assert.deepStrictEqual([one.workers, one.sum, one.least], [1, BLOCKS * (SIZE + 2), 0]);
});

test('diff of three, merge, flame of several and flame --diff: sums of what each trace has', (t) => {
  const sizes = [2000, 3000, 5000];
  const runs = sizes.map((size) => record(t, [program('keep'), String(size)]).trace);
  const letters = ['a', 'b', 'c'];
  const versions = JSON.parse(residue('diff', '--json', '--top', '0', ...runs));
  const workers = JSON.parse(residue('merge', '--json', '--top', '0', ...runs));
  letters.forEach((letter, i) => {
    assert.strictEqual(versions[`total_${letter}`], workers[`total_${letter}`]);
    for (const { sites } of [versions, workers])
      assert.strictEqual(sites.reduce((total, site) => total + site[letter].value, 0), versions[`total_${letter}`]);
    assert.strictEqual(versions.sites[0][letter].value, BLOCKS_KEPT * sizes[i]);
  });
  assert.strictEqual(workers.sites[0].sum, BLOCKS_KEPT * sizes.reduce((a, b) => a + b));
  narrow(residue('diff', ...runs).split('\n').slice(4).join('\n'), 80);

  const counts = (...argv) => residue('flame', ...argv).trimEnd().split('\n').map((line) => / ([\d ]+)$/.exec(line)[1].split(' ').map(Number));
  const sum = (list, place) => list.reduce((total, numbers) => total + numbers[place], 0);
  assert.strictEqual(sum(counts(...runs), 0), runs.reduce((total, trace) => total + sum(counts(trace), 0), 0));
  const both = counts('--diff', runs[0], runs[2]);
  assert.strictEqual(sum(both, 0), sum(counts(runs[0]), 0));
  assert.strictEqual(sum(both, 1), sum(counts(runs[2]), 0));
});

test('diff wants two traces or more', () => {
  const { status, stderr } = spawnSync(command, ['diff', '/nowhere'], { encoding: 'utf8' });
  assert.strictEqual(status, 2);
  assert.match(stderr, /2 to 26 traces are wanted, 1 given/);
});
