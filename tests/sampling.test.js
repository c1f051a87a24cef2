// RESIDUE_MODE=sample=BYTES and RESIDUE_MAX_SIZE: what is recorded by chance is right in the mean, and a trace that may not
// grow any more loses no block that it has.

const test = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, node, program, proving, record, report, residue, root, scratch, traces, variables } = require('./lib/residue');

const RATE = 4096;
const RUNS = proving ? 200 : 8;

// A block of `size` bytes is a sample with probability P and then stands for 1 / P.
const variance = ({ size }, blocks) => (blocks * Math.exp(-size / RATE)) / (1 - Math.exp(-size / RATE));

const METRICS = {
  outstanding: {
    truth: (site) => site.outstanding * site.size,
    deviation: (site) => site.size * Math.sqrt(variance(site, site.outstanding)),
    estimate: (found) => found.outstanding_bytes,
  },
  allocated: {
    truth: (site) => site.calls * site.size,
    deviation: (site) => site.size * Math.sqrt(variance(site, site.calls)),
    estimate: (found) => found.allocated_bytes,
  },
  calls: {
    truth: (site) => site.calls,
    deviation: (site) => Math.sqrt(variance(site, site.calls) + site.calls / 4), // rounded to whole blocks by chance
    estimate: (found) => found.allocated_calls,
  },
};

const siteNumber = (site) =>
  Number(/^site_(\d+)$/.exec(site.stack.map((frame) => frame.function).find((name) => /^site_/.test(name ?? '')) ?? '')?.[1]);

function runSampled(t) {
  const folder = scratch(t);
  const run = record(t, [program('sampled')], { options: { MODE: `sample=${RATE}` }, folder });
  assert.deepStrictEqual({ status: run.status, stderr: run.stderr }, { status: 0, stderr: '' });
  const truth = run.stdout.trim().split('\n').map((line) => JSON.parse(line));
  const got = report(run.trace, '--at', 'exit');
  assert.strictEqual(got.recorder.anomalies, 0);
  const sites = new Map(got.sites.map((site) => [siteNumber(site), site]));
  fs.rmSync(folder, { recursive: true });
  return { truth, sites };
}

test(`estimates of 20 call sites are right in the mean over ${RUNS} runs, and as far off as they say`, (t) => {
  const sums = {};
  let within = 0, asReported = 0, cases = 0, reported = 0;
  for (let i = 0; i < RUNS; i++) {
    const { truth, sites } = runSampled(t);
    for (const site of truth) {
      const found = sites.get(site.site);
      for (const [name, { truth: of, deviation, estimate }] of Object.entries(METRICS)) {
        const off = (found ? estimate(found) : 0) - of(site);
        const key = `${name} of site ${site.site}`;
        sums[key] ??= { off: 0, deviation: deviation(site) };
        sums[key].off += off;
        cases++;
        within += Math.abs(off) <= 1.96 * deviation(site) + 1;
      }
      reported++;
      const off = (found?.outstanding_bytes ?? 0) - METRICS.outstanding.truth(site);
      asReported += Math.abs(off) <= 1.96 * (found?.standard_error ?? 0) + 1;
    }
  }
  for (const [key, { off, deviation }] of Object.entries(sums)) {
    const z = off / RUNS / ((deviation + 1) / Math.sqrt(RUNS));
    assert.ok(Math.abs(z) < 4.5, `${key}: the mean is ${z.toFixed(1)} standard errors off`);
  }
  t.diagnostic(`${((100 * within) / cases).toFixed(1)} % of ${cases} estimates within their 95 % interval around the truth; ` +
    `${((100 * asReported) / reported).toFixed(1)} % by the standard error of their own report`);
  assert.ok(within / cases >= (proving ? 0.93 : 0.91), `${within} of ${cases}`);
  assert.ok(asReported / reported >= 0.88, `${asReported} of ${reported} by the reported standard error`);
});

test('each metric is estimated, with its standard error', (t) => {
  const { trace } = record(t, [program('sampled')], { options: { MODE: `sample=${RATE}` } });
  for (const metric of ['growth', 'outstanding', 'peak', 'allocated', 'calls', 'temporary']) {
    const got = report(trace, '--at', 'exit', '--metric', metric);
    const of = (number) => got.sites.find((site) => siteNumber(site) === number);
    assert.strictEqual(got.sampling.bytes, RATE);
    assert.ok(got.sites.every((site, i) => i === 0 || site.value <= got.sites[i - 1].value), metric);
    assert.ok(of(0).standard_error > 0 || of(0).value === 0, metric); /* whether it is temporary is a matter of time */
    assert.ok(of(19).standard_error < 1, 'a block much larger than the rate stands for itself');
  }
});

