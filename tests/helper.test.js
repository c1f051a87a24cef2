// The recorder's own threads are not noticed: by signals, descriptors, calls that want a process of one thread, and mmap.
// Runs alone: it measures time.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { program, record, residue, start } = require('./lib/residue');

test('it takes no signal that is meant for the program, and no number of a descriptor', (t) => {
  const { status, stdout } = spawnSync(program('wants'), { encoding: 'utf8' });
  const recorded = record(t, [program('wants')]);
  assert.deepStrictEqual({ status: recorded.status, signal: recorded.signal, stdout: recorded.stdout }, { status, signal: null, stdout });
});

test('a program with one thread keeps one', (t) => {
  const python = "import os, time; time.sleep(0.3); print(os.listdir('/proc/self/task') == [str(os.getpid())])";
  assert.strictEqual(record(t, ['/usr/bin/python3', '-S', '-c', python]).stdout, 'True\n');
});

test('where smaps is dear it is read seldom: mmap waits for whoever reads it', (t) => {
  const SECONDS = 4;
  const { status, trace } = record(t, [program('mapper'), 'many', String(SECONDS)]);
  assert.strictEqual(status, 0);
  const times = residue('dump', trace).split('\n').filter((line) => / mapping .*\[stack\]/.test(line)).length;
  assert.ok(times >= 1 && times <= 2, `30,000 mappings were read ${times} times in ${SECONDS} s`);
});

// Fills a segment every few milliseconds, for half a second, and stays.
const CHURN = `
  const { setTimeout: sleep } = require('timers/promises');
  (async () => {
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 300; i++) Buffer.allocUnsafeSlow(100 + i);
      await sleep(5);
    }
    console.log('done');
    setInterval(() => {}, 1000);
  })();`;
const LEAST_NS = 20_000; // of processor time that compressing a segment takes

test("full segments are written by a thread of the recorder's own", async (t) => {
  const run = start(t, [process.execPath, '-e', CHURN], { options: { MODE: 'full' } });
  await run.line();
  const tasks = `/proc/${run.child.pid}/task`;
  const read = (id, file) => fs.readFileSync(path.join(tasks, id, file), 'utf8');
  const sealer = fs.readdirSync(tasks).find((id) => read(id, 'comm') === 'residue-log\n');
  assert.ok(sealer, 'it has no such thread');
  const worked = Number(read(sealer, 'schedstat').split(' ')[0]);
  run.child.kill('SIGKILL');
  await run.ended;
  const segments = Number(/segments sealed +([\d,]+)/.exec(residue('stat', run.trace()))[1].replaceAll(',', ''));
  assert.ok(segments > 10, `${segments} segments`);
  assert.ok(worked > segments * LEAST_NS, `${worked} ns for ${segments} segments`);
});

test('memory is sampled once a second, however many segments are sealed', (t) => {
  const busy = 'const end = Date.now() + 4500; while (Date.now() < end) Buffer.allocUnsafeSlow(100);';
  const { status, trace } = record(t, ['node', '-e', busy], { env: { RESIDUE_MODE: 'full' } });
  assert.strictEqual(status, 0);
  const { ticks_per_second: rate } = JSON.parse(fs.readFileSync(path.join(trace, 'meta.json'))).clock;
  const lines = residue('dump', '--kind', 'other', trace).split('\n');
  const end = lines.findIndex((line) => / barrier /.test(line));
  const times = lines.slice(0, end).filter((line) => / memory /.test(line)).map((line) => Number(line.split(' ')[0]) / rate);
  const gaps = times.slice(2, -1).map((time, i) => time - times[i + 1]); // without those of the start and of the end
  assert.ok(gaps.length >= 2 && gaps.every((gap) => gap > 0.5), gaps.join(' '));
});
