// Must show 5: a trace that was recorded and packed here reads the same in a place that has none of the files that its
// names come from; and names that are looked up elsewhere, by --sysroot, --debug-dir and debuginfod.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { command, outstanding, program, proving, record, report, root, scratch, start } = require('./lib/residue');
const { filesOf, makeRoot, obstacle, runIn } = require('./lib/chroot');

const LANES = 4; // threads of programs/killed.c
const NAME = 'trace'; // of the directory here and of the pack there: reports name it

// What is compared. The export has every frame of every stack.
const COMMANDS = [
  ['report', '--top', '50', NAME],
  ['report', '--json', '--top', '200', NAME],
  ['report', '--site', '1', '--internals', NAME],
  ['flame', NAME],
  ['issue', '--site', '1', NAME],
  ['export', '--format', 'pprof', NAME],
  ['stat', NAME],
  ['list', '.'],
  ['html', '-o', '-', NAME],
];
const MORE = [
  ['report', '--json', '--top', '0', NAME],
  ['report', '--by', 'package', '--top', '0', '--metric', 'allocated', NAME],
  ['report', '--by', 'js', '--top', '0', '--metric', 'allocated', NAME],
  ['flame', '--text', '--metric', 'allocated', NAME],
  ['export', '--format', 'speedscope', '--metric', 'allocated', NAME],
  ['check', '--max-growth', '1GiB', '--site', 'vips', NAME],
  ['diff', NAME, NAME],
  ['merge', NAME, NAME],
  ['flame', '--diff', NAME, NAME],
];

const run = (args, options) => spawnSync(command, args, { maxBuffer: 1 << 30, ...options });
const text = (args, options) => {
  const { status, stdout, stderr } = run(args, options);
  assert.strictEqual(status, 0, `residue ${args.join(' ')}: ${stderr}`);
  return stdout.toString();
};

// A list tells the size on disk, which is that of the pack.
const comparable = (args, { status, stdout }) =>
  `${status}\n${args[0] === 'list' ? stdout.toString().replace(/ +[\d.]+ [KM]?i?B /, ' SIZE ') : stdout.toString('latin1')}`;

function recordSharp(t) {
  const worker = path.join(root, 'examples', 'sharp-webp', 'worker.js');
  const { folder, trace } = record(t, [process.execPath, worker, '3', 'leaky']);
  const here = path.join(folder, NAME);
  fs.renameSync(trace, here);
  return { folder, here };
}

test('a packed trace of sharp is read alike by every command where node, sharp and the sources are not', (t) => {
  const why = obstacle();
  if (why) return t.skip(why);
  const { folder, here } = recordSharp(t);
  const elsewhere = makeRoot(t, [[command, '/residue']]);
  text(['pack', '-o', path.join(elsewhere, NAME), here]);
  const strange = filesOf(elsewhere).filter((file) => !/^\/(residue|trace|lib.*\/(lib|ld-)[^/]*\.so[.\d]*)$/.test(file));
  assert.deepStrictEqual(strange, [], 'the root has the analyzer, its libraries and the pack, and nothing else');
  for (const args of proving ? [...COMMANDS, ...MORE] : COMMANDS) {
    const inside = comparable(args, runIn(elsewhere, ['/residue', ...args]));
    const outside = comparable(args, run(args, { cwd: folder }));
    assert.ok(inside === outside, `residue ${args.join(' ')} says something else there:\n${inside.slice(0, 3000)}`);
  }
  assert.ok(!fs.existsSync(path.join(here, 'names')), 'pack leaves the trace as it is');

  const named = runIn(elsewhere, ['/residue', 'report', NAME]).stdout.toString();
  assert.match(named, /vips::VImage::webpsave_buffer/, 'a symbol');
  assert.match(named, /threadpool\.c:\d+/, 'a line of debug information');
  assert.match(named, /in sharp@0\.33\.5/, 'a version out of package.json');
  fs.rmSync(path.join(elsewhere, NAME));
  fs.cpSync(here, path.join(elsewhere, NAME), { recursive: true });
  const nameless = runIn(elsewhere, ['/residue', 'report', NAME]).stdout.toString();
  assert.doesNotMatch(nameless, /webpsave_buffer|threadpool\.c|sharp@0\.33\.5/, 'without names there are none to be had');
});