test('of several traces each call site has the standard error of every one that was sampled, and of their difference or sum', (t) => {
  const sampled = () => record(t, [program('sampled')], { options: { MODE: `sample=${RATE}` } }).trace;
  const [a, b, exact] = [sampled(), sampled(), record(t, [program('sampled')]).trace];
  const errors = new Map(report(a).sites.map((site) => [siteNumber(site), site.standard_error]));
  const diff = JSON.parse(residue('diff', '--json', '--top', '0', a, exact));
  assert.strictEqual(diff.a.sampling.bytes, RATE);
  assert.strictEqual(diff.b.sampling, null);
  let squares = 0;
  for (const site of diff.sites) {
    const error = site.a.standard_error;
    if (site.a.stack) assert.ok(Math.abs(error - errors.get(siteNumber(site.a))) < 0.01, `${error}`);
    assert.strictEqual(site.b.standard_error, null);
    squares += error ** 2;
  }
  assert.ok(squares > 0 && Math.abs(diff.error_a - Math.sqrt(squares)) < 1 && diff.error_b === 0);

  const size = '[\\d.]+ [KM]?i?B';
  const text = residue('diff', a, b);
  assert.match(text, new RegExp(`\n#1 +[+-]${size} ± ${size} {3}A ${size}, B ${size} {3}`));
  assert.match(text, new RegExp(`\n +estimates +A ${size} ± ${size}, B ${size} ± ${size}\n`));
  assert.match(residue('diff', a, exact, b), new RegExp(`\n#1 +${size} +${size} +${size} +\\w+\n +± +${size} +0 B +${size}\n`));
  assert.match(residue('merge', a, b), new RegExp(`\n +by worker +A ${size} ± ${size}, B ${size} ± ${size}\n.*; the sum ± ${size}\n`));
  assert.doesNotMatch(residue('diff', exact, exact), /±|estimates/);
});

test('samples come from each thread, and their ends from any', (t) => {
  const run = record(t, [program('ledger'), '7', '8', '20000'], { options: { MODE: 'sample=512' } });
  assert.strictEqual(run.status, 0);
  const writers = new Set(residue('dump', '--kind', 'alloc', run.trace).trim().split('\n').map((line) => line.split(' ')[1]));
  assert.ok(writers.size >= 8, `${writers.size} writers`);
  const got = report(run.trace, '--at', 'end');
  assert.strictEqual(got.recorder.anomalies, 0);
  assert.match(residue('stat', run.trace), /no sample was recorded of +0\n/);
});

test('a resized block that could not be resized is still known, and a mode that makes no sense is named', (t) => {
  const whole = record(t, [program('sampled')], { options: { MODE: 'sample=1' } });
  const truth = whole.stdout.trim().split('\n').map((line) => JSON.parse(line));
  const got = report(whole.trace, '--at', 'exit');
  for (const site of truth) {
    const found = got.sites.find((candidate) => siteNumber(candidate) === site.site);
    assert.strictEqual(found.outstanding_blocks, site.outstanding, `all blocks are samples: site ${site.site}`);
    assert.strictEqual(found.outstanding_bytes, site.outstanding * site.size);
  }
  assert.ok(!got.sites.some((site) => site.outstanding_bytes && site.stack.some((frame) => frame.function === 'churn')));
  for (const MODE of ['sample', 'sample=', 'sample=0', 'sample=12Q', 'sample=-4K']) {
    const run = record(t, [program('hooks')], { options: { MODE } });
    assert.match(run.stderr, /RESIDUE_MODE=sample.* is none of survivors, full and sample=BYTES/);
  }
});

const size = (trace, wanted = /./) =>
  fs.readdirSync(trace).filter((name) => wanted.test(name)).reduce((sum, name) => sum + fs.statSync(path.join(trace, name)).size, 0);

// Live files are as large as they are, three quarters of a MiB a thread and more. What they leave is the logs', 4 MiB at least.
function keepsWithin(trace, limit) {
  const whole = size(trace), live = size(trace, /\.live$/);
  assert.ok(whole <= Math.max(limit, live + (4 << 20)) + 65536, `${whole} bytes, ${live} of them live files`);
  return `${live} bytes of live files, ${whole - live} more`;
}

for (const MODE of ['survivors', 'full'])
  test(`a trace stays within RESIDUE_MAX_SIZE, loses no block that it has, and goes on to see a leak: ${MODE}`, (t) => {
    const rounds = proving ? 1000 : 200;
    const run = record(t, [program('long_run'), String(rounds)], { options: { MODE, MAX_SIZE: '6MiB' } });
    assert.strictEqual(run.status, 0);
    assert.match(run.stderr, /^residue: half of what RESIDUE_MAX_SIZE leaves for logs is used: .*\n$/);
    t.diagnostic(keepsWithin(run.trace, 6 << 20));
    const got = report(run.trace, '--at', 'exit');
    assert.strictEqual(got.recorder.anomalies, 0);
    const of = (name) => got.sites.find((site) => site.stack[0].function === name);
    assert.deepStrictEqual(of('take_early').sizes, [{ bytes: 10007, blocks: 2000 }]);
    assert.strictEqual(of('take_early').standard_error, 0);
    const leak = of('leak'), leaked = 3001 * rounds * 100;
    assert.ok(leak.standard_error > 0 && Math.abs(leak.outstanding_bytes - leaked) < 5 * leak.standard_error,
      `${leak.outstanding_bytes} ± ${leak.standard_error}, truly ${leaked}`);
    assert.match(residue('report', '--at', 'exit', run.trace).replace(/\s+/g, ' '), /ESTIMATES figures are estimates from samples: (from \d+\.\d s on )?a sample in each (64|128)\.0 KiB allocated/);
  });

