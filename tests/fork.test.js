// Children: each that fork() makes has a trace of its own; nothing that any child does is in its parent's.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { outstanding, program, record, report, residue, scratch, traces, variables } = require('./lib/residue');
const { dump } = require('./lib/dump');

const OUTPUT = `clone 7
_Fork 9
fork 8
fork, fork 10
fork, exec 0
vfork, exec 0
forks while threads allocate: 50 of 50
`;

// The traces of one run of programs/children.c, and what their meta.json says.
function children(t, options = {}) {
  const folder = scratch(t);
  const env = { ...process.env, ...variables(folder, options), RESIDUE_OUT: path.join(folder, 'residue.%e.%p') };
  const run = spawnSync(program('children'), { env, encoding: 'utf8' });
  assert.deepStrictEqual({ stderr: run.stderr, stdout: run.stdout }, { stderr: '', stdout: OUTPUT });
  return traces(folder).map((trace) => ({
    trace,
    meta: JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'), 'utf8')),
  }));
}

const isOurs = ({ meta }) => path.basename(meta.exe) === 'children';
const counted = (sizes) => sizes.reduce((all, size) => ({ ...all, [size]: (all[size] ?? 0) + 1 }), {});

// The blocks of a size that says who made them, by size.
const marked = (trace) =>
  counted(dump(trace).filter(({ kind, size }) => kind === 'alloc' && size >= 31000).map(({ size }) => size));

test('every forked child has a trace of its own, which names its parent', (t) => {
  const all = children(t);
  const own = all.filter(isOurs);
  assert.strictEqual(own.length, 1 + 1 + 2 + 50, 'the parent, a child, a child and its child, and fifty');
  assert.strictEqual(all.length - own.length, 2, 'what was executed; a child that only executes makes no trace before');

  const parent = own.find(({ meta }) => !meta.forked_from);
  const expected = { 31000: 1, 31001: 1, 31002: 1, 31003: 1, 31004: 1, 33500: 1 };
  assert.deepStrictEqual(marked(parent.trace), expected);

  const byPid = new Map(own.map((one) => [one.meta.pid, one]));
  const kinds = [];
  for (const { meta, trace } of own.filter((one) => one !== parent)) {
    const from = byPid.get(meta.forked_from.pid);
    assert.strictEqual(meta.ppid, from.meta.pid);
    assert.strictEqual(meta.forked_from.trace, from.trace);
    assert.strictEqual(meta.forked_from.trace_id, from.meta.trace_id);
    kinds.push(JSON.stringify(marked(trace)));
  }
  const wanted = { '{"33000":1000}': 1, '{"36000":1}': 1, '{"36001":1}': 1, '{"34000":1000}': 50 };
  assert.deepStrictEqual(counted(kinds), wanted);
});

test('what a child frees and had from its parent is no anomaly', (t) => {
  for (const { trace, meta } of children(t).filter(isOurs)) {
    const { recorder, process: described, sites } = report(trace, '--at', 'end');
    assert.strictEqual(recorder.anomalies, 0, trace);
    assert.strictEqual(described.forked_from, meta.forked_from?.pid ?? null);
    if (!meta.forked_from) continue;
    assert.match(residue('report', trace), new RegExp(`forked +from pid ${meta.forked_from.pid}, `));
    const frees = Number(residue('stat', trace).match(/frees of what a forked process had[^\d]*(\d+)/)[1]);
    const sizes = Object.keys(marked(trace)).map(Number);
    assert.strictEqual(frees, sizes[0] === 33000 || sizes[0] === 34000 ? 1 : 0);
    const named = sites.find((site) => site.sizes.some(({ bytes }) => bytes === sizes[0]));
    assert.ok(named.stack.some((frame) => frame.function === 'main'), 'its modules are on record in its own trace');
  }
});

test('RESIDUE_FOLLOW=0: no trace of what was forked, but of what was executed', (t) => {
  const all = children(t, { FOLLOW: 0 });
  assert.strictEqual(all.filter(isOurs).length, 1);
  assert.strictEqual(all.length, 3);
});

for (const [only, names] of [['children', ['children']], ['node,tru*', ['true']], ['child', []]]) {
  test(`RESIDUE_ONLY=${only}: traces of ${names.join() || 'nothing'}`, (t) => {
    const found = children(t, { ONLY: only }).map(({ meta }) => path.basename(meta.exe));
    assert.deepStrictEqual([...new Set(found)], names);
  });
}

test('a fork in a signal handler, in the middle of a hook: the child goes on, the trace is the parent\'s alone', (t) => {
  const FORKS = 300;
  const { status, stdout, stderr, trace } = record(t, [program('fork_in_handler'), String(FORKS)], { options: { MODE: 'full', FOLLOW: 0 } });
  assert.deepStrictEqual({ status, stdout, stderr }, { status: 0, stdout: `${FORKS} of ${FORKS}\n`, stderr: '' });
  assert.deepStrictEqual(marked(trace), {});
  const result = report(trace, '--at', 'end');
  assert.deepStrictEqual(
    { anomalies: result.recorder.anomalies, problems: result.recorder.problems, lost: result.recorder.lost_segments },
    { anomalies: 0, problems: 0, lost: 0 },
  );
  assert.strictEqual(outstanding(result, (size) => size === 500).blocks, 3000);
});

test('a child that leaves the folder it was started in has its trace beside its parent\'s', (t) => {
  const folder = scratch(t);
  const script = "import os, sys\nos.chdir('/')\nif os.fork() == 0:\n  x = bytearray(100000)\n  os._exit(0)\nos.wait()\n";
  const env = { ...process.env, ...variables(folder), RESIDUE_OUT: 'residue.%p' };
  const run = spawnSync('/usr/bin/python3', ['-S', '-c', script], { env, cwd: folder, encoding: 'utf8' });
  assert.deepStrictEqual({ status: run.status, stderr: run.stderr }, { status: 0, stderr: '' });
  assert.strictEqual(traces(folder).length, 2);
});