test('names that symbolize stored are used in the place of the files, and names of another trace never', (t) => {
  const folder = scratch(t);
  const victim = path.join(folder, 'program');
  const source = 'int main(void) { for (int i = 0; i < 9; i++) *(volatile char *)__builtin_malloc(10001) = 1; }';
  spawnSync('gcc', ['-g', '-o', victim, '-x', 'c', '-'], { input: source });
  const { trace } = record(t, [victim]);
  const { trace: other } = record(t, [victim]);
  const before = text(['report', trace]);
  assert.match(before, /main {2}program\+0x[0-9a-f]+ {2}\S*<stdin>:1/);
  text(['symbolize', trace]);
  assert.strictEqual(text(['report', trace]), before);
  fs.rmSync(victim);
  assert.strictEqual(text(['report', trace]), before);
  assert.match(text(['report', other]), /program: cannot be read/);

  fs.copyFileSync(path.join(trace, 'names'), path.join(other, 'names'));
  assert.match(text(['report', other]), /names: offset 24: of another trace/);
  fs.truncateSync(path.join(trace, 'names'), 200);
  assert.match(text(['report', trace]), /2, the first: names: offset 64: cut: the stored names/s);
});

test('a process that still runs is packed as of now', async (t) => {
  const keeper = `
    globalThis.kept = [];
    require('node:readline').createInterface({ input: process.stdin }).on('line', () => {
      kept.push(Buffer.alloc(200003));
      console.log(kept.length);
    });`;
  const run = start(t, [process.execPath, '-e', keeper], { stdio: ['pipe', 'pipe', 'inherit'] });
  const pack = path.join(run.folder, 'now.pack');
  const kept = (trace) => outstanding(report(trace), (size) => size === 200003).blocks;
  const keep = async () => {
    run.child.stdin.write('more\n');
    await run.line();
  };
  await keep();
  text(['pack', '-o', pack, run.trace()]);
  await keep();
  assert.deepStrictEqual([kept(pack), kept(run.trace())], [1, 2]);
  assert.match(text(['report', pack]), /still running when it\s+was\s+packed/);
  text(['pack', '-o', `${pack}2`, pack]);
  assert.strictEqual(text(['report', `${pack}2`]), text(['report', pack]).replace('now.pack', 'now.pack2'));
  run.child.stdin.end();
  await run.ended;
  assert.strictEqual(kept(pack), 1, 'the same after the end');
});

test('a pack of a busy process holds together: nothing is lost, and at most the record that a thread was making', async (t) => {
  for (const mode of ['survivors', 'full']) {
    const folder = scratch(t);
    const pack = path.join(folder, 'now.pack');
    const busy = start(t, [program('killed'), path.join(folder, 'ledger'), '300'], { options: { MODE: mode } });
    while (!fs.existsSync(path.join(folder, 'ledger'))) await sleep(5);
    await sleep(500); // a log that is just being made may lack its header: a problem that is told
    for (let i = 0; i < (proving ? 40 : 3); i++) {
      await sleep(10);
      text(['pack', '-o', pack, busy.trace()]);
      busy.child.kill('SIGSTOP'); // or it outgrows its readers
      const stat = text(['stat', pack]);
      const { recorder } = JSON.parse(text(['report', '--json', pack]));
      assert.ok(recorder.events > 0);
      assert.ok(recorder.anomalies <= LANES, stat);
      assert.deepStrictEqual([recorder.lost_segments, recorder.problems], [0, 0], stat);
      busy.child.kill('SIGCONT');
    }
    busy.child.kill('SIGKILL');
    await busy.ended;
  }
});

// ---- Hostile packs --------------------------------------------------------------------------------------------------

