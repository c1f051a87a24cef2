// What an addon allocates on libuv's pool is shown under the JavaScript that queued the work.

const { test } = require('node:test');
const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { command, node, proving, record, residue, root } = require('./lib/residue');

const script = (name) => path.join(root, 'tests', 'node', name);
const ADDONS = {
  'sharp': { worker: script('origins.js'), callers: ['makesThumbnails', 'makesBanners'], call: 'toBuffer' },
  '@napi-rs/canvas': { worker: script('origins-canvas.js'), callers: ['makesDiagrams', 'makesPreviews'], call: 'encode' },
  'node-canvas': {
    worker: script('origins-node-canvas.js'),
    callers: ['makesDiagrams', 'makesPreviews'],
    call: '.toBuffer(',
    built: path.join(root, 'examples', 'canvas-tobuffer', 'fixed', 'node_modules', 'canvas'),
  },
};

// The stacks of libuv's pool, and their bytes.
function poolStacks(trace) {
  const { status, stdout } = spawnSync(command, ['flame', '--metric', 'allocated', trace], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  assert.strictEqual(status, 0);
  return stdout
    .split('\n')
    .filter((line) => line.includes(';start_thread;worker;'))
    .map((line) => ({ stack: line, bytes: Number(line.slice(line.lastIndexOf(' ') + 1)) }));
}

// The line of the worker that calls the addon in `caller`.
function lineIn({ worker, call }, caller) {
  const lines = fs.readFileSync(worker, 'utf8').split('\n');
  const start = lines.findIndex((line) => line.includes(`function ${caller}`));
  return start + 1 + lines.slice(start).findIndex((line) => line.includes(call));
}

for (const [name, addon] of Object.entries(ADDONS))
  for (const major of [18, 20, 22, 24, 26]) {
    test(`node ${major}, ${name}: pool bytes are under the function and line that asked, of two at a time`, (t) => {
      const { worker, callers, built } = addon;
      if (built && !fs.existsSync(built)) return t.skip('canvas is not built: examples/canvas-tobuffer/install, or make prove');
      const { status, stdout, trace } = record(t, [node(major), worker, ...(built ? [built] : []), '20']);
      assert.deepStrictEqual({ status, stdout }, { status: 0, stdout: 'done\n' });
      const seen = Object.fromEntries(callers.map((caller) => [caller, 0]));
      let all = 0;
      for (const { stack, bytes } of poolStacks(trace)) {
        all += bytes;
        const queued = stack.slice(0, stack.indexOf(';[queued];'));
        for (const caller of callers) {
          if (queued.includes(`;${caller} ${worker}:${lineIn(addon, caller)};`)) seen[caller] += bytes;
        }
      }
      t.diagnostic(`${all} bytes on the pool; ${JSON.stringify(seen)}`);
      assert.ok(callers.every((caller) => seen[caller] > all / 50), JSON.stringify(seen));
      assert.ok(callers.reduce((sum, caller) => sum + seen[caller], 0) >= 0.99 * all);
    });
  }

for (const major of [20, 24])
  test(`node ${major}: workers that are terminated with work in flight end as they do without us`, (t) => {
    const many = proving ? 400 : 40;
    const { status, signal, stdout, trace } = record(t, [node(major), script('terminate.js'), String(many)], {
      timeout: 240_000,
    });
    assert.deepStrictEqual({ status, signal, stdout }, { status: 0, signal: null, stdout: `${many} workers have ended\n` });
    const { recorder } = JSON.parse(residue('report', '--json', '--top', '1', trace));
    assert.strictEqual(recorder.anomalies, 0);
  });
