// Must show 1, and the other examples: the published leaks lead the report, counted to the block, and the versions in
// which they are fixed have none.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const path = require('node:path');
const { canvasIsBuilt, node, outstanding, proving, record, report, residue, root } = require('./lib/residue');

const example = (...parts) => path.join(root, 'examples', ...parts);
const SAVES = 40;
const LOST_SIZE = 262268;
const LOST_PER_SAVE = 3;
const isLost = (bytes) => bytes === LOST_SIZE;

function sharp(t, major, version) {
  const worker = example('sharp-webp', 'worker.js');
  const { status, stdout, trace } = record(t, [node(major), worker, String(SAVES), version]);
  assert.strictEqual(status, 0);
  assert.match(stdout, new RegExp(`: ${SAVES} of ${SAVES} saves failed\n$`));
  return report(trace);
}

for (const major of [18, 20, 22, 24]) {
  test(`node ${major}, sharp 0.33.5: three blocks of ${LOST_SIZE} bytes per failed save lead the growth`, (t) => {
    const result = sharp(t, major, 'leaky');
    const { blocks } = outstanding(result, isLost);
    assert.strictEqual(blocks, LOST_PER_SAVE * SAVES);

    const lost = result.sites.filter((site) => site.sizes.some(({ bytes }) => isLost(bytes)));
    const leaders = result.sites.slice(0, LOST_PER_SAVE);
    assert.ok(leaders.every((site) => lost.includes(site)), 'they are the first call sites of the report');
    assert.strictEqual(lost.reduce((sum, site) => sum + site.growth_blocks, 0), LOST_PER_SAVE * SAVES);
    assert.strictEqual(lost.reduce((sum, site) => sum + site.growth_bytes, 0), LOST_PER_SAVE * SAVES * LOST_SIZE);
    for (const { stack } of lost) {
      assert.ok(stack.some((frame) => /libvips-cpp/.test(frame.module)), 'libvips-cpp is on the stack');
      const asked = stack.slice(stack.findIndex(({ kind }) => kind === 'seam'));
      assert.ok(asked.some(({ file }) => /sharp-webp.worker\.js$/.test(file)), 'the line that called sharp is on it');
    }
  });
}

test('sharp 0.34.0 leaves no such block', (t) => {
  const result = sharp(t, 20, 'fixed');
  assert.strictEqual(outstanding(result, isLost).blocks, 0);
});

test('canvas 3.1.0: each toBuffer("raw") leaves one block of 128 and one of 224 bytes; 3.1.1 leaves none', (t) => {
  if (!canvasIsBuilt(t)) return;
  const READS = 5000;
  const counted = (version) => {
    const worker = example('canvas-tobuffer', 'worker.js');
    const { status, trace } = record(t, [process.execPath, worker, String(READS), version]);
    assert.strictEqual(status, 0);
    const ofCanvas = report(trace).sites.filter(({ stack }) =>
      stack.some((frame) => /Canvas::ToBuffer/.test(frame.function)),
    );
    const blocks = (size) => outstanding({ sites: ofCanvas }, (bytes) => bytes === size).blocks;
    return { trace, lost: { 128: blocks(128), 224: blocks(224) } };
  };
  const [leaky, fixed] = ['leaky', 'fixed'].map(counted);
  assert.deepStrictEqual(leaky.lost, { 128: READS, 224: READS });
  assert.deepStrictEqual(fixed.lost, { 128: 0, 224: 0 });

  const diff = JSON.parse(residue('diff', '--json', '--top', '0', leaky.trace, fixed.trace));
  const throughCanvas = ({ stack }) => stack?.some((frame) => /Canvas::ToBuffer/.test(frame.function));
  const [first] = diff.sites;
  assert.strictEqual(first.change, 'gone');
  assert.ok(throughCanvas(first.a), 'the leak is the first row');
  assert.ok(first.a.outstanding_bytes >= 224 * READS);
  const others = diff.sites.filter(({ a }) => a.stack && !throughCanvas(a));
  const bytes = (sites) => sites.reduce((sum, { a }) => sum + a.outstanding_bytes, 0);
  const matched = bytes(others.filter(({ b }) => b.stack)) / bytes(others);
  t.diagnostic(`matched: ${(100 * matched).toFixed(1)} % of 3.1.0 beside the leak, ${(100 * diff.matched_b).toFixed(1)} % of 3.1.1`);
  assert.ok(matched >= 0.9 && diff.matched_b >= 0.9);
});

test('buffer-retained: every answer that the cache keeps is outstanding', (t) => {
  const REQUESTS = 300;
  const { status, stdout, trace } = record(t, [node(20), example('buffer-retained', 'worker.js'), String(REQUESTS)]);
  assert.strictEqual(status, 0);
  assert.strictEqual(stdout, `${REQUESTS} requests, ${REQUESTS} answers kept\n`);
  const { blocks } = outstanding(report(trace), (bytes) => bytes === 65537);
  assert.strictEqual(blocks, REQUESTS);
});
