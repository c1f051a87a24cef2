// Must show 7: loading libraries works as without the recorder. (The other half of it, children: fork.test.js.) And what the
// recorder has with the loader itself: its locks, its messages, its names.

const { test } = require('node:test');
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { build, library, outstanding, program, record, report, root, scratch } = require('./lib/residue');

function compileAs(folder, as, name, ...flags) {
  const source = path.join(root, 'tests', 'programs', 'runpath', `${name}.c`);
  const library = path.join(folder, `lib${as}.so`);
  execFileSync('gcc', ['-g', '-shared', '-fPIC', `-Wl,-soname,lib${as}.so`, '-o', library, source, ...flags, '-ldl']);
  return library;
}

const compile = (folder, name, ...flags) => compileAs(folder, name, name, ...flags);

const python = (t, script, ...args) => {
  const { status, stdout, stderr, trace } = record(t, ['/usr/bin/python3', '-S', '-c', `import ctypes, _ctypes, sys\n${script}`, ...args]);
  assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: '' });
  return { stdout, result: report(trace, '--at', 'end') };
};

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

test('RTLD_DEEPBIND: what the library allocates is recorded all the same', (t) => {
  const inner = compile(scratch(t), 'inner');
  const { result } = python(t, 'RTLD_NOW, RTLD_DEEPBIND = 2, 8\nctypes.CDLL(sys.argv[1], mode=RTLD_NOW | RTLD_DEEPBIND).inner_answer()', inner);
  assert.strictEqual(outstanding(result, (size) => size === 41001).blocks, 1);
});

test('a library that is closed, and another at its address: each block is under the function that made it', (t) => {
  const folder = scratch(t);
  const turn = (name, bytes) => compileAs(folder, name, 'turn', `-DNAME=${name}`, `-DBYTES=${bytes}`);
  const script = `
TURNS = 20
places = []
for i in range(TURNS):
    for path, name in zip(sys.argv[1::2], sys.argv[2::2]):
        opened = ctypes.CDLL(path)
        function = getattr(opened, name)
        function()
        places.append(ctypes.cast(function, ctypes.c_void_p).value)
        _ctypes.dlclose(opened._handle)
print(sum(a == b for a, b in zip(places, places[1:])))
`;
  const { stdout, result } = python(t, script, turn('first', 42001), 'first', turn('other', 42002), 'other');
  assert.ok(Number(stdout) >= 20, `the one took the other's place ${stdout.trim()} times`);
  for (const [name, bytes] of [['first', 42001], ['other', 42002]]) {
    const sites = result.sites.filter(({ sizes }) => sizes.some((size) => size.bytes === bytes));
    assert.deepStrictEqual([...new Set(sites.map(({ stack }) => stack[0].function))], [name]);
    assert.strictEqual(outstanding(result, (size) => size === bytes).blocks, 20);
  }
});

test('who holds the loader\'s locks may wait for a thread that allocates from code that was never met', (t) => {
  const folder = scratch(t);
  const libraries = [compileAs(folder, 'one', 'inner'), compileAs(folder, 'two', 'inner'), compile(folder, 'meets')];
  const { status, signal, stdout, trace } = record(t, [program('loader_locks'), ...libraries]);
  assert.deepStrictEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: 'met twice\n' });
  assert.strictEqual(outstanding(report(trace, '--at', 'end'), (size) => size === 41001).blocks, 2);
});

test('the program\'s first dlerror() tells of no failure of ours', (t) => {
  const { stdout } = record(t, [program('loader_locks')]);
  assert.strictEqual(stdout, 'dlerror: nothing\n');
});

test('the library exports its hooks alone, and its zstd is its own', () => {
  const names = (...flags) =>
    execFileSync('nm', ['-D', ...flags, library], { encoding: 'utf8' }).trim().split('\n').map((line) => line.split(/\s+/).at(-1).split('@')[0]);
  const hooks = fs.readFileSync(path.join(build, 'exports.map'), 'utf8').match(/\w+(?=;)/g);
  const exported = names('--defined-only');
  assert.ok(exported.includes('malloc') && exported.length > 20, `${exported}`);
  assert.deepStrictEqual(exported.filter((name) => !hooks.includes(name)), []);
  assert.deepStrictEqual(names('--undefined-only').filter((name) => /^ZSTD_/.test(name)), []);
});
