// `residue check` in a script: it fails on the version that leaks and passes on the one that does not.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, record, root } = require('./lib/residue');

const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');

function check(trace, ...options) {
  const { status, stdout, stderr } = spawnSync(command, ['check', ...options, trace], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('check fails on the leaking sharp and passes on the fixed one', (t) => {
  const verdict = {};
  for (const version of ['leaky', 'fixed']) {
    const { trace } = record(t, [process.execPath, worker, '40', version]);
    verdict[version] = check(trace, '--max-growth', '20MiB', '--site', 'libvips');
    assert.match(verdict[version].stdout, /^residue check: .+\n$/, 'one line for a log');
  }
  assert.strictEqual(verdict.leaky.status, 1, verdict.leaky.stdout);
  assert.match(verdict.leaky.stdout, /FAILED: native memory grew by \+3\d\.\d MiB/);
  assert.strictEqual(verdict.fixed.status, 0, verdict.fixed.stdout);
});

test('check says that it cannot tell, and what is wrong with its options', (t) => {
  const { trace } = record(t, [process.execPath, '-e', '0']);
  const nothing = check(trace, '--max-growth', '1GiB', '--site', 'no such thing');
  assert.strictEqual(nothing.status, 2);
  assert.match(nothing.stdout, /cannot tell: nothing was allocated on a stack that matches/);
  for (const options of [[], ['--max-growth', 'much'], ['--max-growth', '1MiB', '--per', 'year'], ['--max-growth', '1MiB', '--site', '(']]) {
    const { status, stderr } = check(trace, ...options);
    assert.strictEqual(status, 2);
    assert.match(stderr, /^residue check: .+\(see: residue help check\)\n$/);
  }
  assert.strictEqual(check('/nowhere', '--max-growth', '1MiB').status, 2);
});
