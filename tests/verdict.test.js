// Workers of known truth get the right verdict, and the ledger adds up.
// Runs alone: it judges curves.

const { test } = require('node:test');
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { build, canvasIsBuilt, node, program, proving, report, residue, root, start } = require('./lib/residue');

const SEEDS = proving ? [1, 2, 3] : [1];
const SECONDS = proving ? 30 : 20;
const worker = path.join(root, 'tests', 'node', 'growth.js');

// What the verdict must be, and for a leak a text that stands on the stack of the first call site. Of the fixed sharp it is
// only known that it does not leak.
const TRUTH = {
  'leak-slow': ['leak', 'keepForGood'],
  'leak-fast': ['leak', 'keepForGood'],
  'leak-pool': ['leak', 'libvips'],
  'fixed-pool': ['none', 'plateau', 'startup', 'churn', 'retention'],
  'leak-in-churn': ['leak', 'keepForGood'],
  'leak-in-heavy-churn': ['leak', 'keepForGood'],
  'cache': ['plateau'],
  'sawtooth': proving ? ['churn'] : ['churn', 'plateau'], // in a short run its few teeth may look like a step
  'fragmentation': ['retention'],
  'wasm': ['none'],
  'js-heap': ['js-heap'],
  'quiet': ['none'],
  'mapper leak': ['leak', 'main'],
  'mapper bundled': ['bundled-allocator'],
};

// Of other shapes; nothing was tuned on them.
const FURTHER = {
  'cache-slowing': ['none', 'plateau', 'startup', 'too short'],
  'cache-steps': ['plateau', 'startup', 'too short'],
  'leak-late': ['leak', 'keepForGood'],
  'leak-rare': ['leak', 'keepForGood'],
  'leak-under-saw': ['leak', 'keepForGood'],
  'leak-twice': ['leak', 'keepForGood'],
  'leak-beside-cache': ['leak', 'keepForGood'],
  'bursts': ['churn'],
  'wave': ['churn'],
  'young': ['none'],
};
// The second published leak. Of the fixed version it is only known that it does not leak.
const CANVAS = {
  'leak-canvas': ['leak', 'Canvas::ToBuffer'],
  'fixed-canvas': ['none', 'plateau', 'startup', 'churn', 'retention'],
};
// Leaks that are hidden among what is made and dropped by the same line.
const HIDDEN = {
  'leak-in-line': ['leak', 'answerRequest'],
  'leak-anew': ['leak', 'saveSession'],
};
if (proving) Object.assign(TRUTH, FURTHER, CANVAS, HIDDEN);

const command = (kind, seed) =>
  kind.startsWith('mapper ')
    ? [program('mapper'), kind.slice(7), String(SECONDS)]
    : [node(20), '--expose-gc', worker, kind, String(SECONDS), String(seed)];

// Between two samples in proportion: the ledger is of an instant of its own.
function rssAt(timeline, time) {
  const after = timeline.findIndex(({ t_s }) => t_s >= time);
  if (after <= 0) return timeline.at(after).rss_bytes;
  const [a, b] = [timeline[after - 1], timeline[after]];
  return a.rss_bytes + (b.rss_bytes - a.rss_bytes) * (time - a.t_s) / (b.t_s - a.t_s);
}

// A trace that is judged wrongly is worth a look: it is kept, as one file.
function keep(trace, kind, seed) {
  const file = path.join(build, 'misjudged', `${kind.replace(' ', '-')}.${seed}.pack`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.rmSync(file, { force: true });
  residue('pack', '-o', file, trace);
  return file;
}

async function judge(t, kind, seed) {
  if (kind in CANVAS && !canvasIsBuilt(t)) return;
  const run = start(t, command(kind, seed));
  const truth = JSON.parse(await run.line());
  assert.strictEqual((await run.ended).status, 0);
  try {
    await compare(t, kind, truth, run.trace());
  } catch (error) {
    t.diagnostic(`kept: ${keep(run.trace(), kind, seed)}`);
    throw error;
  }
}

async function compare(t, kind, truth, trace) {
  const [cause, first] = TRUTH[kind];
  const leaks = cause === 'leak';
  const { verdict, ledgers, sites, mappings, timeline } = report(trace);
  const [leading] = verdict.of_mappings ? mappings : sites;
  t.diagnostic(JSON.stringify(verdict));
  t.diagnostic(JSON.stringify(ledgers));
  if (!leaks && first) assert.ok(TRUTH[kind].includes(verdict.kind), verdict.kind);
  else assert.strictEqual(verdict.kind, cause);
  if (leaks && first) assert.ok(JSON.stringify(leading.stack).includes(first), 'the guilty call site is not the first');
  const rss = rssAt(timeline, ledgers.end.t_s);
  assert.ok(Math.abs(ledgers.end.rss_bytes - rss) <= 0.03 * rss, `the ledger has ${ledgers.end.rss_bytes} of ${rss} bytes`);
  for (const { other, rss_bytes } of [ledgers.start, ledgers.end])
    assert.ok(other <= 0.02 * rss_bytes, `${other} of ${rss_bytes} bytes are not attributed`);
  const held = outstandingOf('keepForGood', sites); // what a test refers to, sites and all, lives as long as the run
  await t.test('the rows of the ledger are as the worker knows them', () => check(truth, verdict, ledgers.end, held));
}

const outstandingOf = (name, sites) =>
  sites
    .filter(({ stack }) => stack.some((frame) => frame.function === name))
    .reduce((sum, site) => sum + site.outstanding_bytes, 0);

const near = (what, told, true_, share = 0.05) =>
  assert.ok(Math.abs(told - true_) <= share * true_, `${what}: ${told} bytes, in truth ${true_}`);

// Pages that a collection has emptied and another thread of V8's is still to give back: V8 does not count them any more.
const EMPTIED = 4 * 256 * 1024;

// What a worker knows: what it holds for good, and V8's own account of its heap (committed, so a little above resident).
function check(truth, verdict, end, held) {
  if (typeof truth === 'number') return near('mapped', end.mapped, truth);
  if (truth.held_bytes) near('kept for good', held, truth.held_bytes, 0.12);
  if (verdict.kind === 'js-heap') near("V8's heap", end.v8, truth.memory.heapTotal);
  else assert.ok(end.v8 <= 1.05 * truth.memory.heapTotal + EMPTIED, `V8's heap: ${end.v8} of ${truth.memory.heapTotal} bytes`);
}

test('workers of known truth get the verdict that is true', { concurrency: 3 }, (t) =>
  Promise.all(
    SEEDS.flatMap((seed) =>
      Object.keys(TRUTH).map((kind) => t.test(`${kind}, seed ${seed}: ${TRUTH[kind][0]}`, (u) => judge(u, kind, seed))),
    ),
  ),
);
