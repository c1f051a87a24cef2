// What others can see of a trace, do to it, or do with it.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { node, onlyTrace, program, record, residue, scratch, start, traces, variables } = require('./lib/residue');
const { isRoot, nobody } = require('./lib/worlds');

const mode = (file) => (fs.lstatSync(file).mode & 0o777).toString(8);

test('the directory is its owner\'s alone, and so is every file, whatever the umask', (t) => {
  const folder = scratch(t);
  const argv = ['-c', 'umask 0; "$0"; umask 777; "$0"', program('works')];
  const run = spawnSync('sh', argv, { env: { ...process.env, ...variables(folder), RESIDUE_ONLY: 'works', RESIDUE_MODE: 'full' }, encoding: 'utf8' });
  assert.strictEqual(traces(folder).length, 2, run.stderr);
  const open = traces(folder).find((trace) => mode(trace) !== '0');
  assert.strictEqual(mode(open), '700');
  const files = fs.readdirSync(open);
  assert.ok(files.length >= 7, `${files}`);
  for (const file of files) assert.strictEqual(mode(path.join(open, file)), '600', file);
  for (const trace of traces(folder)) fs.chmodSync(trace, 0o700);
});

test('what the commands make of a trace is its owner\'s alone too', (t) => {
  const folder = scratch(t);
  const trace = path.join(folder, 'residue.1');
  const pack = path.join(folder, 'pack');
  residue('record', '-o', trace, '--', 'true');
  residue('compact', trace);
  residue('pack', '-o', pack, trace);
  const made = [trace, `${trace}.compact`].flatMap((made) => fs.readdirSync(made).map((file) => path.join(made, file)));
  assert.ok(made.filter((file) => /\/(meta|status)\.json$/.test(file)).length === 4, `${made}`);
  for (const file of [...made, pack]) assert.strictEqual(mode(file), '600', file);
});

test('links that somebody has planted are not followed', (t) => {
  const folder = scratch(t);
  const target = path.join(scratch(t), 'target');
  fs.mkdirSync(target);
  fs.symlinkSync(target, path.join(folder, 'residue.works'));
  fs.symlinkSync(path.join(target, 'new'), path.join(folder, 'residue.works.2'));
  const env = { ...process.env, ...variables(folder), RESIDUE_OUT: path.join(folder, 'residue.%e') };
  assert.strictEqual(spawnSync(program('works'), { env }).status, 3);
  assert.deepStrictEqual(fs.readdirSync(target), []);
  assert.ok(fs.lstatSync(path.join(folder, 'residue.works.3')).isDirectory());
});

test('no byte of the environment or of the heap is in the trace', (t) => {
  const secret = 'sesame-4711-open';
  const script = `const kept = Array.from({ length: 3000 }, (_, i) => Buffer.from((process.env.PASSWORD + i).repeat(300))); setTimeout(() => kept.length, 1200);`;
  const { status, trace } = record(t, [node(20), '-e', script], { env: { PASSWORD: secret }, options: { MODE: 'full' } });
  assert.strictEqual(status, 0);
  let logs = 0;
  for (const name of fs.readdirSync(trace)) {
    const file = path.join(trace, name);
    const unpacked = name.endsWith('.log') ? spawnSync('zstd', ['-dc', file], { maxBuffer: 2 ** 30 }).stdout : fs.readFileSync(file);
    logs += unpacked.length;
    assert.ok(!unpacked.includes(secret), name);
  }
  assert.ok(logs > 1e6, 'the logs were unpacked');
});

test('a mark by another user does not count, though the directory were open', { skip: isRoot ? false : 'only root can be somebody else' }, async (t) => {
  const run = start(t, [program('descriptors'), '4']);
  await run.line();
  const trace = run.trace();
  fs.chmodSync(path.dirname(trace), 0o755);
  fs.chmodSync(trace, 0o777);
  const plant = (name, ...prefix) => {
    const argv = [...prefix, 'sh', '-c', `rm -f '${trace}/mark'; umask 0; echo -n ${name} > '${trace}/mark'`];
    assert.strictEqual(spawnSync(argv[0], argv.slice(1)).status, 0);
  };
  plant('theirs', ...nobody);
  await sleep(500);
  assert.ok(fs.existsSync(path.join(trace, 'mark')), 'it was not answered');
  plant('ours');
  for (let i = 0; i < 30 && fs.existsSync(path.join(trace, 'mark')); i++) await sleep(100);
  run.child.kill('SIGKILL');
  await run.ended;
  const text = residue('report', onlyTrace(run.folder));
  assert.match(text, /marks +ours at/);
  assert.doesNotMatch(text, /theirs/);
});
