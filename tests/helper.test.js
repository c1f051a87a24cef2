// The recorder's own thread is not noticed: by signals, descriptors, calls that want a process of one thread, and mmap.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { program, record, residue } = require('./lib/residue');

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
