// The recorder keeps out of the way: of the program's descriptors, and of its life when there is no way to record.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, node, program, proving, record, report, scratch, start, stat, variables } = require('./lib/residue');

function run(argv, env) {
  return spawnSync(argv[0], argv.slice(1), { env: { ...process.env, ...env }, encoding: 'utf8' });
}

test('a trace that cannot be made: one line on stderr, and the program is as ever', (t) => {
  const file = path.join(scratch(t), 'file');
  fs.writeFileSync(file, '');
  const out = path.join(file, 'residue.%p');
  const env = { ...variables('/'), RESIDUE_OUT: out };
  const { status, stdout, stderr } = run([node(20), '-e', 'console.log(6 * 7)'], env);
  assert.strictEqual(status, 0);
  assert.strictEqual(stdout, '42\n');
  assert.match(stderr, /^residue: [^\n]+\n$/);
});

test('a program that closes every descriptor keeps its files to itself', (t) => {
  const files = scratch(t);
  const { status, stdout, trace } = record(t, [program('closes_all'), files]);
  assert.strictEqual(status, 0);
  assert.strictEqual(stdout, 'still here\n');
  for (const name of fs.readdirSync(files)) {
    assert.strictEqual(fs.readFileSync(path.join(files, name), 'utf8'), 'minemine', `file ${name}`);
  }
  report(trace);
});

for (const threads of [0, 3]) {
  test(`closing 3 to 1023 twice, with ${threads} more threads at work: its files have no byte of ours, and recording goes on`, (t) => {
    const rounds = proving ? 300 : 5;
    const argv = [program('closes_twice'), scratch(t), String(rounds), String(threads)];
    const { status, stdout, stderr, trace } = record(t, argv, { options: { MODE: 'full' } });
    assert.deepStrictEqual({ status, stdout, stderr }, { status: 0, stdout: `${rounds} rounds\n`, stderr: '' });
    const { recorder } = report(trace, '--at', 'end');
    assert.deepStrictEqual([recorder.dropped, recorder.anomalies, recorder.problems], [0, 0, 0]);
    assert.ok(stat(trace)['segments sealed'] > rounds, 'it was written all the time');
  });
}

test('a program begins with the descriptors that it begins with without us', (t) => {
  const python = "import os; print([(n, os.readlink(f'/proc/self/fd/{n}')) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')])";
  const argv = ['/usr/bin/python3', '-S', '-c', python];
  const descriptors = (env) => run(argv, env).stdout.replace(/(pipe|socket):\[\d+\]/g, '$1');
  assert.strictEqual(descriptors(variables(scratch(t))), descriptors({}));
});

test('a descriptor that the program closes is closed', async (t) => {
  const SECONDS = 5;
  const run = start(t, [program('descriptors'), String(SECONDS)]);
  assert.strictEqual(await run.line(), 'closing');
  const closing = performance.now();
  await new Promise((resolve) => run.child.stdout.once('end', resolve));
  const late = performance.now() - closing;
  assert.ok(late < (SECONDS * 1000) / 2, `the reader saw the end after ${late.toFixed(0)} ms`);
  assert.deepStrictEqual(await run.ended, { status: 0, signal: null });
});

test('the folder of the trace is removed while it is written: the program runs on', (t) => {
  const folder = scratch(t);
  const script = `
    require('node:fs').rmSync(${JSON.stringify(folder)}, { recursive: true });
    for (let i = 0; i < 200000; i++) Buffer.allocUnsafeSlow(100 + i % 5000);
    console.log('done');
  `;
  const { status, stdout } = run([node(20), '-e', script], variables(folder));
  assert.strictEqual(status, 0);
  assert.strictEqual(stdout, 'done\n');
});

test('commands say what is wrong with what they are given, and fail', (t) => {
  const folder = scratch(t);
  const missing = path.join(folder, 'residue.1');
  fs.mkdirSync(path.join(folder, 'residue.2'));
  for (const trace of [missing, path.join(folder, 'residue.2')]) {
    for (const what of ['report', 'flame', 'stat', 'dump']) {
      const { status, stderr } = run([command, what, trace], {});
      assert.notStrictEqual(status, 0, `residue ${what} ${path.basename(trace)}`);
      assert.match(stderr, new RegExp(path.basename(trace).replace('.', '\\.')), `residue ${what} names the trace`);
    }
  }
});
