// Allocations in every corner of a process's life, and other libraries that stand in front of malloc as we do.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { library, node, onlyTrace, outstanding, preload, program, record, report, residue, root, scratch, start, variables } = require('./lib/residue');
const { records } = require('./lib/dump');

const LIBRARIES = '/usr/lib/x86_64-linux-gnu';
const ALLOCATORS = ['libjemalloc.so.2', 'libtcmalloc_minimal.so.4', 'libmimalloc.so.2.0'];
const KEPT = 2 * 4096; // by programs/works.c, of 1,000 to 1,015 bytes
const CALLS = 4 * 100000; // of its two threads

function run(argv, folder, preloads) {
  const env = { ...process.env, ...variables(folder), LD_PRELOAD: preloads.join(':') };
  const { status, stdout, stderr } = spawnSync(argv[0], argv.slice(1), { env, encoding: 'utf8', timeout: 60000 });
  return { status, stdout, stderr };
}

const ofWorks = (size) => size >= 1000 && size < 1016;

function counts(trace) {
  const result = report(trace, '--at', 'end');
  const own = result.sites.filter(({ sizes, stack }) => sizes.some(({ bytes }) => ofWorks(bytes)) || stack.some((frame) => frame.function === 'work'));
  const calls = own.reduce((sum, site) => sum + site.allocated_calls, 0);
  return { calls, kept: outstanding(result, ofWorks).blocks, anomalies: result.recorder.anomalies, dropped: result.recorder.dropped };
}

const once = { calls: CALLS, kept: KEPT, anomalies: 0, dropped: 0 };
const plain = spawnSync(program('works'), { encoding: 'utf8' });
const same = (result) => assert.deepStrictEqual(result, { status: plain.status, stdout: plain.stdout, stderr: '' });

for (const name of ALLOCATORS) {
  const file = path.join(LIBRARIES, name);
  const skip = fs.existsSync(file) ? false : `${name} is not installed`;

  test(`${name} after us: every call is recorded once, and what is freed reaches it`, { skip }, (t) => {
    const folder = scratch(t);
    same(run([program('works')], folder, [library, file]));
    assert.deepStrictEqual(counts(onlyTrace(folder)), once);
    assert.strictEqual(run([program('corners')], scratch(t), [library, file]).status, 6);
  });

  test(`${name} before us: one line says that it gets the calls, and nothing hangs`, { skip }, (t) => {
    const folder = scratch(t);
    const result = run([program('works')], folder, [file, library]);
    const line = `residue: malloc is that of ${name}, which comes first: its blocks are not recorded (put libresidue.so first)\n`;
    assert.deepStrictEqual(result, { status: plain.status, stdout: plain.stdout, stderr: line });
    report(onlyTrace(folder));
  });
}

test('a preload before us that passes calls on: each is recorded once', (t) => {
  const folder = scratch(t);
  same(run([program('works')], folder, [preload(t, 'wraps'), library]));
  const { recorder, sites } = report(onlyTrace(folder), '--at', 'end');
  assert.deepStrictEqual({ anomalies: recorder.anomalies, dropped: recorder.dropped }, { anomalies: 0, dropped: 0 });
  const made = sites.filter(({ stack }) => stack.some((frame) => frame.function === 'work'));
  assert.strictEqual(made.reduce((sum, site) => sum + site.allocated_calls, 0), CALLS);
});

test('a preload after us that passes calls on: its blocks come back to it', (t) => {
  const folder = scratch(t);
  same(run([program('works')], folder, [library, preload(t, 'wraps')]));
  assert.strictEqual(counts(onlyTrace(folder)).kept, KEPT);
});

