// What somebody meets who has never used residue: the help, a program that starts the one that matters, and mistakes.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, node, program, record, residue, scratch } = require('./lib/residue');

const run = (args, options) => spawnSync(command, args, { encoding: 'utf8', ...options });

test('every help fits a terminal of 80 columns', () => {
  const commands = [...residue('help').matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name);
  assert.ok(commands.length > 15);
  const wide = ['', ...commands].flatMap((name) => residue('help', ...(name ? [name] : [])).split('\n').filter((line) => line.length > 80));
  assert.deepStrictEqual(wide, []);
});

test('of a shell that starts node, as npm does, the trace of node is named too', (t) => {
  const folder = scratch(t);
  const args = ['record', '-o', path.join(folder, 'residue.%p'), '--', 'sh', '-c', `${node(20)} -e 1; true`];
  const { status, stderr } = run(args);
  assert.strictEqual(status, 0);
  const [others, own] = stderr.split('\n');
  const [, child] = /^residue: processes that it started: (\S+) \(node -e 1\)$/.exec(others);
  const [, shell] = /^residue: recorded \S+; read it with: residue report (\S+)$/.exec(own);
  assert.match(residue('report', child), /program {7}\S*node -e 1\n/);
  assert.match(residue('report', shell), /program {7}sh -c /);
});

test('a program that RESIDUE_ONLY leaves out is said to be left out', (t) => {
  const env = { ...process.env, RESIDUE_ONLY: 'node', RESIDUE_OUT: path.join(scratch(t), 'residue.%p') };
  const { status, stderr } = run(['record', '--', 'true'], { env });
  assert.strictEqual(status, 0);
  assert.strictEqual(stderr, 'residue: the program itself was not recorded: RESIDUE_ONLY does not name it\n');
});

test('sizes are written alike for the recorder and for the commands', (t) => {
  const sizes = { '1.5gib': 3 << 29, '512MB': 512 << 20, '8388608': 8 << 20 };
  for (const [text, bytes] of Object.entries(sizes)) {
    const { trace, stderr } = record(t, [program('works'), '1'], { options: { MAX_SIZE: text, MODE: `sample=${text === '1.5gib' ? '0.5mib' : text}`, SNAPSHOT_AT: text } });
    assert.strictEqual(stderr, '');
    assert.strictEqual(JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'))).options.max_size, bytes);
    assert.strictEqual(run(['report', '--limit', text, trace]).status, 0);
  }
  const { trace, stderr } = record(t, [program('works'), '1'], { options: { MAX_SIZE: '1.5', MODE: 'sample=2GiB', SNAPSHOT_AT: '1,5GiB' } });
  assert.strictEqual(stderr.match(/^residue: /gm).length, 3, stderr);
  assert.strictEqual(run(['report', '--limit', '1,5GiB', trace]).status, 2);
});

test('a metric that a trace does not tell is said to be missing, not 0', (t) => {
  const metric = ['--metric', 'temporary'];
  const said = Object.fromEntries(['full', 'survivors'].map((MODE) => {
    const { trace } = record(t, [program('churn')], { options: { MODE } });
    return [MODE, [run(['report', ...metric, trace]).stderr, run(['flame', ...metric, trace]).stderr]];
  }));
  for (const stderr of said.full) assert.match(stderr, / does not tell which blocks were temporary: none is shown\n/);
  for (const stderr of said.survivors) assert.doesNotMatch(stderr, /temporary/);
});

test('a folder of traces is not taken for one: the newest in it is named', (t) => {
  const { folder, trace } = record(t, [program('works'), '1']);
  const { status, stderr } = run(['report', folder]);
  assert.strictEqual(status, 1);
  assert.strictEqual(stderr, `residue report: ${folder}: not a trace but a folder with 1 in it, the newest is ${trace}\n`);
});

test('a window that begins after the trace has ended is no window in which nothing grew', (t) => {
  const { trace } = record(t, [program('works'), '1']);
  const { status, stdout, stderr } = run(['check', '--max-growth', '1MiB', '--from', '3600', trace]);
  assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: '' });
  assert.match(stderr, /: --from 3600 is after the window's end, at \d+\.\d s\n$/);
});

test('a report shows what has a hundredth of the growth, and as much as is asked for', (t) => {
  const code = 'globalThis.kept = Buffer.alloc(100 << 20)';
  const { trace } = record(t, [node(20), '-e', code]);
  const shown = (...args) => residue('report', ...args, trace).match(/^#\d+/gm).length;
  assert.strictEqual(shown(), 3);
  assert.strictEqual(shown('--top', '20'), 20);
  assert.match(residue('report', trace), /\n--top 20 shows more of them/);
});