test('a child of a process that went over to samples begins with a whole trace of its own', (t) => {
  const folder = scratch(t);
  const env = { ...process.env, ...variables(folder, { MODE: 'full', MAX_SIZE: '4MiB' }) };
  assert.strictEqual(spawnSync(program('long_run'), ['100', 'fork'], { env }).status, 0);
  const child = traces(folder).find((trace) => JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'), 'utf8')).forked_from);
  const got = report(child, '--at', 'exit');
  assert.strictEqual(got.sampling, null);
  const taken = got.sites.find((site) => site.stack[0].function === 'take_in_child');
  assert.strictEqual(taken.outstanding_blocks, 300);
});

const rates = (trace) => [...residue('dump', trace).matchAll(/ sampling rate=(\d+)/g)].map(([, rate]) => Number(rate));

for (const { MODE, MAX_SIZE } of [{ MODE: 'survivors', MAX_SIZE: 4 }, { MODE: 'full', MAX_SIZE: 4 }, { MODE: 'full', MAX_SIZE: 12 }])
  test(`a node that leaks is seen to with a limit of ${MAX_SIZE} MiB, which leaves its logs 4 MiB at least: ${MODE}`, (t) => {
    const worker = path.join(root, 'tests', 'node', 'leaky.js');
    const run = record(t, [node(20), worker, '8'], { options: { MODE, MAX_SIZE: `${MAX_SIZE}MiB` } });
    const kept = keepsWithin(run.trace, MAX_SIZE << 20);
    const taken = rates(run.trace).sort((a, b) => a - b);
    t.diagnostic(`${kept}, rates ${taken}`);
    if (MODE === 'full' && MAX_SIZE === 4) {
      assert.ok(taken[0] === 64 << 10 || taken[0] === 128 << 10, `at first one in ${taken[0]}`);
      assert.ok(taken.at(-1) <= 64 << 20, `at last one in ${taken.at(-1)}`);
    }
    const { verdict, sites } = report(run.trace);
    const coarse = taken.length && taken.at(-1) > 1 << 20;
    assert.ok(verdict.kind === 'leak' || (coarse && verdict.kind === 'too short'), `${verdict.text}, rates ${taken}`);
    const ours = sites.filter(({ stack }) => stack.some(({ file }) => file?.endsWith('leaky.js')));
    const held = ours.reduce((sum, site) => sum + site.outstanding_bytes, 0);
    const error = Math.sqrt(ours.reduce((sum, site) => sum + site.standard_error ** 2, 0));
    const garbage = 100e6; // at most, that no collection has come round to
    assert.ok(held >= Number(run.stdout) - 4 * error && held <= Number(run.stdout) + garbage + 4 * error,
      `${held} ± ${error}, truly ${run.stdout}`);
  });

test('what samples are too coarse to see is not called freed', (t) => {
  const worker = path.join(root, 'tests', 'node', 'leaky.js');
  const { trace } = record(t, [node(20), worker, '8'], { options: { MODE: 'sample=64MiB' } });
  const { verdict, ledgers, sites } = report(trace);
  assert.strictEqual(verdict.kind, 'too short');
  assert.match(verdict.text, /^CANNOT TELL: samples too coarse for [\d.]+ MiB: there is one in each 64\.0 MiB allocated$/);
  assert.strictEqual(ledgers.end.retained, 0);
  for (const site of sites) assert.ok(site.standard_error >= 63 << 20, `${site.standard_error}`);
  const { status, stdout } = spawnSync(command, ['check', '--max-growth', '1GiB', trace], { encoding: 'utf8' });
  assert.deepStrictEqual({ status, stdout }, { status: 2, stdout: 'residue check: cannot tell: the samples are too coarse\n' });
});

// Instructions of a run, as callgrind counts them: samples of memory, once a second, are among them.
function instructions(t, pairs, env) {
  const out = path.join(scratch(t), 'callgrind.out');
  const argv = ['--tool=callgrind', `--callgrind-out-file=${out}`, program('churn'), '8', '1', String(pairs)];
  const run = spawnSync('valgrind', argv, { encoding: 'utf8', env: { ...process.env, ...env } });
  return Number(/Collected : (\d+)/.exec(run.stderr)[1]);
}

test('a malloc and a free that are not sampled cost less than 90 instructions more than untraced', (t) => {
  const MANY = 200000, FEW = 100000;
  const perPair = (env) => (instructions(t, MANY, env) - instructions(t, FEW, env)) / (MANY - FEW);
  const plain = perPair({});
  const runs = [1, 2].map(() => perPair(variables(scratch(t), { MODE: 'sample=512KiB' })));
  const sampled = Math.min(...runs.filter((n) => n > plain));
  t.diagnostic(`${plain.toFixed(1)} instructions a pair untraced, ${(sampled - plain).toFixed(1)} more with samples`);
  assert.ok(sampled - plain < 90, `${sampled - plain}`);
});
