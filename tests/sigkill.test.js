// Must show 4: a busy multi-threaded program is killed at random moments. Its own count, in shared memory, outlives it:
// every record that was written before the kill is in the trace, once, and in its place.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { program, proving, report, scratch, start } = require('./lib/residue');
const { dump } = require('./lib/dump');

const KILLS = proving ? 250 : 20;
const LONGEST_RUN_MS = 500;
const LANES = 4;
const STARTED = 0x53544152n;

// Blocks that a lane holds at a time: some die in the nursery; or all outlive it.
const WINDOWS = [300, 3000];

// The same as size_of() in programs/killed.c.
const sizeOf = (n, lane) => (n % 61 === 0 ? 70000 : 2000) + ((n * 37) % 4093) * 8 + lane;
const laneOf = (size) => (size >= 2000 && size % 8 < LANES ? size % 8 : -1);

function readLedger(file) {
  const bytes = fs.readFileSync(file);
  return Array.from({ length: LANES }, (_, lane) => ({
    made: Number(bytes.readBigUInt64LE(64 + lane * 64)),
    ended: Number(bytes.readBigUInt64LE(64 + lane * 64 + 8)),
  }));
}

async function started(file) {
  while (!fs.existsSync(file) || fs.statSync(file).size < 64 || fs.readFileSync(file).readBigUInt64LE(0) !== STARTED) {
    await sleep(1);
  }
}

async function kill(t, mode, window) {
  const file = path.join(scratch(t), 'ledger');
  const run = start(t, [program('killed'), file, String(window)], { options: { MODE: mode } });
  await started(file);
  await sleep(Math.random() * LONGEST_RUN_MS);
  run.child.kill('SIGKILL');
  assert.strictEqual((await run.ended).signal, 'SIGKILL');
  const { recorder } = report(run.trace());
  // A lane that is killed inside realloc, after the real call, leaves the end of the old block unwritten; when another
  // lane got that address already, its block lies over a live one.
  assert.ok(recorder.anomalies <= LANES, `${recorder.anomalies} anomalies`);
  assert.strictEqual(recorder.dropped, 0);
  return { ledger: readLedger(file), events: dump(run.trace()) };
}

// The sizes that each lane allocated, which of its blocks ended, and the sizes that it still holds, in order of time.
function lanesOf(events) {
  const lanes = Array.from({ length: LANES }, () => ({ made: [], ended: [], live: [] }));
  const live = new Map();
  for (const { kind, size, address } of events) {
    if (kind === 'alloc' && laneOf(size) >= 0) {
      const lane = lanes[laneOf(size)];
      lane.made.push(size);
      live.set(address, { lane, size, n: lane.made.length });
    } else if (kind === 'free' && live.has(address)) {
      const { lane, n } = live.get(address);
      lane.ended.push(n);
      live.delete(address);
    }
  }
  for (const { lane, size } of live.values()) lane.live.push(size);
  return lanes;
}

const oneMoreAtMost = (recorded, stored, what) =>
  assert.ok(recorded === stored || recorded === stored + 1, `${what}: ${recorded} in the trace, ${stored} completed`);

const FULL_KILLS = proving ? KILLS : 3; // each is read back as text: millions of lines

test(`full: after ${FULL_KILLS} kills no record is missing and none is there twice`, async (t) => {
  for (let i = 0; i < FULL_KILLS; i++) {
    const { ledger, events } = await kill(t, 'full', WINDOWS[i % WINDOWS.length]);
    lanesOf(events).forEach(({ made, ended }, lane) => {
      oneMoreAtMost(made.length, ledger[lane].made, `blocks of lane ${lane}`);
      oneMoreAtMost(ended.length, ledger[lane].ended, `ended blocks of lane ${lane}`);
      const wrongSize = made.findIndex((size, k) => size !== sizeOf(k + 1, lane));
      assert.strictEqual(wrongSize, -1, `lane ${lane}: block ${wrongSize + 1} is not in its place`);
      const wrongEnd = ended.findIndex((n, k) => n !== k + 1);
      assert.strictEqual(wrongEnd, -1, `lane ${lane}: end ${wrongEnd + 1} is of block ${ended[wrongEnd]}`);
    });
  }
});

test(`survivors: after ${KILLS} kills exactly the blocks that were held are outstanding`, async (t) => {
  for (let i = 0; i < KILLS; i++) {
    const { ledger, events } = await kill(t, 'survivors', WINDOWS[i % WINDOWS.length]);
    lanesOf(events).forEach(({ live }, lane) => {
      // A block more than the ledger says at the young end, and one less at the old end, may be on record.
      const expected = [];
      for (let n = ledger[lane].ended + 1; n <= ledger[lane].made + 1; n++) expected.push(sizeOf(n, lane));
      const first = live[0] === expected[0] ? 0 : 1;
      const last = live.length + first === expected.length ? undefined : -1;
      assert.deepStrictEqual(live, expected.slice(first, last), `what lane ${lane} holds, in order of time`);
    });
  }
});
