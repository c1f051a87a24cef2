// Must show 4: a busy multi-threaded program is killed at random moments. Its own count, in shared memory, outlives it:
// every record that was written before the kill is in the trace, once, and in its place.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { program, proving, report, scratch, start } = require('./lib/residue');
const { dump } = require('./lib/dump');

const KILLS = proving ? 200 : 20;
const LONGEST_RUN_MS = 500;
const LANES = 4;
const STARTED = 0x53544152n;

// The same as size_of() in programs/killed.c.
const sizeOf = (n, lane) => (n % 61 === 0 ? 70000 : 5000) + ((n * 37) % 4093) * 8 + lane;
const laneOf = (size) => size % 8;

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

// Blocks and ends of blocks per lane, by the order of the trace. A lane's records come from one thread at a time.
function lanesOf(events) {
  const lanes = Array.from({ length: LANES }, () => ({ made: [], ended: [] }));
  const live = new Map();
  for (const { kind, size, address } of events) {
    if (kind === 'alloc' && size >= 5000 && laneOf(size) < LANES) {
      const lane = lanes[laneOf(size)];
      lane.made.push(size);
      live.set(address, { lane, n: lane.made.length });
    } else if (kind === 'free' && live.has(address)) {
      const { lane, n } = live.get(address);
      lane.ended.push(n);
      live.delete(address);
    }
  }
  return lanes;
}

const oneMoreAtMost = (recorded, stored, what) =>
  assert.ok(recorded === stored || recorded === stored + 1, `${what}: ${recorded} in the trace, ${stored} completed`);

test(`${KILLS} kills: no record is missing and none is there twice`, async (t) => {
  for (let kill = 1; kill <= KILLS; kill++) {
    const delay = Math.random() * LONGEST_RUN_MS;
    await t.test(`kill ${kill}, after ${delay.toFixed(1)} ms`, async (t) => {
      const file = path.join(scratch(t), 'ledger');
      const run = start(t, [program('killed'), file]);
      await started(file);
      await sleep(delay);
      run.child.kill('SIGKILL');
      assert.strictEqual((await run.ended).signal, 'SIGKILL');

      const ledger = readLedger(file);
      lanesOf(dump(run.trace())).forEach(({ made, ended }, lane) => {
        oneMoreAtMost(made.length, ledger[lane].made, `blocks of lane ${lane}`);
        oneMoreAtMost(ended.length, ledger[lane].ended, `ended blocks of lane ${lane}`);
        const wrongSize = made.findIndex((size, i) => size !== sizeOf(i + 1, lane));
        assert.strictEqual(wrongSize, -1, `lane ${lane}: block ${wrongSize + 1} is not in its place`);
        const wrongEnd = ended.findIndex((n, i) => n !== i + 1);
        assert.strictEqual(wrongEnd, -1, `lane ${lane}: end ${wrongEnd + 1} is of block ${ended[wrongEnd]}`);
      });
      const { recorder } = report(run.trace());
      // A lane that is killed inside realloc, after the real call, leaves the end of the old block unwritten; when
      // another lane got that address already, its block lies over a live one.
      assert.ok(recorder.anomalies <= LANES, `${recorder.anomalies} anomalies`);
      assert.strictEqual(recorder.dropped, 0);
    });
  }
});
