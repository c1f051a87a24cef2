// Must show 7: loading libraries works as without the recorder. (The other half of it, children: fork.test.js.)

const { test } = require('node:test');
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { program, record, report, root, scratch } = require('./lib/residue');

function compile(folder, name, ...flags) {
  const source = path.join(root, 'tests', 'programs', 'runpath', `${name}.c`);
  const library = path.join(folder, `lib${name}.so`);
  execFileSync('gcc', ['-g', '-shared', '-fPIC', `-Wl,-soname,lib${name}.so`, '-o', library, source, ...flags, '-ldl']);
  return library;
}

test('a library finds another by soname through its own RUNPATH of $ORIGIN', (t) => {
  const folder = scratch(t);
  const inner = compile(folder, 'inner');
  const outer = compile(folder, 'outer', '-Wl,-rpath,$ORIGIN', '-Wl,--enable-new-dtags');
  const { status, stdout, stderr, trace } = record(t, [program('runpath'), outer]);
  assert.deepStrictEqual({ status, stdout, stderr }, { status: 0, stdout: '42\n', stderr: '' });

  // The library came after the recorder's start: its block's stack is named all the same.
  const result = report(trace, '--at', 'end');
  const site = result.sites.find(({ sizes }) => sizes.some(({ bytes }) => bytes === 41001));
  assert.ok(site, 'the block of the opened library is in the trace');
  assert.strictEqual(site.stack[0].function, 'inner_answer');
  assert.ok(result.modules.some((module) => module.path === inner), 'the opened library is among the modules');
});
