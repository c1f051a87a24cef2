// residue compact: fewer records, the same report.

const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, program, record, report, residue, scratch } = require('./lib/residue');

const size = (trace) => fs.readdirSync(trace).reduce((sum, name) => sum + fs.statSync(path.join(trace, name)).size, 0);

// What a report says of each call site at its end, and of nothing else.
function figures(trace, ...args) {
  const got = report(trace, ...args);
  assert.strictEqual(got.recorder.anomalies, 0);
  assert.strictEqual(got.recorder.problems, 0);
  return got.sites
    .map(({ id, outstanding_bytes, outstanding_blocks, growth_bytes, allocated_bytes, allocated_calls, temporary_calls, sizes }) => ({
      id, outstanding_bytes, outstanding_blocks, growth_bytes, allocated_bytes, allocated_calls, sizes,
      temporary_calls: got.sampling ? null : temporary_calls, // of samples, compaction forgets how long they lived
    }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

for (const MODE of ['survivors', 'full', 'sample=1KiB'])
  test(`a compacted trace gives the same outstanding, allocated and called by call site from its moment on: ${MODE}`, (t) => {
    const run = record(t, [program('ledger'), '3', '4', '20000', 'mark'], { options: { MODE } });
    assert.strictEqual(run.status, 0);
    const early = path.join(run.folder, 'early'), late = path.join(run.folder, 'late'), again = path.join(run.folder, 'again');
    residue('compact', '--before', 'half', '-o', early, run.trace);
    for (const window of [['--to', 'half'], ['--from', 'half'], ['--at', 'exit'], ['--from', 'half', '--at', 'end']])
      assert.deepStrictEqual(figures(early, ...window), figures(run.trace, ...window), window.join(' '));
    assert.match(residue('compact', '--before', 'end', '--output', late, run.trace), /^.*: .* left out, of blocks that died before/);
    assert.deepStrictEqual(figures(late, '--at', 'end'), figures(run.trace, '--at', 'end'));
    const sizes = [run.trace, early, late].map(size);
    t.diagnostic(`${sizes.join(' -> ')} bytes`);
    assert.ok(sizes[2] < sizes[1] && sizes[1] < sizes[0]);
    residue('compact', '--before', 'end', '-o', again, late);
    assert.deepStrictEqual(figures(again, '--at', 'end'), figures(run.trace, '--at', 'end'));
    assert.match(residue('report', late).replace(/\s+/g, ' '), /compacted blocks that died before \d+\.\d s are in counts alone/);
  });

test('by default nothing is left out that the report\'s own window shows, and the old trace stays as it was', (t) => {
  const run = record(t, [program('ledger'), '5', '3', '5000']);
  const before = figures(run.trace);
  residue('compact', run.trace);
  assert.deepStrictEqual(figures(`${run.trace}.compact`), before);
  assert.deepStrictEqual(figures(run.trace), before);
  const second = spawnSync(command, ['compact', run.trace], { encoding: 'utf8' });
  assert.strictEqual(second.status, 1);
  assert.match(second.stderr, /residue\.\d+\.compact cannot be made: File exists/);
  // Without a name it is the trace itself that is meant, for any command, and not what was made of it.
  const unnamed = spawnSync(command, ['compact'], { encoding: 'utf8', cwd: run.folder });
  assert.strictEqual(unnamed.stderr, second.stderr.replace(`${run.folder}/`, ''));
  const [titles, ...rows] = residue('list', run.folder).trimEnd().split('\n');
  assert.deepStrictEqual(rows.map((row) => row.split(' ')[0]), [`${run.trace}.compact`, run.trace]);
  assert.deepStrictEqual(rows.map((row) => row.search(/\d{4}-\d\d-\d\dT/)), [titles.indexOf('started'), titles.indexOf('started')]);
});

test('a disk that is full is told, not taken for a trace', (t) => {
  const run = record(t, [program('ledger'), '5', '3', '20000'], { options: { MODE: 'full' } });
  const out = path.join(scratch(t), 'out');
  const full = spawnSync('bash', ['-c', `ulimit -f 8; trap '' XFSZ; exec "$@"`, 'bash', command, 'compact', '-o', out, run.trace], { encoding: 'utf8' });
  assert.strictEqual(full.status, 1);
  assert.match(full.stderr, /t\d+\.log: File too large/);
});
