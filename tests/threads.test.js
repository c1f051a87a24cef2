// Threads that come and go: what they do until their very end is recorded, and their slots are used again.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const { outstanding, program, record, report } = require('./lib/residue');

const THREADS = 10000;
const AT_A_TIME = 8;

test(`${THREADS} short threads leave exact records and few files`, (t) => {
  const { status, stdout, trace } = record(t, [program('short_threads'), String(THREADS)]);
  assert.strictEqual(status, 0);
  assert.strictEqual(stdout, `${THREADS} threads\n`);

  const result = report(trace, '--at', 'end');
  const blocks = (size) => outstanding(result, (bytes) => bytes === size).blocks;
  assert.strictEqual(blocks(21001), THREADS, 'made in a destructor of thread-specific data');
  assert.strictEqual(blocks(21002), 0, 'made by the thread, freed in the destructor');
  assert.strictEqual(blocks(21003), 0, 'made by another thread, freed in the destructor');
  assert.strictEqual(result.recorder.anomalies, 0);
  assert.strictEqual(result.recorder.dropped, 0);

  // A joined thread may still be a moment away from its last instruction when the next one starts.
  const files = fs.readdirSync(trace).length;
  assert.ok(files <= 8 * AT_A_TIME, `${files} files in the trace`);
});
