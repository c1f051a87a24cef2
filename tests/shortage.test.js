// Must show 2, beside sigkill.test.js: at a random moment a busy program with many threads has no more descriptors, or the
// disk under its trace is full. It runs on, as its own ledger says, and what was recorded until then is readable.
// Runs alone: it takes what there is of a resource.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');
const { program, proving, report, scratch, start } = require('./lib/residue');
const { canMount } = require('./lib/worlds');

const TIMES = proving ? 100 : 3;
const FULL = Math.floor(TIMES / 2);
const LATEST_MS = 300;
const LANES = 4;
const MORE = 20000; // what libc makes for threads, and one block for each lane
const STARTED = 0x53544152n;

// Blocks that all lanes have made, by programs/killed.c's own count.
function made(file) {
  const bytes = fs.readFileSync(file);
  return Array.from({ length: LANES }, (_, lane) => Number(bytes.readBigUInt64LE(64 + lane * 64)));
}

async function started(file) {
  while (!fs.existsSync(file) || fs.statSync(file).size < 64 || fs.readFileSync(file).readBigUInt64LE(0) !== STARTED) await sleep(1);
}

// Run programs/killed, let `happen(pid)` take something away, see that every lane goes on, and read the trace. What
// stops a recording does so where the log grows, and only in mode full is that soon: there the lanes are looked at
// once it stopped, where it `stops` at all.
async function suffer(t, folder, mode, happen, stops) {
  const file = path.join(scratch(t), 'ledger');
  const run = start(t, [program('killed'), file, '3000'], { folder, options: { MODE: mode }, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  run.child.stderr.setEncoding('utf8').on('data', (text) => (said += text));
  await started(file);
  await sleep(Math.random() * LATEST_MS);
  happen(run.child.pid);
  for (let i = 0; i < 1000 && stops && mode === 'full' && said === ''; i++) await sleep(10);
  const before = made(file);
  let after;
  for (let i = 0; i < 500 && !after?.every((count, lane) => count > before[lane] + 100); i++) {
    await sleep(10);
    after = made(file);
  }
  assert.ok(after.every((count, lane) => count > before[lane] + 100), `every lane goes on: ${before} -> ${after}`);
  assert.strictEqual(run.child.exitCode ?? run.child.signalCode, null, said);
  run.child.kill('SIGKILL');
  await run.ended;
  assert.match(said, /^(residue: [^\n]+\n)?$/);
  const last = made(file).reduce((sum, count) => sum + count);
  const { recorder, sites } = report(run.trace(), '--at', 'end');
  assert.ok(recorder.anomalies <= LANES, `${recorder.anomalies} anomalies`);
  assert.strictEqual(recorder.lost_segments, 0);
  const recorded = sites.reduce((sum, site) => sum + site.allocated_calls, 0);
  assert.ok(recorded > 0 && recorded <= last + MORE, `${recorded} on record, ${last} made`);
  return said !== '';
}

// In how many of them recording stopped.
async function suffering(t, what, once) {
  let stopped = 0;
  for (let i = 0; i < TIMES; i++) stopped += await once(i % 2 === 1 ? 'full' : 'survivors');
  t.diagnostic(`${TIMES} times ${what}: recording stopped in ${stopped}`);
  return stopped;
}

const descriptors = (count) => (pid) => assert.strictEqual(spawnSync('prlimit', [`--pid=${pid}`, `--nofile=${count}`]).status, 0);

test(`every descriptor that may be had is taken, at ${TIMES} random moments: recording goes on`, async (t) => {
  assert.strictEqual(await suffering(t, 'EMFILE', (mode) => suffer(t, scratch(t), mode, descriptors(3), false)), 0);
});

test(`no descriptor may be had at all, at ${TIMES} random moments`, async (t) => {
  const stopped = await suffering(t, 'EMFILE', (mode) => suffer(t, scratch(t), mode, descriptors(0), true));
  assert.ok(stopped >= FULL, 'each in mode full');
});

test(`a full disk, at ${TIMES} random moments`, { skip: canMount ? false : 'only root may mount' }, async (t) => {
  const stopped = await suffering(t, 'ENOSPC', async (mode) => {
    const folder = scratch(t);
    assert.strictEqual(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'none', folder]).status, 0);
    try {
      return await suffer(t, folder, mode, () => spawnSync('sh', ['-c', `head -c 48m /dev/zero > '${folder}/filler'`]), true);
    } finally {
      spawnSync('umount', ['-l', folder]);
    }
  });
  assert.ok(stopped >= FULL, 'each in mode full');
});
