// `residue dump` is the oracle of the other tests. Here it is checked itself, against a second reader that was written
// from FORMAT.md alone.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { node, program, record, root, scratch, start } = require('./lib/residue');
const dumped = require('./lib/dump');
const { records } = require('./lib/format');

const FULL = { options: { MODE: 'full' } };

// Records of the same time and kind on different writers have no order.
const key = ({ time, kind, writer }) => `${String(time).padStart(20)} ${kind === 'free' ? 0 : 1} ${writer}`;
const byKey = (a, b) => (key(a) < key(b) ? -1 : 1);

function sameRecords(trace) {
  const expected = records(trace).map((one) => ({ ...one, time: String(one.time) }));
  const seen = dumped.records(trace);
  const times = seen.map((one) => key(one).slice(0, 22));
  assert.ok(times.every((time, i) => i === 0 || times[i - 1] <= time), 'in order of time');
  expected.sort(byKey);
  seen.sort(byKey);
  assert.ok(expected.length > 50);
  assert.strictEqual(seen.length, expected.length);
  const different = seen.findIndex((one, i) => Object.keys(expected[i]).some((field) => one[field] !== expected[i][field]));
  assert.deepStrictEqual(seen[different], expected[different], `record ${different}`);
}

test('sealed segments of 16 threads', (t) => {
  sameRecords(record(t, [program('queues'), '100000'], FULL).trace);
});

test('open segments of a killed process', async (t) => {
  const run = start(t, [program('killed'), path.join(scratch(t), 'ledger')], FULL);
  await sleep(100);
  run.child.kill('SIGKILL');
  await run.ended;
  sameRecords(run.trace());
});

test('mapping calls, and a node with workers', (t) => {
  sameRecords(record(t, [program('hooks')], FULL).trace);
  sameRecords(record(t, [node(20), path.join(root, 'tests', 'node', 'threads.js')], FULL).trace);
});
