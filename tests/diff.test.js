// Several traces. `residue diff` of two versions of sharp: the leak that the newer one lost is the first row, and what did
// not change is matched although every address and offset did. `residue merge` of the workers of a cluster.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, proving, record, report, residue, root, scratch, traces, variables } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
const SAVES = proving ? 1000 : 60;
const LOST = 262268; // bytes that sharp 0.33.5 loses three times for each failed save

const near = (value, wanted) => assert.ok(Math.abs(value - wanted) < 1, `${value} is not ${wanted}`);

function narrow(text, columns) {
  for (const line of text.split('\n')) assert.ok(line.length <= columns, `wider than ${columns} columns: ${line}`);
}

test('sharp 0.33.5 against 0.34.0: the leak is gone, the rest is matched', async (t) => {
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

  await t.test('three traces: a table over the versions, whose columns add up', () => {
    const versions = JSON.parse(residue('diff', '--json', '--top', '0', trace.leaky, trace.fixed, trace.fixed));
    for (const side of ['a', 'b', 'c'])
      near(versions.sites.reduce((total, site) => total + site[side].value, 0), versions[`total_${side}`]);
    assert.strictEqual(versions.total_a, diff.total_a);
    assert.strictEqual(versions.total_c, diff.total_b);
    const table = residue('diff', '--top', '3', trace.leaky, trace.fixed, trace.fixed);
    assert.match(table, /\n +A +B +C\n#1 +\d+\.\d MiB +0 B +0 B  gone\n +vips::VImage::webpsave_buffer +in @img\/sharp-libvips-linux-x64\n/);
    narrow(table, 80);
  });

  await t.test('flame --diff: lines with a count of each, which add up to what grew', () => {
    const totals = [0, 0];
    for (const line of residue('flame', '--diff', trace.leaky, trace.fixed).trimEnd().split('\n')) {
      const [, stack, a, b] = /^(.+) (\d+) (\d+)$/.exec(line);
      assert.ok(stack.split(';').every(Boolean), `an empty frame: ${line}`);
      totals[0] += Number(a);
      totals[1] += Number(b);
    }
    const grew = (side) => diff.sites.reduce((total, site) => total + Math.max(0, site[side].value), 0);
    near(totals[0], grew('a'));
    near(totals[1], grew('b'));
    const drawn = residue('flame', '--diff', '--text', trace.leaky, trace.fixed);
    assert.match(drawn, /^ +change +A +B\n +-\d+\.\d MiB [^]*-----[^]*webpsave_buffer[^]* all\n$/);
    narrow(drawn, 100);
  });
});

test('merge: the workers of a cluster as one, to the byte, and the one that keeps more is seen', (t) => {
  const [WORKERS, BLOCKS, SIZE] = [3, 200, 40_009];
  const folder = scratch(t);
  const argv = [path.join(root, 'tests', 'node', 'cluster.js'), String(WORKERS), String(BLOCKS)];
  const run = spawnSync(process.execPath, argv, { encoding: 'utf8', env: { ...process.env, ...variables(folder) } });
  assert.strictEqual(run.status, 0, run.stderr);
  const kept = (trace) => report(trace).sites.some((site) => site.sizes.some(({ bytes }) => bytes === SIZE));
  const workers = traces(folder).filter(kept);
  assert.strictEqual(workers.length, WORKERS);

  const merged = JSON.parse(residue('merge', '--json', '--top', '0', ...workers));
  workers.forEach((trace, i) => {
    const sum = report(trace).sites.reduce((total, site) => total + site.growth_bytes, 0);
    const letter = 'abc'[i];
    assert.strictEqual(merged[`total_${letter}`], sum);
    assert.strictEqual(merged.sites.reduce((total, site) => total + site[letter].value, 0), sum);
  });
  const through = (name) => ({ a, b, c }) => [a, b, c].some(({ stack }) => JSON.stringify(stack).includes(`"${name}"`));
  const all = merged.sites.find(through('keep'));
  const one = merged.sites.find(through('keepMore'));
  assert.deepStrictEqual([all.workers, all.sum, all.least, all.most], [3, 3 * BLOCKS * SIZE, BLOCKS * SIZE, BLOCKS * SIZE]);
  assert.deepStrictEqual([one.workers, one.sum, one.least], [1, BLOCKS * (SIZE + 2), 0]);

  const text = residue('merge', '--top', '2', ...workers);
  assert.match(text, /\n#1 +\+\d+\.\d MiB, .* grew in 3 of 3 workers\n/);
  narrow(text.split('\n').slice(4).join('\n'), 80);
  const folded = residue('flame', ...workers);
  const sum = (lines) => lines.trimEnd().split('\n').reduce((total, line) => total + Number(/ (\d+)$/.exec(line)[1]), 0);
  assert.strictEqual(sum(folded), workers.reduce((total, trace) => total + sum(residue('flame', trace)), 0));
});

test('diff wants two traces or more', () => {
  const { status, stderr } = spawnSync(command, ['diff', '/nowhere'], { encoding: 'utf8' });
  assert.strictEqual(status, 2);
  assert.match(stderr, /2 to 26 traces are wanted, 1 were given/);
});
