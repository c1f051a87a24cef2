// Stacks as call sites. More than the recorder keeps a table of: it stays bounded, and the report stays exact. And one line of
// JavaScript is one of them in all of V8's tiers.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { node, program, proving, record, report, scratch, stat } = require('./lib/residue');

const DEPTH = 17;
const WAYS = 2 ** DEPTH;

test(`${WAYS} distinct stacks overflow the table of stacks: each is one call site with all of its blocks`, (t) => {
  const { status, trace } = record(t, [program('many_stacks'), String(DEPTH), '2']);
  assert.strictEqual(status, 0);
  const counters = stat(trace);
  assert.ok(counters['times that a full table of stacks was emptied'] > 0, 'the table was never full');
  assert.ok(counters['call sites'] >= WAYS && counters['call sites'] < WAYS + 100, `${counters['call sites']} call sites`);

  const result = report(trace, '--at', 'end', '--top', '100');
  assert.strictEqual(result.recorder.anomalies, 0);
  for (const site of result.sites)
    assert.deepStrictEqual(site.sizes, [{ bytes: 40, blocks: 2 }]);
});

for (const major of proving ? [18, 20, 22, 24, 26] : [20, 24])
  test(`node ${major}: a line that V8 interprets, compiles and inlines while it allocates is one call site`, (t) => {
    const [BLOCKS, SIZE] = [3000, 10_007];
    const script = path.join(scratch(t), 'leak.js');
    fs.writeFileSync(
      script,
      `const kept = [];
       const keep = () => kept.push(Buffer.alloc(${SIZE}));
       const work = () => { for (let i = 0; i < 100; i++) keep(); };
       for (let i = 0; i < ${BLOCKS / 100}; i++) work();`,
    );
    const { trace } = record(t, [node(major), script]);
    const sites = report(trace, '--top', '0').sites.filter(({ sizes }) => sizes.some(({ bytes }) => bytes === SIZE));
    assert.deepStrictEqual(sites.map((site) => site.outstanding_blocks), [BLOCKS]);
  });