function tarHeader(name, size, type = '0') {
  const block = Buffer.alloc(512);
  block.write(name);
  block.write('0000644\0', 100);
  block.write('0000000\0', 108);
  block.write('0000000\0', 116);
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const member = (name, content, type) => [
  tarHeader(name, content.length, type),
  content,
  Buffer.alloc(-content.length & 511),
];
const compress = (bytes) => spawnSync('zstd', ['-q', '-c'], { input: bytes, maxBuffer: 1 << 30 }).stdout;
const unpackWhole = (file) => spawnSync('zstd', ['-dc', file], { maxBuffer: 1 << 30 }).stdout;

test('a pack that is cut or damaged anywhere is read up to there, or refused with file and offset', (t) => {
  const { folder, trace } = record(t, [process.execPath, '-e', '0']);
  const whole = path.join(folder, 'whole.tar.zst');
  const broken = path.join(folder, 'broken.tar.zst');
  text(['pack', '-o', whole, trace]);
  const bytes = fs.readFileSync(whole);
  for (const part of [0.02, 0.5, 0.9, 1 - 2 / bytes.length]) {
    fs.writeFileSync(broken, bytes.subarray(0, Math.floor(bytes.length * part)));
    const { status, stdout, stderr } = run(['stat', broken]);
    const said = stdout.toString() + stderr.toString();
    assert.match(said, /broken\.tar\.zst: offset \d+: it is cut: what follows in the pack is lost/, `${part}: ${said}`);
    assert.strictEqual(status, part === 0.02 ? 1 : 0);
  }
  for (let at = 100; at < bytes.length; at += Math.ceil(bytes.length / 30)) {
    const copy = Buffer.from(bytes);
    copy[at] ^= 0x10;
    fs.writeFileSync(broken, copy);
    const { status, signal, stdout, stderr } = run(['stat', broken]);
    assert.strictEqual(signal, null);
    assert.match(stdout.toString() + stderr.toString(), /broken\.tar\.zst: offset \d+: /, `byte ${at}`);
    assert.ok(status === 0 || status === 1);
  }
});

test('members that lead out of a pack, links, second files and bombs are complained of, and reach nothing', (t) => {
  const { folder, trace } = record(t, [process.execPath, '-e', '0']);
  const whole = path.join(folder, 'whole.tar.zst');
  const hostile = path.join(folder, 'hostile.tar.zst');
  text(['pack', '-o', whole, trace]);
  const tar = unpackWhole(whole);
  const evil = Buffer.from('evil');
  const cases = [
    [member('../evil', evil), /the member \.\.\/evil is not a file of one folder/],
    [member('/tmp/evil', evil), /the member \/tmp\/evil is not a file of one folder/],
    [member('a/../../evil', evil), /the member a\/\.\.\/\.\.\/evil is not a file of one folder/],
    [member('a/..', evil), /the member a\/\.\. is not a file of one folder/],
    [member('a/meta.json', evil, '2'), /the member a\/meta\.json is no plain file/],
    [member('a/meta.json', evil, '1'), /the member a\/meta\.json is no plain file/],
    [[member('x/t9.log', evil), member('y/t9.log', evil)].flat(), /the member y\/t9\.log is there twice/],
    [member('a/\x1b[31m', evil, '3'), /the member a\/\\x1b\[31m is no plain file/],
  ];
  for (const [members, complaint] of cases) {
    fs.writeFileSync(hostile, compress(Buffer.concat([...members, tar])));
    const said = text(['stat', hostile]);
    assert.match(said, complaint);
    assert.match(said, /hostile\.tar\.zst: offset \d+: the member/);
    assert.doesNotMatch(said, /\x1b/);
  }
  assert.ok(!fs.existsSync('/tmp/evil') && !fs.existsSync(path.join(folder, '..', 'evil')));

  fs.writeFileSync(hostile, compress(Buffer.concat([tarHeader('a/t1.log', 4 * 2 ** 30 - 512), Buffer.alloc(1 << 20)])));
  const bomb = run(['report', hostile], { encoding: 'utf8' });
  assert.strictEqual(bomb.status, 1);
  assert.match(bomb.stderr, /hostile\.tar\.zst: offset \d+: unpacks to more than \d+ bytes: that is not the pack/);
  for (const [content, complaint] of [
    [Buffer.from('no pack at all'), /neither a trace directory nor a pack/],
    [compress(Buffer.from('no tar at all'.repeat(100))), /there is no trace in it: .*offset \d+: no header of a tar/],
    [compress(Buffer.alloc(1024)), /there is no trace in it: it is empty/],
  ]) {
    fs.writeFileSync(hostile, content);
    const { status, stderr } = run(['report', hostile], { encoding: 'utf8' });
    assert.strictEqual(status, 1);
    assert.match(stderr, complaint);
  }
});

test('a pack is unpacked by tar, packed again by tar, and still read', (t) => {
  const { folder, trace } = record(t, [process.execPath, '-e', '0']);
  const sh = (line) => {
    const { status, stderr } = spawnSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' });
    assert.strictEqual(status, 0, stderr);
  };
  text(['pack', '-o', 'a.pack', trace], { cwd: folder });
  sh(`mkdir out && tar --zstd -xf a.pack -C out && mv out/residue.* ${NAME}`);
  const unpacked = text(['report', NAME], { cwd: folder });
  sh(`tar --zstd -cf again ./${NAME} && rm -r ${NAME} && mv again ${NAME}`);
  assert.strictEqual(text(['report', NAME], { cwd: folder }), unpacked);
  fs.renameSync(trace, path.join(folder, NAME + 2));
  assert.strictEqual(text(['report', NAME + 2], { cwd: folder }), unpacked.replace(NAME, NAME + 2));
});

// ---- Names from elsewhere ---------------------------------------------------------------------------------------------

const PROGRAM = `#include <stdlib.h>
static inline __attribute__((always_inline)) void *inner(int n) { return malloc(n); }
static __attribute__((noinline)) void hidden(int n) { *(volatile char *)inner(n) = 1; }
int main(void) { for (int i = 0; i < 9; i++) hidden(10001); return 0; }
`;
const NAMED = /inner \(inlined\) .*program\.c:2\n +hidden {2}program\+0x[0-9a-f]+ .*program\.c:3\n/s;

// A stripped program whose symbols and debug information lie in another file, which goes by its build-id.
function strippedProgram(t) {
  const folder = scratch(t);
  fs.writeFileSync(path.join(folder, 'program.c'), PROGRAM);
  const line =
    'gcc -g -O1 -o full program.c && objcopy --only-keep-debug full debug && strip -o program full && readelf -n full';
  const { stdout } = spawnSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' });
  const [, id] = /Build ID: ([0-9a-f]+)/.exec(stdout);
  const { trace } = record(t, [path.join(folder, 'program')]);
  return { folder, id, trace };
}

test('debug files are found in --debug-dir and below --sysroot by their build-id, and count more than stored names', (t) => {
  const { folder, id, trace } = strippedProgram(t);
  const debug = path.join(folder, 'dbg', '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`);
  fs.mkdirSync(path.dirname(debug), { recursive: true });
  fs.copyFileSync(path.join(folder, 'debug'), debug);
  const dir = path.join(folder, 'dbg');
  assert.doesNotMatch(text(['report', trace]), /hidden/);
  assert.match(text(['report', '--debug-dir', dir, trace]), NAMED);

  const sysroot = path.join(folder, 'root');
  fs.mkdirSync(path.join(sysroot, folder), { recursive: true });
  fs.renameSync(path.join(folder, 'full'), path.join(sysroot, folder, 'program'));
  assert.match(text(['report', '--sysroot', sysroot, trace]), NAMED);
  for (const places of [['--debug-dir', dir], ['--sysroot', sysroot]]) {
    for (const command of ['diff', 'merge']) {
      const { sites } = JSON.parse(text([command, '--json', '--metric', 'outstanding', ...places, trace, trace]));
      const names = (side) => sites[0][side].stack.map((frame) => frame.function).slice(0, 2);
      assert.deepStrictEqual([names('a'), names('b')], [['inner', 'hidden'], ['inner', 'hidden']], command);
    }
    for (const options of [[], ['--diff']])
      assert.match(text(['flame', '--metric', 'outstanding', ...options, ...places, trace, trace]), /;hidden;inner/);
  }

  text(['symbolize', trace]);
  assert.doesNotMatch(text(['report', trace]), /hidden/);
  fs.rmSync(path.join(folder, 'program'));
  assert.match(text(['report', '--debug-dir', dir, trace]), NAMED, 'the debug file alone is enough');
  text(['symbolize', '--debug-dir', dir, trace]);
  fs.rmSync(dir, { recursive: true });
  assert.match(text(['report', trace]), NAMED, 'what was found there is stored now');
  assert.strictEqual(run(['report', '--debug-dir', dir, trace]).status, 2, 'a folder that is not there is a mistake');
});

test('DEBUGINFOD_URLS: what is not here is asked of a server, and nothing that is stored is', async (t) => {
  const { folder, id, trace } = strippedProgram(t);
  const serve = `require('node:http').createServer(({ url }, response) => {
    console.log(url);
    if (url !== '/buildid/${id}/debuginfo') response.writeHead(404);
    response.end(url === '/buildid/${id}/debuginfo' ? require('node:fs').readFileSync('debug') : '');
  }).listen(0, '127.0.0.1', function () { console.log(this.address().port); })`;
  const server = spawn(process.execPath, ['-e', serve], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => server.kill());
  let asked = '';
  server.stdout.on('data', (chunk) => (asked += chunk));
  while (!asked.includes('\n')) await sleep(10);
  const env = {
    ...process.env,
    DEBUGINFOD_URLS: `http://127.0.0.1:${Number.parseInt(asked)}`,
    DEBUGINFOD_CACHE_PATH: path.join(folder, 'cache'),
  };
  fs.rmSync(path.join(folder, 'program'));
  const asking = () =>
    new Promise((resolve) => {
      const child = spawn(command, ['report', trace], { env, stdio: ['ignore', 'pipe', 'inherit'] });
      let all = '';
      child.stdout.on('data', (chunk) => (all += chunk));
      child.on('close', () => resolve(all));
    });
  if (spawnSync('sh', ['-c', 'ldconfig -p | grep -q libdebuginfod']).status !== 0) return t.skip('no libdebuginfod here');
  assert.match(await asking(), NAMED);
  assert.match(asked, new RegExp(`/buildid/${id}/debuginfo`));

  text(['symbolize', trace], { env });
  const before = asked;
  fs.rmSync(env.DEBUGINFOD_CACHE_PATH, { recursive: true });
  assert.match(await asking(), NAMED);
  assert.strictEqual(asked, before);
});