// gcc's AddressSanitizer refuses any library that is loaded before its own, whatever it is; clang's is linked in.
for (const [compiler, sanitizer] of [['clang', 'address'], ['clang', 'thread'], ['gcc', 'thread']]) {
  test(`built with ${compiler}'s ${sanitizer} sanitizer: refused in one line, and the program is as ever`, (t) => {
    const folder = scratch(t);
    const source = path.join(folder, 'program.c');
    fs.writeFileSync(source, '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *volatile p = malloc(1000); free(p); puts("fine"); return 3; }\n');
    execFileSync(compiler, [`-fsanitize=${sanitizer}`, '-o', path.join(folder, 'program'), source]);
    const result = run(['setarch', '-R', path.join(folder, 'program')], folder, [library]);
    const line = 'residue: a program built with a sanitizer cannot be recorded; the program runs on, unrecorded\n';
    assert.deepStrictEqual(result, { status: 3, stdout: 'fine\n', stderr: line });
  });
}

// ---- Corners -----------------------------------------------------------------------------------------------------

test('constructors, destructors, signal handlers, thread-local objects, cancelled threads: all is recorded, once', (t) => {
  const { status, stdout, stderr, trace } = record(t, [program('corners'), preload(t, 'opened')]);
  assert.deepStrictEqual({ status, stdout, stderr }, { status: 6, stdout: '200 cancelled\n', stderr: '' });
  const result = report(trace, '--at', 'end');
  assert.strictEqual(result.recorder.anomalies, 0);
  assert.strictEqual(result.recorder.dropped, 0);
  const kept = Object.fromEntries(
    Array.from({ length: 11 }, (_, i) => [100001 + i, outstanding(result, (size) => size === 100001 + i).blocks]),
  );
  assert.deepStrictEqual(kept, {
    100001: 0, 100002: 0, 100003: 1, 100004: 0, 100005: 0, 100006: 1, 100007: 200, 100008: 200, 100009: 1, 100010: 1, 100011: 0,
  });
});

test('what a library allocates whose constructor runs before ours is recorded', (t) => {
  const folder = scratch(t);
  same(run([program('works')], folder, [library, preload(t, 'opened')]));
  const trace = onlyTrace(folder);
  assert.deepStrictEqual(counts(trace), once);
  assert.strictEqual(records(trace).filter(({ kind, size }) => kind === 'alloc' && size === 100002).length, 1);
});

test('a signal handler in the middle of a hook: what it does is counted, not recorded, and the record that it interrupted is whole', (t) => {
  const CALLS = 600, SIZE = 2048 * 4096;
  const { status, stdout, trace } = record(t, [program('reenters'), String(CALLS)], { options: { MODE: 'full' } });
  assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: `${CALLS} calls\n` });
  const result = report(trace, '--at', 'end');
  const { dropped, anomalies } = result.recorder;
  const recorded = records(trace).filter(({ api, size }) => /^mmap|^munmap/.test(api) && size === SIZE).length;
  t.diagnostic(`${recorded} calls of the handler on record, ${dropped} came in the middle of a hook`);
  assert.ok(dropped > 0);
  assert.strictEqual(recorded + dropped, CALLS);
  assert.strictEqual(anomalies, 0);
  assert.strictEqual(outstanding(result, (size) => size === 777).blocks, 1000);
});

// The helper says it, which has no descriptors of the program's.
test('another malloc before us, and off at first: one line says so when recording starts', async (t) => {
  const jemalloc = path.join(LIBRARIES, ALLOCATORS[0]);
  if (!fs.existsSync(jemalloc)) return t.skip('libjemalloc is not installed');
  const rounds = path.join(root, 'tests', 'node', 'rounds.js');
  const argv = ['env', `LD_PRELOAD=${jemalloc}:${library}`, node(20), rounds];
  const recorded = start(t, argv, { options: { START: 'off', ONLY: 'node' }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  recorded.child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  await recorded.line();
  assert.strictEqual(said, '');
  residue('start', recorded.trace());
  recorded.child.kill('SIGKILL');
  await recorded.ended;
  assert.match(said, /^residue: malloc is that of another library, which comes first: .*\n$/); // node has a jump to it
});
