// Must show 5: a worker that keeps a known number of Buffers ends in six ways. node frees what it holds while it shuts
// down; the report's moment lies before that, whichever node and whichever end.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { node, outstanding, report, root, start } = require('./lib/residue');

const SIZE = 100003;
const BLOCKS = 400;
const WORKER = path.join(root, 'tests', 'node', 'retain.js');

const ENDINGS = {
  natural: { status: 0 },
  sigterm: { send: 'SIGTERM', status: 0 },
  exit: { status: 3 },
  throw: { status: 1 },
  sigkill: { send: 'SIGKILL', signal: 'SIGKILL' },
  synchronous: { status: 0 },
};

for (const major of [18, 20, 22, 24]) {
  for (const [ending, { send, status = null, signal = null }] of Object.entries(ENDINGS)) {
    test(`node ${major}, ${ending}: what the worker keeps is outstanding`, async (t) => {
      const run = start(t, [node(major), WORKER, ending], { stdio: ['ignore', 'pipe', 'ignore'] });
      if (send) {
        assert.strictEqual(await run.line(), 'ready');
        run.child.kill(send);
      }
      assert.deepStrictEqual(await run.ended, { status, signal });
      const result = report(run.trace());
      const { blocks, bytes } = outstanding(result, (size) => size === SIZE);
      assert.ok(Math.abs(bytes - BLOCKS * SIZE) <= 0.01 * BLOCKS * SIZE, `${blocks} of ${BLOCKS} blocks outstanding`);
    });
  }
}
