// The readers on what nobody would write, and everything again under the sanitizers: the corpus of the fuzz targets, the
// analyzer on real traces with threads that unpack for it, and the recording protocol with threads of its own.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { build, program, proving, record, root, scratch } = require('./lib/residue');

const corpus = path.join(root, 'tests/fuzz/corpus');
const built = (variant, name) => path.join(build, variant, name);

function run(command, args, env = {}) {
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8', maxBuffer: 1 << 30, env: { ...process.env, ...env },
  });
  assert.strictEqual(status, 0, `${command} ${args.join(' ')}: ${status ?? signal}\n${stderr}`);
  return { stdout, stderr };
}

for (const variant of ['.', 'asan'])
  test(`the corpus of every fuzz target breaks nothing (${variant === '.' ? 'as it is built' : 'ASan and UBSan'})`, () => {
    const { stdout } = run(built(variant, 'corpus'), [corpus]);
    assert.match(stdout, /[1-9]\d* inputs, none of them broke anything/);
  });

test('the corpus stays below 2 MB', () => {
  const sizes = fs.readdirSync(corpus).flatMap((target) =>
    fs.readdirSync(path.join(corpus, target)).map((name) => fs.statSync(path.join(corpus, target, name)).size));
  assert.ok(sizes.reduce((a, b) => a + b) < 2e6);
});

const RECORDED = [
  ['hooks', [program('hooks')], 'survivors'],
  ['queues', [program('queues'), '40000'], 'full'],
  ['events', [program('events'), '200000', '5000', '4'], 'full'],
  ['node', ['node', '-e', 'for (let i = 0; i < 2000; i++) Buffer.allocUnsafeSlow(i * 10)'], 'survivors'],
];

for (const [name, argv, MODE] of RECORDED)
  test(`under the sanitizers the report on ${name} is the same, and they find nothing`, (t) => {
    const { trace } = record(t, argv, { options: { MODE } });
    const report = (variant, jobs) =>
      run(built(variant, 'residue'), ['report', '--json', trace], { RESIDUE_JOBS: jobs, TSAN_OPTIONS: 'exitcode=66' });
    const plain = report('.', '1');
    assert.strictEqual(report('.', '4').stdout, plain.stdout);
    assert.strictEqual(report('asan', '4').stdout, plain.stdout);
    if (name !== 'node') assert.strictEqual(report('tsan', '4').stdout, plain.stdout);
  });

for (let seed = 1; seed <= (proving ? 100 : 2); seed++)
  test(`the recording protocol under ThreadSanitizer: no race, and the program's own ledger (seed ${seed})`, (t) => {
    const folder = scratch(t);
    const { stdout } = run(built('tsan', 'protocol'), [folder, String(seed), '20000'], { TSAN_OPTIONS: 'exitcode=66' });
    const { calls, outstanding, nursery } = JSON.parse(stdout);
    assert.ok(outstanding > 0 && nursery > calls / 10 && nursery < calls, stdout);
  });

// ---- A trace that is small and unpacks to much ----------------------------------------------------------------------

const RECORDS = 43690; // of 24 bytes: a frame's content is at most 1 MiB

function fnv1a(bytes) {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}

// The planes of RECORDS allocations, 16 bytes and one tick apart.
function planes(time, address) {
  const content = Buffer.alloc(RECORDS * 24);
  const words = [[time, 1n], [address | 1n << 48n, 16n], [1n, 0n]];
  words.forEach(([first, step], word) => {
    for (let byte = 0; byte < 8; byte++) {
      const plane = content.subarray((word * 8 + byte) * RECORDS, (word * 8 + byte + 1) * RECORDS);
      plane.fill(Number(step >> BigInt(8 * byte) & 0xffn));
      plane[0] = Number(first >> BigInt(8 * byte) & 0xffn);
    }
  });
  return content;
}

function frame(sequence) {
  const time = 1000n + BigInt(sequence * RECORDS);
  const content = planes(time, 0x10000n + BigInt(sequence * RECORDS) * 16n);
  const packed = spawnSync('zstd', ['-q', '-c', '--check'], { input: content }).stdout;
  const header = Buffer.alloc(64);
  header.writeUInt32LE(0x184d2a5b, 0);
  header.writeUInt32LE(56, 4);
  header.writeUInt8(1, 9);
  [sequence, content.length, packed.length].forEach((value, i) => header.writeUInt32LE(value, 12 + 4 * i));
  header.writeBigUInt64LE(time, 24);
  header.writeBigUInt64LE(time + BigInt(RECORDS - 1), 32);
  header.writeUInt32LE(RECORDS, 40);
  header.writeBigUInt64LE(fnv1a(header.subarray(0, 56)), 56);
  return Buffer.concat([header, packed]);
}

test('a trace of some kilobytes that unpacks to more than the memory ends with a sentence, and soon', (t) => {
  const folder = scratch(t);
  const header = Buffer.alloc(64);
  header.writeUInt32LE(0x184d2a5a, 0);
  header.writeUInt32LE(56, 4);
  header.write('RESIDUE', 8);
  header.writeUInt16LE(1, 16);
  header.writeUInt32LE(1, 20);
  const log = Buffer.concat([header, ...Array.from({ length: 60 }, (_, i) => frame(i + 1))]);
  fs.writeFileSync(path.join(folder, 't1.log'), log);
  assert.ok(log.length < 200e3, `${log.length} bytes`);
  const report = spawnSync('sh', ['-c', `ulimit -v 100000; exec "$0" report "$1"`, path.join(build, 'residue'), folder],
    { encoding: 'utf8', timeout: 20000 });
  assert.strictEqual(report.status, 3, report.stderr);
  assert.match(report.stderr, /out of memory: this trace holds more than can be analysed here/);
});
