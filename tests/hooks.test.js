// Every function in the recorder's list of hooks records what it did, once, and changes nothing that the program sees.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { node, program, record, report } = require('./lib/residue');
const { dump } = require('./lib/dump');

const MARK = 424243;

// The program's own account: what the recorder must have written between the two marks.
function manifest(stdout) {
  return stdout.trim().split('\n').map((line) => {
    const [kind, api, ...rest] = line.split(' ');
    const address = rest.pop();
    return kind === 'free' ? { kind, api, address } : { kind, api, size: Number(rest[0]), address };
  });
}

// What the trace has from the allocation of the mark to its release, in the same shape.
function between(events) {
  const from = events.findIndex((event) => event.api === 'malloc' && event.size === MARK);
  assert.notStrictEqual(from, -1, 'the marker block is in the trace');
  const mark = events[from].address;
  const length = events.slice(from).findIndex((event) => event.kind === 'free' && event.address === mark);
  return events.slice(from, from + length + 1).map(({ kind, api, size, address }) =>
    kind === 'free' ? { kind, api, address } : { kind, api, size, address },
  );
}

for (const name of ['hooks', 'operators']) {
  test(`${name}: each call is recorded once, with its function, size and address, in order`, (t) => {
    const { status, stdout, trace } = record(t, [program(name)], { options: { MODE: 'full' } });
    assert.strictEqual(status, 0);
    assert.deepStrictEqual(between(dump(trace)), manifest(stdout));
    assert.strictEqual(report(trace).recorder.anomalies, 0);
  });

  test(`${name}: results, errno and usable sizes are those of an unrecorded run`, (t) => {
    const untraced = spawnSync(program(name), { encoding: 'utf8' });
    const traced = record(t, [program(name)]);
    assert.strictEqual(traced.stderr, untraced.stderr);
    assert.strictEqual(traced.status, untraced.status);
  });
}

test('a stack leads from the caller of malloc to main', (t) => {
  const { trace } = record(t, [program('queues'), '16000']);
  const sites = report(trace).sites.filter((site) => site.stack.some((frame) => frame.function === 'produce'));
  assert.ok(sites.length > 0, 'the function that allocates is named');
  for (const { stack } of sites) {
    assert.deepStrictEqual(stack.slice(0, 2).map((frame) => frame.function), ['produce', 'run']);
    assert.match(stack[0].file, /queues\.c$/);
    assert.ok(stack[0].line > 0);
  }
});

test('RESIDUE_DEPTH bounds the depth of a stack', (t) => {
  const deep = 'const f = (n) => n ? f(n - 1) : Buffer.alloc(70001); globalThis.kept = f(300)';
  const depth = (options) => {
    const { trace } = record(t, [node(20), '-e', deep], { options });
    const site = report(trace).sites.find((one) => one.sizes.some(({ bytes }) => bytes === 70001));
    return site.stack.filter((frame) => !frame.inlined).length;
  };
  assert.ok(depth({ DEPTH: 20 }) <= 20);
  assert.ok(depth({ DEPTH: 64 }) > 20);
});
