// Must show 6: a trace can be reported while its process runs, and a pid that comes again gets a trace of its own.
// Runs alone: it waits for what happens meanwhile.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, node, outstanding, report, residue, scratch, start, traces, variables } = require('./lib/residue');

const SIZE = 200003;
const BLOCKS = 6;

// Keeps one more Buffer for each line on its standard input, and says how many it has.
const KEEPER = `
  globalThis.kept = [];
  require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
    kept.push(Buffer.alloc(${SIZE}));
    console.log(kept.length);
  });
`;

test('a running process is reported, again and again, up to what it has just done', async (t) => {
  const run = start(t, [node(20), '-e', KEEPER], { stdio: ['pipe', 'pipe', 'inherit'] });
  for (let blocks = 1; blocks <= BLOCKS; blocks++) {
    run.child.stdin.write('more\n');
    assert.strictEqual(await run.line(), String(blocks));
    const result = report(run.trace());
    assert.strictEqual(result.process.end, 'running');
    assert.strictEqual(result.process.pid, run.child.pid);
    assert.deepStrictEqual(outstanding(result, (size) => size === SIZE), { blocks, bytes: blocks * SIZE });
    assert.strictEqual(result.recorder.anomalies, 0);
  }
  run.child.stdin.end();
  assert.deepStrictEqual(await run.ended, { status: 0, signal: null });
  const atEnd = report(run.trace());
  assert.notStrictEqual(atEnd.process.end, 'running');
  assert.strictEqual(outstanding(atEnd, (size) => size === SIZE).blocks, BLOCKS);
});

test('a restart with the same pid leaves two traces', (t) => {
  const folder = scratch(t);
  const assignments = Object.entries(variables(folder)).map(([name, value]) => `${name}=${value}`);
  const start = (size) => {
    const script = `kept = Buffer.alloc(${size}); console.log(process.pid)`;
    const argv = ['-pf', '--mount-proc', 'env', ...assignments, node(20), '-e', script];
    return spawnSync('unshare', argv, { encoding: 'utf8' });
  };
  const first = start(300001);
  if (/^unshare: /m.test(first.stderr)) {
    t.skip(`no pid namespace can be made here: ${first.stderr.trim()}`);
    return;
  }
  assert.strictEqual(first.stdout, '1\n');
  assert.strictEqual(start(300002).stdout, '1\n');

  assert.deepStrictEqual(traces(folder).map((trace) => path.basename(trace)), ['residue.1', 'residue.1.2']);
  const [one, two] = traces(folder).map((trace) => report(trace));
  assert.strictEqual(outstanding(one, (size) => size === 300001).blocks, 1);
  assert.strictEqual(outstanding(one, (size) => size === 300002).blocks, 0);
  assert.strictEqual(outstanding(two, (size) => size === 300002).blocks, 1);
  assert.strictEqual(outstanding(two, (size) => size === 300001).blocks, 0);
});

test('an exec starts a trace of its own', (t) => {
  const folder = scratch(t);
  const env = { ...process.env, ...variables(folder) };
  const run = spawnSync('/bin/sh', ['-c', 'exec /usr/bin/env true'], { env, encoding: 'utf8' });
  assert.strictEqual(run.status, 0);
  const exes = traces(folder).map((trace) => path.basename(report(trace).process.argv[0]));
  assert.deepStrictEqual(exes, ['sh', 'env', 'true']);
});

test('residue record passes on exit status and signal, and names the trace', (t) => {
  const folder = scratch(t);
  const recorded = (...argv) =>
    spawnSync(command, ['record', '-o', path.join(folder, '%e.%p'), '--', ...argv], { encoding: 'utf8' });

  const exit = recorded('/bin/sh', '-c', 'echo out; echo err >&2; exit 5');
  assert.strictEqual(exit.status, 5);
  assert.strictEqual(exit.stdout, 'out\n');
  assert.match(exit.stderr, /^err\n/);
  const last = exit.stderr.trim().split('\n').at(-1);
  const named = last.match(/\S*\/(?:sh|dash)\.\d+/);
  assert.ok(named, `the last line names the trace: ${last}`);
  assert.match(residue('report', named[0]), /\S/);

  const killed = recorded('/bin/sh', '-c', 'kill -TERM $$');
  assert.ok(killed.signal === 'SIGTERM' || killed.status === 128 + 15, `${killed.status} ${killed.signal}`);
});
