// `residue start` and `stop`, RESIDUE_START=off, RESIDUE_SNAPSHOT_AT.
// Runs alone: it waits for what happens meanwhile.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { command, node, program, proving, record, report, residue, root, scratch, start, library } = require('./lib/residue');
const { makeGroup } = require('./lib/cgroup');

const SIZE = 10007;
const worker = path.join(root, 'tests', 'node', 'rounds.js');
const run = (...args) => spawnSync(command, args, { encoding: 'utf8' });

// One more round of 100 retained Buffers.
async function round(run) {
  run.child.kill('SIGUSR2');
  await run.line();
}

const blocks = ({ sites }, key) =>
  sites.filter(({ sizes }) => sizes.some(({ bytes }) => bytes === SIZE)).reduce((sum, site) => sum + site[key], 0);

for (const MODE of ['survivors', 'full'])
  test(`${MODE}: what is allocated between start and stop is recorded, exactly, and nothing else`, async (t) => {
    const program = start(t, [node(20), worker], { options: { MODE, START: 'off' } });
    await program.line();
    const trace = program.trace();
    await round(program);
    residue('start', trace);
    residue('start', trace); // twice is no mistake
    await round(program);
    await round(program);
    residue('stop', trace);
    await round(program);
    const once = report(trace);
    assert.strictEqual(blocks(once, 'outstanding_blocks'), 200);
    assert.strictEqual(once.recorder.anomalies, 0, residue('stat', trace));
    assert.match(once.window.why, /from the start of recording, up to the stop of recording/);

    residue('start', trace);
    await round(program);
    program.child.kill('SIGKILL');
    await program.ended;
    const again = report(trace);
    assert.strictEqual(blocks(again, 'outstanding_blocks'), 100, 'what was outstanding before the gap is not known any more');
    assert.strictEqual(again.recorder.anomalies, 0, residue('stat', trace));
    assert.ok(again.ledgers.end.before > 0, 'malloc has memory from before');
    assert.strictEqual(again.ledgers.end.retained, 0, 'which may be held: it is not called freed');
    assert.match(residue('report', trace), /recorded {6}\d\.\d s to \d\.\d s, \d\.\d s to the end\n/);
    assert.match(residue('report', '--from', '0', trace), /NOT EXACT {5}for a part of the window nothing was recorded/);
  });

test('a process that was never told to start says so', (t) => {
  const { trace, stderr } = record(t, [node(20), worker.replace('rounds', 'threads')], { options: { START: 'off' } });
  assert.strictEqual(stderr, 'to stderr\n', 'it is the program that says this');
  assert.match(residue('report', trace), /recorded {6}nothing: RESIDUE_START=off/);
  const { sites, verdict } = report(trace);
  assert.strictEqual(sites.reduce((sum, site) => sum + site.outstanding_blocks, 0), 0);
  assert.strictEqual(verdict.kind, 'too short');
  assert.strictEqual(verdict.text, 'CANNOT TELL: nothing was recorded in the window');
  const { status, stdout } = run('check', '--max-growth', '1GiB', trace);
  assert.strictEqual(status, 2);
  assert.match(stdout, /^residue check: cannot tell: nothing was recorded in the window .*\n$/);
});

test('start and stop of no process are refused', () => {
  for (const what of ['start', 'stop']) {
    assert.match(run(what, '999999999').stderr, /no trace of a running process 999999999 is found/);
    assert.strictEqual(run(what).status, 2);
  }
});

const growing = 'const held = []; setInterval(() => held.push(Buffer.alloc(4e6, 1)), 40); setTimeout(() => {}, 1e5)';

test('RESIDUE_SNAPSHOT_AT=SIZE sets a mark when RSS reaches it', async (t) => {
  const program = start(t, [node(20), '-e', growing], { options: { SNAPSHOT_AT: '200MiB' } });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  program.child.kill('SIGKILL');
  await program.ended;
  const { marks, ledgers } = report(program.trace(), '--to', 'near-limit');
  assert.deepStrictEqual(marks.map(({ name }) => name), ['near-limit']);
  assert.match(run('check', '--max-growth', '1GiB', '--per', 'mark', program.trace()).stdout, /cannot tell: there is no mark in its window/);
  const rss = ledgers.end.rss_bytes / 2 ** 20;
  assert.ok(rss >= 195 && rss < 260, `${rss} MiB at the mark`);
});

test("RESIDUE_SNAPSHOT_AT=80% sets a mark when V8's heap comes near to its limit", async (t) => {
  const script = 'const held = []; setInterval(() => { for (let i = 0; i < 1e4; i++) held.push({ i, list: [i] }); }, 20)';
  for (const major of proving ? [18, 20, 22, 24, 26] : [20]) {
    const program = start(t, [node(major), '--max-old-space-size=64', '-e', script], {
      options: { SNAPSHOT_AT: '80%' }, stdio: ['ignore', 'pipe', 'ignore'],
    });
    assert.notStrictEqual((await program.ended).status, 0, 'V8 gave up');
    assert.ok(report(program.trace()).marks.some(({ name }) => name === 'near-heap-limit'), `node ${major}`);
  }
});

test('RESIDUE_SNAPSHOT_AT=N% says so where there is no limit of which to take a part, and takes that of a parent', (t) => {
  const options = { SNAPSHOT_AT: '90%' };
  const limit = (trace) => JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'))).memory_limit;
  const { trace, stderr } = record(t, [program('works'), '1'], { options });
  const said = "residue: RESIDUE_SNAPSHOT_AT=90%: no memory cgroup limits this process: only V8's heap is watched\n";
  assert.strictEqual(stderr, limit(trace) ? '' : said);
  const group = makeGroup(t, 200 * 2 ** 20);
  if (!group) return t.diagnostic('no memory cgroup can be made here');
  const child = path.join(group, 'child');
  fs.mkdirSync(child);
  const env = `LD_PRELOAD=${library} RESIDUE_SNAPSHOT_AT=90% RESIDUE_OUT=${path.join(scratch(t), 'trace')}`;
  const inside = spawnSync('sh', ['-c', `echo $$ > "${child}/cgroup.procs" && exec env ${env} ${program('works')} 1`], { encoding: 'utf8' });
  fs.rmdirSync(child);
  assert.strictEqual(inside.stderr, '');
  assert.strictEqual(limit(/RESIDUE_OUT=(.*)/.exec(env)[1]), 200 * 2 ** 20);
});

test('the last state of a worker that the OOM killer ends has a name', async (t) => {
  const group = makeGroup(t, 200 * 2 ** 20);
  if (!group) return t.skip('no memory cgroup can be made here');
  const trace = path.join(scratch(t), 'trace');
  const script = `echo $$ > "$0/cgroup.procs" && exec env LD_PRELOAD=${library} RESIDUE_SNAPSHOT_AT=80% RESIDUE_OUT=${trace} "$@"`;
  const { signal } = spawnSync('sh', ['-c', script, group, node(20), '-e', growing], { stdio: 'ignore' });
  assert.strictEqual(signal, 'SIGKILL');
  const { marks, sites } = report(trace, '--to', 'near-limit');
  assert.deepStrictEqual(marks.map(({ name }) => name), ['near-limit']);
  assert.ok(sites[0].outstanding_bytes > 50e6);
});
