// Must show 7: loading libraries works as without the recorder, and a child that was not exec'ed writes nothing into
// its parent's trace.

const { test } = require('node:test');
const assert = require('node:assert');
const { execFileSync, spawnSync } = require('node:child_process');
const path = require('node:path');
const { outstanding, program, record, report, root, scratch, traces, variables } = require('./lib/residue');
const { dump } = require('./lib/dump');

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

test('children by clone, fork and vfork write nothing into the parent\'s trace', (t) => {
  // Only the vforked child execs: it gets a trace of its own, beside the parent's.
  const folder = scratch(t);
  const env = { ...process.env, ...variables(folder), RESIDUE_OUT: path.join(folder, 'residue.%e.%p') };
  const run = spawnSync(program('children'), { env, encoding: 'utf8' });
  assert.strictEqual(run.stderr, '');
  assert.strictEqual(run.stdout, 'clone 7\nfork 8\nvfork 0\nforks while threads allocate: 50 of 50\n');
  const own = traces(folder).filter((trace) => path.basename(trace).startsWith('residue.children.'));
  assert.strictEqual(own.length, 1);

  const marked = dump(own[0]).filter(({ kind, size }) => kind === 'alloc' && size >= 31000 && size < 35000);
  assert.deepStrictEqual(marked.map(({ size }) => size), [31000, 31001, 31002, 31003]);
  const result = report(own[0], '--at', 'end');
  assert.strictEqual(outstanding(result, (size) => size >= 31000 && size < 35000).blocks, 4);
  assert.strictEqual(result.recorder.anomalies, 0);
});
