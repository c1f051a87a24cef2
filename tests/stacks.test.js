// More stacks than the recorder keeps a table of: it stays bounded, and the report stays exact.

const { test } = require('node:test');
const assert = require('node:assert');
const { program, record, report, stat } = require('./lib/residue');

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
